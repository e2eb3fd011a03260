"""The page's files, without a browser: nothing from elsewhere, nothing that the CSP would refuse, no loose ends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from showface.photo.fidelity import FIDELITY

STATIC = Path(__file__).parent.parent.parent / "src" / "showface" / "web" / "static"
FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
PAGE = (STATIC / "index.html").read_text(encoding="utf-8")
NAMESPACES = ("http://www.w3.org/2000/svg",)  # names, not addresses that anything is fetched from


def name_of(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


def ids() -> set[str]:
    return set(re.findall(r'\sid="([^"]+)"', PAGE))


def test_there_is_a_page_with_scripts_and_styles() -> None:
    assert len(SCRIPTS) > 20
    assert {path.suffix for path in FILES} == {".html", ".css", ".js", ".svg"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in NAMESPACES:
        text = text.replace(name, "")
    assert not re.search(r"""https?:|["'(]//|@import|\bimport\((?!"\.|\))|\beval\(|new Function""", text)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250


def test_the_page_has_no_script_or_style_of_its_own() -> None:
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", PAGE)


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_scripts_set_no_style_or_html_as_text(path: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setAttribute\(\"(style|on)", path.read_text("utf-8")
    )


def test_what_the_page_names_is_there() -> None:
    for address in re.findall(r'(?:href|src)="/static/([^"]+)"', PAGE):
        assert (STATIC / address).is_file(), address
    for symbol in re.findall(r'<use href="#([^"]+)"', PAGE):
        assert symbol in ids()
    for reference in re.findall(r'(?:for|aria-labelledby|aria-describedby)="([^"]+)"', PAGE):
        assert reference in ids()


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_what_a_script_names_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for module in re.findall(r'from "(\.[^"]+)"', text):
        imported = (path.parent / module).resolve()
        assert imported.is_file(), module
    for name in re.findall(r'(?:\$|querySelector)\("#([a-z-]+)"\)', text):
        assert name in ids(), name


def test_the_page_starts_with_the_fidelity_of_the_package() -> None:
    (found,) = re.findall(r"\bfidelity: ([\d.]+) }", (STATIC / "core" / "editor.js").read_text(encoding="utf-8"))
    assert float(found) == FIDELITY


def test_every_module_is_used() -> None:
    reached, waiting = set(), [STATIC / "main.js", STATIC / "docs.js"]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            found = re.findall(r'from "(\.[^"]+)"', path.read_text(encoding="utf-8"))
            waiting += [(path.parent / module).resolve() for module in found]
    assert reached == set(SCRIPTS)


def test_every_id_is_used_once() -> None:
    found = re.findall(r'\sid="([^"]+)"', PAGE)
    assert len(found) == len(set(found))
