"""The README's Python runs as it stands, and what it links to and calls exists."""

import re
import shutil
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SAMPLES = ROOT / "src" / "showface" / "release" / "samples"
HISTORY = ROOT / "history"  # the sdist leaves it out
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


@cache
def anchors(document: Path) -> frozenset[str]:
    """What `#...` may name in a Markdown file: its headings in lower case, without signs, with hyphens for spaces."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+?)\s*$", re.sub(r"\]\([^)]*\)", "]", text), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def resolves(target: str, document: Path) -> bool:
    """Whether a link of `document` names a file that is there, and a heading in it."""
    path, _, anchor = target.partition("#")
    file = (document.parent / path).resolve() if path else document
    if file.is_relative_to(HISTORY) and not HISTORY.is_dir():
        return True
    return file.exists() and (not anchor or anchor in anchors(file))


def test_a_link_needs_its_file_and_its_heading(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n## L1, `PSNR` by [hole](x.md) share?\n\n```\n# a comment\n```\n", encoding="utf-8")
    for target in ("page.md", "#a-page", "page.md#l1-psnr-by-hole-share"):
        assert resolves(target, page), target
    for target in ("other.md", "page.md#l1", "#a-comment"):
        assert not resolves(target, page), target


@pytest.mark.parametrize("document", (*DOCUMENTS, *sorted(HISTORY.glob("*.md"))), ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    lost = [link for link in links if not link.startswith("http") and not resolves(link, document)]
    assert not lost, lost


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_documents_name_exist(document: Path) -> None:
    for name in re.findall(r"`((?:src|tests|benchmarks|docs)/[\w/.]+\.\w+)`", document.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name
