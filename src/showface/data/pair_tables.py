"""Tables (CSV) with two columns, of which both must be filled in every line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from showface.errors import DataError


def pairs_in(table: Path, columns: tuple[str, str], *, about: str) -> Iterator[tuple[str, str, str]]:
    """For each line "TABLE, line N" and what it has in both `columns`; further columns are not read.

    A table without them, an empty field or what is no table is a `DataError`; `about` says there what it tells.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            names = rows.fieldnames or ()
            if not set(columns) <= set(names):
                found = ", ".join(names) or "nothing"
                raise DataError(f"{table}: expected a table with the columns {' and '.join(columns)}, found {found}")
            for row in rows:
                one, other = (row[column] for column in columns)
                place = f"{table}, line {rows.line_num}"
                if not one or not other:
                    raise DataError(f"{place}: expected a {columns[0]} and a {columns[1]}, found one empty")
                yield place, one, other
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: not readable as a table (CSV) of {about}: {error}") from error
