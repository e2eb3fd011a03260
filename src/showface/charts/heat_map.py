"""A table of shares as shaded cells (SVG), its rows named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, LEFT, ROW, BOTTOM = 340, 84, 15, 20  # pixels: the drawing, the names, a row, the text below


def heat_map(title: str, rows: Mapping[str, Sequence[float | None]], *, below: tuple[str, str] = ("", "")) -> str:
    """A drawing of `rows` (not empty, of one length), values in [0, 1]; None = nothing is known, the cell stays empty.

    `below` is what stands under the first and the last column.
    """
    count = max(len(row) for row in rows.values())
    step = (WIDTH - LEFT) / max(count, 1)
    parts = []
    for number, (name, row) in enumerate(rows.items()):
        top = number * ROW
        parts.append(f'<text class="quiet" x="{LEFT - 5}" y="{top + 11}" text-anchor="end">{escape(name)}</text>')
        parts += [
            f'<rect class="cell" x="{LEFT + place * step:.1f}" y="{top}" width="{step:.2f}" height="{ROW - 1}" '
            f'fill-opacity="{0.06 + 0.94 * min(max(value, 0.0), 1.0):.2f}"/>'
            for place, value in enumerate(row)
            if value is not None
        ]
        parts.append("\n")
    height = len(rows) * ROW
    ends = "".join(
        f'<text class="quiet" x="{x}" y="{height + 14}" text-anchor="{side}">{escape(text)}</text>'
        for text, x, side in ((below[0], LEFT, "start"), (below[1], WIDTH, "end"))
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {height + BOTTOM}" role="img" aria-label="{escape(_in_words(title, rows))}">\n'
        f"{''.join(parts)}{ends}</svg>\n"
    )


def _in_words(title: str, rows: Mapping[str, Sequence[float | None]]) -> str:
    """The last known value of every row."""
    known = {name: [value for value in row if value is not None] for name, row in rows.items()}
    return f"{title}; last values " + ", ".join(f"{name} {row[-1]:.2f}" for name, row in known.items() if row)
