"""Blocks of what was measured by what the picture shows: skin tone, glasses, hat, hair, turn of the head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cells import SETS, SHARES, Results, is_clear, plus_minus, prose, table

from showface.evaluation.measuring.measures import MEASURES
from showface.evaluation.report.gallery import OURS

GAIN = " − "  # in the name of the rows that are a gain over another method


def groups(results: Results) -> str:
    """The model card's table: what the picture shows, and how much higher the gain over Telea is than elsewhere."""
    heading = ["", "faces", "PSNR (dB)", "SSIM", "LPIPS (alex)", "gain over Telea to the others: dB", "SSIM", "LPIPS"]
    rows = [row for name, one in results.strokes.items() for row in _group_rows(SETS[name], one["groups"])]
    return f"{table(heading, rows)}\n\n{gains(results)}"


def _group_rows(faces: str, cells: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    found = {(c["method"], c["metric"], c["trait"], c["group"], c["bucket"]): c for c in cells}
    names = dict.fromkeys((c["trait"], c["group"]) for c in cells if not _is_rest(c["group"]))
    return [[f"{faces}: {group}", *_group_cells(found, trait, group)] for trait, group in names]


def _group_cells(found: Mapping[Any, Any], trait: str, group: str) -> list[str]:
    methods = dict.fromkeys(key[0] for key in found)
    gain = next(method for method in methods if GAIN in method)

    def across(method: str, metric: str, write: Callable[[Mapping[str, Any]], str]) -> str:
        return " / ".join(write(found[method, metric, trait, group, bucket]) for bucket in SHARES)

    count = max(found[OURS, "psnr", trait, group, bucket]["count"] for bucket in SHARES)
    own = [across(OURS, metric, lambda c, d=digits: f"{c['mean']:.{d}f}") for metric, digits in _DIGITS.items()]
    more = [across(gain, metric, lambda c, d=digits: plus_minus(c, d)) for metric, digits in _DIGITS.items()]
    return [str(count), *own, *more]


def gains(results: Results) -> str:
    """In which groups the networks gain less over Telea than elsewhere, beyond two standard errors."""
    lines = []
    for name, content in results.strokes.items():
        less = [one for one in content["groups"] if _is_gain(one) and is_clear(one) and _is_less(one)]
        for group in dict.fromkeys(one["group"] for one in less):
            found = [one for one in less if one["group"] == group]
            lines.append(prose(f"* {SETS[name]}, **{group}**, {found[0]['count']} faces: {_told(found)}"))
    return "\n".join(["Less gain over Telea than on the other faces, beyond two standard errors:\n", *lines])


def _is_gain(cell: Mapping[str, Any]) -> bool:
    return GAIN in cell["method"] and cell["metric"] in _UNITS and not _is_rest(cell["group"])


def _is_less(cell: Mapping[str, Any]) -> bool:
    return bool((cell["difference"] > 0) != MEASURES[cell["metric"]].higher)


def _is_rest(group: str) -> bool:
    """Whether a group is only what is left beside another one."""
    return group.startswith("no ") or group in ("facing", "face free")


def _told(cells: Sequence[Mapping[str, Any]]) -> str:
    words = []
    for metric in dict.fromkeys(one["metric"] for one in cells):
        found = [one for one in cells if one["metric"] == metric]
        across = ", ".join(f"{one['difference']:+.{_DIGITS[metric]}f} ± {one['error']:.{_DIGITS[metric]}f} "
                           f"({one['bucket']} %)" for one in found)  # fmt: skip
        words.append(f"{_UNITS[metric]} {across}")
    return "; ".join(words)


_DIGITS = {"psnr": 1, "ssim": 3, "lpips": 3}  # in the order of the columns
_UNITS = {"psnr": "dB", "ssim": "SSIM", "lpips": "LPIPS"}
