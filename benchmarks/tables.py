"""Writes the blocks of all pages from results/*.json: `make tables`. Nothing is measured; see benchmarks/marks.py.

    python benchmarks/tables.py [--check]        # --check writes nothing and fails if a page differs

The blocks are those of benchmarks/blocks.py; a page shows one wherever it has its marks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from blocks import BLOCKS, Results
from marks import filled
from record import RESULTS

ROOT = RESULTS.parent


def pages(root: Path) -> list[Path]:
    """Every page that may have blocks."""
    return sorted([*root.glob("*.md"), *(root / "docs").glob("*.md"), *(root / "src").rglob("*.md")])


def written(root: Path, results: Results) -> Iterator[tuple[Path, str, str]]:
    """Each page: where it lies, what it holds, what it is to hold."""
    for path in pages(root):
        text = path.read_text(encoding="utf-8")
        yield path, text, filled(text, lambda name: block(name, results))


def block(name: str, results: Results) -> str:
    """The text of one block."""
    if name not in BLOCKS:
        raise SystemExit(f"expected a block of {', '.join(BLOCKS)}, found {name!r}; see benchmarks/blocks.py")
    return BLOCKS[name](results)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="write nothing; fail if a page differs")
    chosen = options.parse_args()
    changed = [(path, new) for path, old, new in written(ROOT, Results(RESULTS)) if old != new]
    for path, new in changed:
        print(f"{'differs' if chosen.check else 'wrote'}: {path.relative_to(ROOT)}")
        if not chosen.check:
            path.write_text(new, encoding="utf-8")
    sys.exit(f"{len(changed)} pages differ from results/; run make tables" if chosen.check and changed else 0)


if __name__ == "__main__":
    main()
