"""Kinds of words that commands take, beside those of click."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from showface.errors import SettingError, unknown
from showface.photo.fidelity import checked_fidelity

if TYPE_CHECKING:
    from showface.jobs.one_picture import Points
    from showface.photo.mask_options import Rectangle


class Suggesting(click.Group):
    """A group that answers an unknown command with the nearest one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            raise click.UsageError(unknown("command", args[0], known), ctx)
        return super().resolve_command(ctx, args)


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


class PointsType(click.ParamType["Points"]):
    """Ten numbers with commas between: x, y of right eye, left eye, nose, right and left corner of the mouth."""

    name = "points"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Points:
        if isinstance(value, tuple):
            return value
        try:
            numbers = [float(number) for number in str(value).split(",")]
        except ValueError:
            numbers = []
        if len(numbers) != 10 or not all(map(math.isfinite, numbers)):
            self.fail(
                "expected ten numbers x,y,x,y,... in pixels (right eye, left eye, nose, right and left corner of the "
                f"mouth), got {value!r}", param, ctx,
            )  # fmt: skip
        return tuple(zip(numbers[::2], numbers[1::2], strict=True))


class FidelityType(click.ParamType["float"]):
    """A number from 0 to 1."""

    name = "fidelity"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return checked_fidelity(float(str(value)))
        except (ValueError, SettingError):
            self.fail(f"expected a number from 0 (natural) to 1 (faithful), got {str(value)!r}", param, ctx)


RECTANGLE = RectangleType()
POINTS = PointsType()


def words_of(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """A repeatable option whose values may be lists with commas; each word once, in their order."""
    return tuple(dict.fromkeys(word.strip() for value in values for word in value.split(",") if word.strip()))
