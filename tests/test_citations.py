"""What code and documents cite is in the repository, and the pages of docs/ keep to their size.

Cited are files (`docs/tour.md#a-title`, `layers/regions.py::region_pool`), sections of the method (`method.md §7.2`),
numbers of faults (`faults.md 27`), and whatever a document links to. Every finding is "file:line: what".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
FOLDERS = ("src", "tests", "benchmarks", "studies", "docs")
TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "pyproject.toml")
WHOLE = (ROOT / ".git").exists()  # a source archive leaves out some folders, such as history/
MADE_UP = re.compile(r"(?:^|/)(?:[A-Z]+|new|utils|such_file)\.\w+$|/sheet\.png$")  # in usage lines and by other tests
WRITTEN = {"table.md", "groups.md", "differences.md", "parser.md"}  # by commands, into folders of results

PATH = re.compile(
    r"(?<![\w/.\-{}%])((?:docs|history|results|benchmarks|studies|src|tests)/[\w./*\-]*[\w/*])(?:#([\w\-]+))?"
)
PYTHON = re.compile(r"(?<![\w/.\-{}%*])((?:\w+/)+\w+\.py)(?:::([\w.]*\w)(?!\w*\*))?")
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
SECTION, FAULT = re.compile(r"§(\d+(?:\.\d+)?)"), re.compile(r"faults\.md (\d+(?:(?:, | and | to )\d+)*)")
DOCUMENT = re.compile(r"https?://\S+|(?<![\w-])([\w-]+\.md)\b")
NOT_HERE = re.compile(
    r"\bMETHOD(?:'s| sections?\b| \d)|\bINVENTION\b|\bCOMPARATORS\b|\bFAULTS? \d|\b[Mm]ethod,? sections? \d|"
    r"\b[Ff]aults? \d|\blist of faults\b|\b[Tt]he design(?:'s table| drew)|\bnot in the design\b|"
    r"/work/(?:main|shared|scratch)\b"
)
NOT_HERE_MARKS = ("METHOD", "INVENTION", "COMPARATORS", "FAULT", "ethod", "ault", "he design", "/work/")


class Text(NamedTuple):
    """A text of the repository, or a planted one."""

    path: Path
    content: str

    def found(self, pattern: re.Pattern[str], *marks: str) -> Iterator[tuple[str, re.Match[str]]]:
        """ "file:line" and every match of `pattern` in the lines that hold one of `marks`, if any are given."""
        name = self.path.relative_to(ROOT).as_posix()
        for number, line in enumerate(self.content.splitlines(), start=1):
            if not marks or any(mark in line for mark in marks):
                yield from ((f"{name}:{number}", match) for match in pattern.finditer(line))


Check = Callable[[Text], list[str]]


@cache
def texts() -> tuple[Text, ...]:
    """Everything that is written by hand, except this file, which holds what must not be cited."""
    kinds = {".py", ".md", ".js", ".css", ".html", ".toml"}
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.suffix in kinds]
    paths += [ROOT / name for name in TOP if (ROOT / name).is_file()]
    return tuple(Text(path, path.read_text(encoding="utf-8")) for path in paths if path != Path(__file__))


@cache
def anchors(document: Path) -> frozenset[str]:
    """What a link into `document` may name: its headings as GitHub spells them."""
    seen: dict[str, int] = {}
    for line in without_code(document.read_text(encoding="utf-8")).splitlines():
        if heading := re.match(r"#{1,6} +(.*)", line):
            shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).strip().lower()
            slug = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
            seen[slug] = seen.get(slug, -1) + 1
            seen |= {f"{slug}-{seen[slug]}": 0} if seen[slug] else {}
    return frozenset(seen)


@cache
def names_in(file: Path) -> frozenset[str]:
    """Functions, methods and classes of a Python file."""
    return frozenset(re.findall(r"^\s*(?:def|class) (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))


@cache
def sections() -> frozenset[str]:
    """The numbers of the headings of docs/method.md."""
    text = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^#{2,3} (\d+(?:\.\d+)?)\.? ", text, re.MULTILINE))


@cache
def faults() -> frozenset[str]:
    """The numbers of the rows of docs/faults.md."""
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^\| *(\d+) \|", text, re.MULTILINE))


def without_code(text: str) -> str:
    """A document with its code blocks emptied, line by line."""
    return re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), text, flags=re.MULTILINE | re.DOTALL)


def left_out(path: Path) -> bool:
    """Whether it is made up, or a source archive does not hold it."""
    if MADE_UP.search(path.as_posix()):
        return True
    return not WHOLE and path.is_relative_to(ROOT) and not (ROOT / path.relative_to(ROOT).parts[0]).exists()


# ---------------------------------------------------------------------------------------------- checks of one text


def missing_paths(text: Text) -> list[str]:
    wrong = []
    for place, match in text.found(PATH, "/"):
        path = ROOT / match[1]
        there = any(ROOT.glob(match[1])) if "*" in match[1] else path.exists()
        if not there and not left_out(path):
            wrong.append(f"{place}: {match[1]} is not there")
        elif match[2] and path.suffix == ".md" and there and match[2] not in anchors(path):
            wrong.append(f"{place}: {match[1]} has no #{match[2]}")
    return wrong


def missing_python(text: Text) -> list[str]:
    wrong = []
    places = (ROOT, ROOT / "src" / "showface", ROOT / "tests", text.path.parent)
    for place, match in text.found(PYTHON, ".py"):
        files = [folder / match[1] for folder in places if (folder / match[1]).is_file()]
        if not files and not left_out(ROOT / match[1]):
            wrong.append(f"{place}: {match[1]} is neither below src/showface nor below tests")
        elif files and match[2] and not any(names_in(file).issuperset(match[2].split(".")) for file in files):
            wrong.append(f"{place}: {match[1]} has no {match[2]}")
    return wrong


def dead_links(text: Text) -> list[str]:
    if text.path.suffix != ".md":
        return []
    wrong = []
    for place, match in Text(text.path, without_code(text.content)).found(LINK, "]("):
        target = (text.path.parent / match[1]).resolve() if match[1] else text.path
        if match[1].startswith(("http:", "https:", "mailto:")) or left_out(target):
            continue
        if not target.exists():
            wrong.append(f"{place}: link to {match[1]}, which is not there")
        elif match[2] and target.suffix == ".md" and match[2] not in anchors(target):
            wrong.append(f"{place}: link to {match[1]}#{match[2]}, which has no such heading")
    return wrong


def missing_numbers(text: Text) -> list[str]:
    wrong = [f"{at}: docs/method.md has no §{m[1]}" for at, m in text.found(SECTION, "§") if m[1] not in sections()]
    for place, match in text.found(FAULT, "faults.md "):
        absent = sorted(set(re.findall(r"\d+", match[1])) - faults())
        wrong += [f"{place}: docs/faults.md has no row {', '.join(absent)}"] if absent else []
    return wrong


def foreign_documents(text: Text) -> list[str]:
    known = {path.name for path in documents()} | WRITTEN
    wrong = [f"{at}: {m[0]!r} is no document here" for at, m in text.found(NOT_HERE, *NOT_HERE_MARKS)]
    pages = text.found(DOCUMENT, ".md") if WHOLE else ()
    return wrong + [f"{at}: no document is called {m[1]}" for at, m in pages if m[1] and m[1] not in known]


@cache
def documents() -> tuple[Path, ...]:
    folders = (*FOLDERS, "history")
    return (*ROOT.glob("*.md"), *(path for folder in folders for path in (ROOT / folder).rglob("*.md")))


CHECKS: tuple[Check, ...] = (missing_paths, missing_python, dead_links, missing_numbers, foreign_documents)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_whatever_is_cited_is_here(check: Check) -> None:
    wrong = [line for text in texts() for line in check(text)]
    assert not wrong, "\n".join(["", *wrong])


PLANTED: dict[Check, tuple[int, str]] = {
    missing_paths: (5, "docs/nowhere.md history/r99/*.json docs/tour.md#nowhere src/showface/nothing.py tests/no.py"),
    missing_python: (3, "networks/nobody.py losses/inco2.py::nothing `losses/test_inco2.py::test_nothing`"),
    dead_links: (5, "[a](nowhere.md) [b](tour.md#nowhere) ![c](none.jpg) [d](#nowhere) [e](../src/none.py)"),
    missing_numbers: (4, "method.md §99, §7.9; faults.md 99; faults.md 1, 2 and 98"),
    foreign_documents: (
        7,
        "METHOD section 2, method section 3, FAULTS 27, fault 39, INVENTION, DESIGN.md, the design's table",
    ),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_what_is_planted_is_found(check: Check) -> None:
    count, words = PLANTED[check]
    found = check(Text(ROOT / "docs" / "planted.md", f"\n{words}\n"))
    assert len(found) == count and all(line.startswith("docs/planted.md:2: ") for line in found), found


def test_what_is_here_may_be_cited() -> None:
    text = (
        "docs/tour.md, tests/faults, [a](method.md#54-read), [b](https://example.org/x.md#y), method.md §7.1, §7.2,\n"
        "faults.md 2, 10, 18 and 26, losses/inco2.py::intra_loss, a method, the faults of 3 files, `OUT/table.md`\n"
        "```\n[code](nowhere.jpg)\n```\n"
    )
    assert [line for check in CHECKS for line in check(Text(ROOT / "docs" / "planted.md", text))] == []


def test_headings_are_spelt_as_github_does() -> None:
    assert {"54-read", "62-masked-correlation-mining", "5-disentangled-memory"} <= anchors(ROOT / "docs" / "method.md")


# ---------------------------------------------------------------------------------------------- size of the pages

ALL_PAGES, PAGE, LARGER = 150_000, 15_000, {"method.md": 20_000}  # bytes
LONGEST = 160  # characters of a line, outside tables and code


def too_large(page: Path) -> list[str]:
    """What is too long about one page, and whether it says for whom it is."""
    text, most = page.read_text(encoding="utf-8"), LARGER.get(page.name, PAGE)
    wrong = [f"{page.name}: {page.stat().st_size:,} bytes, at most {most:,}"] if page.stat().st_size > most else []
    title, *rest = [line for line in text.splitlines() if line]
    if not title.startswith("# ") or not rest or not rest[0].startswith("For "):
        wrong.append(f'{page.name}:3: expected a title and then "For ...", for whom the page is')
    for number, line in enumerate(without_code(text).splitlines(), start=1):
        if len(line) > LONGEST and not line.startswith("|"):
            wrong.append(f"{page.name}:{number}: {len(line)} characters, at most {LONGEST}")
    return wrong


def test_pages_are_short_and_say_for_whom_they_are() -> None:
    wrong = [line for page in DOCS for line in too_large(page)]
    assert not wrong, "\n".join(["", *wrong])


def test_all_pages_together_are_short() -> None:
    sizes = {page.name: page.stat().st_size for page in DOCS}
    assert sum(sizes.values()) <= ALL_PAGES, sizes


def test_a_page_that_is_too_large_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\nAbout it.\n\n{'x' * 161}\n\n| {'x' * 161} |\n\n```\n{'x' * 161}\n```\n")
    assert [line.partition(": ")[0] for line in too_large(page)] == ["page.md:3", "page.md:5"]
    page.write_text("# A page\n\nFor everyone.\n" + 15_000 * "x\n")
    assert [line.partition(": ")[0] for line in too_large(page)] == ["page.md"]
