"""The mean of a face completed as it is and mirrored: what a second pass of finished weights would be worth.

    python benchmarks/mirrored.py --data DATA/celebamask/val/images --masks DATA/masks/test [--limit 24] \
        [--weights compact=compact]

The table's columns are explained at `changing.report_changes`.
"""

from __future__ import annotations

from collections.abc import Iterator

from changing import Complete, Masks, Signal, report_changes

SHARES = (0.25, 0.5)  # of the mirrored one


def mixed(complete: Complete, images: Signal, masks: Masks, made: Signal) -> Iterator[tuple[str, Signal]]:
    """`made`, with each of `SHARES` of the mirrored face's completion, mirrored back."""
    other = complete(images.flip(3), masks.flip(3)).flip(3)
    for share in SHARES:
        yield f"{share} of the mirrored", made.lerp(other, share)


if __name__ == "__main__":
    report_changes(__doc__ or "", "mirrored", mixed)
