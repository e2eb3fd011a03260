"""Kinds of words that commands take, beside those of click."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from showface.photo.mask_options import Rectangle


class RectangleType(click.ParamType["Rectangle"]):
    """Four whole numbers with commas between: x and y of the upper left corner, width, height."""

    name = "rectangle"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Rectangle:
        if isinstance(value, tuple):
            return value
        try:
            x, y, width, height = (int(number) for number in str(value).split(","))
        except ValueError:
            self.fail(f"expected x,y,width,height in whole pixels, got {value!r}", param, ctx)
        if min(x, y) < 0 or min(width, height) < 1:
            self.fail(f"expected x and y of at least 0, width and height of at least 1, got {value}", param, ctx)
        return x, y, width, height


RECTANGLE = RectangleType()


def words_of(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """A repeatable option whose values may be lists with commas; each word once, in their order."""
    return tuple(dict.fromkeys(word.strip() for value in values for word in value.split(",") if word.strip()))
