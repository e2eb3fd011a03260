"""The README's Python runs as it stands, and what it links to and calls exists."""

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SAMPLES = ROOT / "src" / "showface" / "release" / "samples"
DOCUMENTS = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")))


def test_the_python_block_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len([line for line in block.splitlines() if line and not line.startswith("#")]) <= 10
    face = sorted((SAMPLES / "faces").iterdir())[0]
    with Image.open(face) as picture:
        picture.save(tmp_path / "photo.jpg")
    shutil.copy(SAMPLES / "masks" / f"{face.stem}.png", tmp_path / "mask.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    with Image.open("restored.png") as restored, Image.open("photo.jpg") as photo:
        assert restored.size == photo.size
    assert "torch.Size([1, 3, 256, 256])" in capsys.readouterr().out


def test_the_commands_exist() -> None:
    from showface.cli.main import COMMANDS

    called = set(re.findall(r"^showface ([\w-]+)", TEXT, re.MULTILINE))
    assert called and called <= set(COMMANDS)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^make ([\w-]+)", TEXT, re.MULTILINE)) <= targets
    for script in re.findall(r"python (benchmarks/\w+\.py)", TEXT):
        assert (ROOT / script).is_file()


def test_the_options_of_its_commands_exist() -> None:
    import click

    from showface.cli.main import group

    context = click.Context(group)
    for name, words in re.findall(r"^showface ([\w-]+)([^#\n]*)", TEXT, re.MULTILINE):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):  # then the next word is the command
            command = command.get_command(context, words.split()[0])
            assert command is not None, words
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", words)) <= known, name


def test_the_regions_it_names_are_those_there_are() -> None:
    from showface.semantics import REGIONS

    (listed,) = re.findall(r"every `--region` \(([^:]*):", TEXT)
    assert sorted(re.split(r",\s+", listed)) == sorted(REGIONS)


def test_links_lead_somewhere() -> None:
    links = [(page, target) for page in DOCUMENTS for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))]
    lost = [f"{page.name}: {to}" for page, to in links if not (to.startswith("http") or (page.parent / to).exists())]
    assert links and lost == []


def test_files_that_documents_name_exist() -> None:
    place = r"`((?:src|tests|benchmarks|studies|docs)/[\w/.]+\.\w+)`"
    names = [(page, name) for page in DOCUMENTS for name in re.findall(place, page.read_text("utf-8"))]
    assert names and [f"{page.name}: {name}" for page, name in names if not (ROOT / name).exists()] == []
