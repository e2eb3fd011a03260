"""The public names are a list; changing it is a decision, not an accident."""

import tomllib
from pathlib import Path

import click

import showface

ROOT = Path(__file__).parent.parent

PUBLIC = ["FaceInpainter", "MDRNets", "MDRNetsConfig", "ShowFaceError", "__version__"]
COMMANDS = [
    "inpaint", "demo", "serve", "train", "data", "label", "evaluate", "evaluate-parser", "ablate", "export", "doctor",
]  # fmt: skip


def test_the_public_names_are_these_and_exist() -> None:
    assert sorted(showface.__all__) == PUBLIC
    assert set(PUBLIC) <= set(dir(showface))
    for name in PUBLIC:
        assert getattr(showface, name) is not None


def test_other_names_are_refused() -> None:
    assert not hasattr(showface, "Inpainter")


def test_the_commands_are_these_and_each_has_help() -> None:
    from showface.cli.main import COMMANDS as FOUND
    from showface.cli.main import group

    assert list(FOUND) == COMMANDS
    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None and command.name == name
        assert command.help
        for parameter in command.params:
            assert parameter.param_type_name == "argument" or getattr(parameter, "help", None), (
                f"{name} {parameter.name}"
            )


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == showface.__version__
    assert f"\nversion: {showface.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {showface.__version__}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(showface.__file__).parent / "py.typed").is_file()
