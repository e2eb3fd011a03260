"""The page's files, without a browser: nothing from elsewhere, nothing that the CSP would refuse, no loose ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from showface.photo.fidelity import FIDELITY

STATIC = Path(__file__).parent.parent.parent / "src" / "showface" / "web" / "static"
FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
TEXTS = {path: path.read_text(encoding="utf-8") for path in FILES}
PAGE = TEXTS[STATIC / "index.html"]
NAMESPACES = ("http://www.w3.org/2000/svg",)  # names, not addresses that anything is fetched from


def name_of(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


Check = Callable[[str], list[str]]


def wrong(paths: Sequence[Path], check: Check) -> list[str]:
    """What `check` finds in the texts of `paths`."""
    return [f"{name_of(path)}: {found}" for path in paths for found in check(TEXTS[path])]


def ids() -> set[str]:
    return set(re.findall(r'\sid="([^"]+)"', PAGE))


def test_there_is_a_page_with_scripts_and_styles() -> None:
    assert len(SCRIPTS) > 20
    assert {path.suffix for path in FILES} == {".html", ".css", ".js", ".svg"}


def from_elsewhere(text: str) -> list[str]:
    for name in NAMESPACES:
        text = text.replace(name, "")
    return re.findall(r"""https?:|["'(]//|@import|\bimport\((?!"\.|\))|\beval\(|new Function""", text)


def test_nothing_comes_from_elsewhere() -> None:
    assert wrong(FILES, from_elsewhere) == []


def test_files_are_small() -> None:
    assert [name_of(path) for path, text in TEXTS.items() if len(text.splitlines()) > 250] == []


def test_the_page_has_no_script_or_style_of_its_own() -> None:
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", PAGE)


def style_or_html(text: str) -> list[str]:
    return re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setAttribute\(\"(?:style|on)", text)


def test_scripts_set_no_style_or_html_as_text() -> None:
    assert wrong(SCRIPTS, style_or_html) == []


@pytest.mark.parametrize(
    ("check", "text", "found"),
    [
        (from_elsewhere, "fetch('https://a.b')", "https:"),
        (from_elsewhere, 'src="//a.b/c.js"', '"//'),
        (from_elsewhere, "@import url(a.css)", "@import"),
        (from_elsewhere, 'await import("react")', "import("),
        (from_elsewhere, "eval(text)", "eval("),
        (style_or_html, "node.innerHTML = text", "innerHTML"),
        (style_or_html, 'node.setAttribute("onclick", text)', 'setAttribute("on'),
    ],
)
def test_a_planted_fault_is_found(check: Check, text: str, found: str) -> None:
    assert check(text) == [found]


def test_every_fault_of_every_file_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in FILES[:2]:
        monkeypatch.setitem(TEXTS, path, "eval(eval(")
    assert wrong(FILES, from_elsewhere) == [f"{name_of(path)}: eval(" for path in FILES[:2] for _ in range(2)]


def test_what_the_page_names_is_there() -> None:
    for address in re.findall(r'(?:href|src)="/static/([^"]+)"', PAGE):
        assert (STATIC / address).is_file(), address
    for symbol in re.findall(r'<use href="#([^"]+)"', PAGE):
        assert symbol in ids()
    for reference in re.findall(r'(?:for|aria-labelledby|aria-describedby)="([^"]+)"', PAGE):
        assert reference in ids()


def test_what_scripts_name_is_there() -> None:
    modules = [(path, path.parent / name) for path in SCRIPTS for name in re.findall(r'from "(\.[^"]+)"', TEXTS[path])]
    looked_up = r'(?:\$|querySelector)\("#([a-z-]+)"\)'
    asked = [(path, name) for path in SCRIPTS for name in re.findall(looked_up, TEXTS[path])]
    assert modules and [pair for pair in modules if not pair[1].is_file()] == []
    assert asked and [pair for pair in asked if pair[1] not in ids()] == []


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
