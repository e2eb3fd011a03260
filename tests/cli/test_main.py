from __future__ import annotations

import subprocess
import sys
import warnings

import click
import pytest

from showface import __version__
from showface.cli import main as cli
from showface.cli.main import COMMANDS, main
from showface.errors import NonFiniteError, SettingError


def fake(monkeypatch: pytest.MonkeyPatch, do: object) -> None:
    """Puts a command `demo` in place that calls `do`."""

    @click.command("demo")
    def command() -> object:
        return do() if callable(do) else None

    monkeypatch.setattr(cli, "import_module", lambda name: type("module", (), {"command": command}))


def failing(error: BaseException) -> object:
    def do() -> None:
        raise error

    return do


def test_help_names_every_command_and_costs_no_slow_import() -> None:
    code = (
        "import sys; from showface.cli.main import main; code = main(['--help']);"
        "slow = {'torch', 'numpy', 'PIL', 'cv2', 'rich', 'safetensors'} & set(sys.modules);"
        "sys.exit(f'{code} {slow}' if code or slow else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_says_what_each_option_does(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: showface {name}")
    command = cli.group.get_command(click.Context(cli.group), name)
    assert command is not None and command.help
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, f"{name} {parameter.name} has no help"


def test_without_a_command_it_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["inpant"], "unknown command 'inpant'; did you mean 'inpaint'?"),
        (["inpaint", "a.png", "--mask", "b.png"], "Missing option '--out'"),
        (["inpaint"], "Missing argument 'IMAGE'"),
        (["demo", "--colour"], "No such option"),
        (["demo", "--device"], "requires an argument"),
        (["demo", "too", "much"], "Got unexpected extra arguments"),
    ],
)
def test_a_wrong_line_is_one_line_and_exit_code_2(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("showface: error: ") and complaint in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingError("no\nsuch setting"), 2),
        (NonFiniteError("no such setting"), 1),
        (OSError("no such setting"), 1),
    ],
)
def test_errors_are_one_line_and_their_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(monkeypatch, failing(error))
    assert main(["demo"]) == code
    assert capsys.readouterr().err == "showface: error: no such setting\n"


@pytest.mark.parametrize("words", [["--debug", "demo"], ["demo", "--debug"]])
def test_debug_lets_the_traceback_through(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, failing(SettingError("wrong")))
    with pytest.raises(SettingError):
        main(words)


def test_our_own_mistakes_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, failing(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["demo"])


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fake(monkeypatch, failing(KeyboardInterrupt()))
    assert main(["demo"]) == 130
    assert "stopped" in capsys.readouterr().err


def test_warnings_are_one_line_too_and_each_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def warn() -> None:
        for _ in range(2):
            warnings.warn("look\nhere", stacklevel=2)

    fake(monkeypatch, warn)
    assert main(["demo"]) == 0
    assert capsys.readouterr().err == "showface: warning: look here\n" * 2
