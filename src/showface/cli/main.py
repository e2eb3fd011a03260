"""`showface`: the group of commands, and how errors and warnings look: one line, and an exit code.

Exit codes: 0 = all done, 1 = the run failed, 2 = what was handed over cannot be used, 130 = stopped by Ctrl-C.
No traceback unless `--debug` is given, anywhere on the line.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import TextIO

import click

import showface
from showface.allocator import keep_freed_memory
from showface.cli.parameters import Suggesting
from showface.errors import ShowFaceError

COMMANDS = {
    "inpaint": "showface.cli.inpaint",
    "demo": "showface.cli.demo",
    "serve": "showface.cli.serve",
    "train": "showface.cli.train",
    "data": "showface.cli.data",
    "label": "showface.cli.label",
    "evaluate": "showface.cli.evaluate",
    "evaluate-parser": "showface.cli.evaluate_parser",
    "ablate": "showface.cli.ablate",
    "export": "showface.cli.export",
    "doctor": "showface.cli.doctor",
}  # each module holds its click command as `command`


class Commands(Suggesting):
    """A group whose commands are modules, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        return command


@click.group("showface", cls=Commands, invoke_without_command=True)
@click.version_option(showface.__version__)
@click.option("--debug", is_flag=True, help="Show where in the code an error comes from.")
@click.pass_context
def group(ctx: click.Context, debug: bool) -> None:
    """Complete the hidden part of a face photograph; train and measure the networks that do it."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code.

    Without arguments it is that of this process, which then keeps the memory that it frees; the process of a caller who
    gives them is left as it is.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if arguments is None:
        keep_freed_memory()
    with warnings.catch_warnings(action="always", category=UserWarning):
        warnings.showwarning = _show_warning
        try:
            result = group.main([word for word in words if word != "--debug"], "showface", standalone_mode=False)
            return result if isinstance(result, int) else 0
        except click.Abort:
            return _complain("stopped", 130)
        except (click.ClickException, ShowFaceError, OSError, MemoryError) as error:
            if debug:
                raise
            return _complain(_sentence(error), getattr(error, "exit_code", 1))


def _sentence(error: click.ClickException | ShowFaceError | OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return f"out of memory: {error}; use smaller pictures, or fewer --workers"
    return error.format_message() if isinstance(error, click.ClickException) else str(error)


def _complain(sentence: str, exit_code: int) -> int:
    click.echo(f"showface: error: {' '.join(sentence.split())}", err=True)
    return exit_code


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    click.echo(f"showface: warning: {' '.join(str(message).split())}", err=True)


if __name__ == "__main__":  # torchrun -m showface.cli.main train ...
    sys.exit(main())
