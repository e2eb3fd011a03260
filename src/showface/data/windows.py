"""The part of an aligned picture that a sample shows, so that masks and further pictures of a person agree with it."""

from __future__ import annotations

from dataclasses import dataclass

from showface.images import Box


@dataclass(frozen=True)
class Window:
    """A square within the largest centred square of a picture, in sides of that square: (0, 0, 1) is all of it."""

    left: float = 0.0
    top: float = 0.0
    side: float = 1.0

    @staticmethod
    def of(box: Box, picture: tuple[int, int]) -> Window:
        """The window that is `box` (left, top, right, bottom) of a picture of (width, height), all in pixels."""
        side, left, top = _centred(picture)
        return Window((box[0] - left) / side, (box[1] - top) / side, (box[2] - box[0]) / side)

    def box(self, picture: tuple[int, int]) -> Box:
        """The same window of another picture of (width, height), in its pixels."""
        side, left, top = _centred(picture)
        left, top = left + self.left * side, top + self.top * side
        return left, top, left + self.side * side, top + self.side * side

    def mirrored(self) -> Window:
        """The window that shows the same of the picture's mirror image."""
        return Window(1 - self.left - self.side, self.top, self.side)

    def across(self, x: float) -> float:
        """Where the picture's `x` lies in the window, in sides of it."""
        return (x - self.left) / self.side


def _centred(picture: tuple[int, int]) -> tuple[float, float, float]:
    """Side, left and top of the largest centred square."""
    side = min(picture)
    return float(side), (picture[0] - side) / 2, (picture[1] - side) / 2
