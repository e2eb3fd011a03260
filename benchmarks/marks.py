"""The places of a page that are written from results/*.json:

<!-- results: NAME -->
what `make tables` writes
<!-- end: NAME -->
"""

from __future__ import annotations

import re
from collections.abc import Callable

_BLOCK = re.compile(r"<!-- results: ([\w-]+) -->\n.*?<!-- end: \1 -->", re.DOTALL)
_MARK = re.compile(r"<!-- (?:results|end): [\w-]+ -->")


def names(page: str) -> list[str]:
    """The blocks of a page, from top to bottom; a mark without its other one is refused."""
    if len(_MARK.findall(page)) != 2 * len(found := _BLOCK.findall(page)):
        raise SystemExit("expected <!-- results: NAME --> and <!-- end: NAME --> in pairs, found one alone; mend it")
    return found


def filled(page: str, write: Callable[[str], str]) -> str:
    """The page with what `write` makes of each block's name between its marks."""
    names(page)
    return _BLOCK.sub(lambda found: _between(found[1], write(found[1])), page)


def _between(name: str, text: str) -> str:
    return f"<!-- results: {name} -->\n\n{text.strip()}\n\n<!-- end: {name} -->"
