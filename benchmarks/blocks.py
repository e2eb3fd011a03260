"""The tables and sentences that pages show of results/*.json: `BLOCKS` has a function for each name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import occlusion_tables
from cells import SHARES, Cells, Results, buckets, prose, source, table
from group_blocks import gains, groups
from stroke_blocks import boxes, boxes_short, measured, strokes, strokes_of

from showface.evaluation.measuring.measures import MEASURES


def parser(results: Results) -> str:
    """Mean IoU of the 14 categories in per cent, on true faces and on coarse ones of the largest bucket."""
    return "\n\n".join(f"{_scores(one['scores'])}\n\n{source(one['provenance'])}" for one in results["parser"]["sets"])


def _scores(scores: Sequence[Mapping[str, Any]]) -> str:
    categories = list(dict.fromkeys(category for one in scores for category in one["iou"]))
    shown = [one for one in scores if one["faces"] == "true" or SHARES[-1] in one["faces"]]
    rows = [
        [one["parser"], one["faces"], f"{100 * one['mean']:.1f}", *_shares(one["iou"], categories)] for one in shown
    ]
    return table(["parser", "faces", "mean", *categories], rows, words=2)


def _shares(iou: Mapping[str, float], categories: Sequence[str]) -> list[str]:
    return [f"{100 * iou[name]:.0f}" if name in iou else "–" for name in categories]


def plain_table(name: str) -> Callable[[Results], str]:
    """The means of a file of one table."""
    return lambda results: f"{_means(results[name]['table'])}\n\n{source(results[name]['provenance'])}"


def _means(cells: Mapping[str, Cells]) -> str:
    metrics = [name for name in MEASURES if all(name in row[SHARES[0]] for row in cells.values())]
    heading = ["1-20 / 20-40 / 40-60 % hidden", *(MEASURES[name].heading for name in metrics)]
    return table(
        heading, [[m, *(buckets(row, name, MEASURES[name].digits) for name in metrics)] for m, row in cells.items()]
    )


def occlusions(results: Results) -> str:
    return occlusion_tables.block(results["occlusions"])


# ---------------------------------------------------------------------------------------------- the release


def release(results: Results) -> str:
    """Which weights the package brings, in a few sentences."""
    facts = results["release"]
    trained = f"trained for about {facts['hours']:.0f} hours on two processor threads"
    named = f"The bundled weights are release {facts['name']}: {_size(facts)}, {trained}."
    return prose(f"{named} {cost_line(results)}")


def _size(facts: Mapping[str, Any]) -> str:
    parameters, gmac = facts["parameters"]["total"] / 1e6, facts["gmac"]["total"]
    return f"{facts['megabytes']:.0f} MB, {parameters:.1f} M parameters, {gmac:.1f} GMAC a face"


def cost_line(results: Results) -> str:
    """Seconds of one face and of the command."""
    speed = results["speed"]
    one, command = speed["milliseconds"]["lean"], speed["inpaint_seconds"]
    where = f"{speed['machine']['threads']} threads of an {speed['machine']['processor']}"
    return f"One face takes {one:.0f} ms, `showface inpaint` from start to finish {command:.1f} s ({where})."


def card(results: Results) -> str:
    """The model card's facts."""
    facts = results["release"]
    rows = [
        ["release", f"{facts['name']}, sha256 `{facts['sha256']}`, checked when it is loaded"],
        ["size", _size(facts)],
        ["trained", f"about {facts['hours']:.0f} hours in all on two processor threads"],
        ["pictures seen", ", ".join(f"{stage} {count:,}" for stage, count in facts["pictures seen"].items())],
        ["shares of averages chosen on", facts["chosen on"]],
        ["cost", cost_line(results)],
    ]
    return table(["", ""], rows, words=2)


def learnt_from(results: Results) -> str:
    """The pictures and masks of training, and their terms."""
    facts = results["release"]
    rows = [[f"{one['pictures']:,}", one["what"], one["terms"]] for one in facts["learnt from"]]
    rows += [[f"{one['masks']:,}", one["what"], one["terms"]] for one in facts["masks"]]
    return table(["", "learnt from", "terms"], rows, words=3)


def failures(results: Results) -> str:
    """What is wrong in the worst of each occlusion."""
    found = results["failures"]
    rows = [
        [str(place), one["hidden"], str(one["faces"]), f"{one['psnr']:.1f}", f"{one['lpips']:.3f}", one["seen"]]
        for place, one in enumerate(found["rows"], 1)
    ]
    heading = ["row", "hidden", "faces", "PSNR (dB)", "LPIPS (alex)", "what is wrong in the worst"]
    return f"{table(heading, rows, words=2, told=1)}\n\n{source(found['provenance'])}"


def worst(results: Results) -> str:
    """What is wrong in the worst completions of photographs, counted."""
    found = results["failures"]["worst"]
    rows = [[one["what"], f"{one['pictures']} of {found['pictures']}"] for one in found["seen"]]
    return f"{table(['fault', 'pictures'], rows)}\n\nCounted with {found['provenance']['weights']}."


def speed(results: Results) -> str:
    """Every way to complete a face."""
    found = results["speed"]
    lean = found["milliseconds"]["lean"]
    rows = [[way, f"{ms:.0f}", f"{found['fastest'][way]:.0f}", f"{ms / lean:.2f}", *_ends(found, way)]
            for way, ms in found["milliseconds"].items()]  # fmt: skip
    heading = ["way", "ms, median", "fastest", "× lean", "first call (s)", "PSNR lost (dB)", "most levels of 255"]
    return f"{table(heading, rows)}\n\n{source(found['provenance'])}"


def _ends(found: Mapping[str, Any], way: str) -> list[str]:
    first, lost = found["first_call_seconds"].get(way), found["losses"].get(way)
    ends = ["", ""] if lost is None else [f"{lost['psnr_lost']:.3f}", f"{lost['levels']:.0f}"]
    return ["" if first is None else f"{first:.1f}", *ends]


def photos(results: Results) -> str:
    """Time and memory by the size of the photograph."""
    found = results["photo"]["speed"]
    keys = ("seconds", "reading", "completing", "writing", "processor_seconds")
    rows = [[f"{one['megapixels']:.0f}", *(f"{one[key]:.2f}" for key in keys), f"{one['peak_mib']:.0f}",
             f"{one['before_mib']:.0f}"] for one in found["results"]]  # fmt: skip
    heading = ["megapixels", "seconds", "reading", "completing", "writing", "processor, seconds", "most MiB", "before"]
    return f"{table(heading, rows, words=0)}\n\n{source(found['provenance'])}"


def jpeg(results: Results) -> str:
    """What writing a JPEG again changes far from the hole."""
    rows = [
        [one["what"], f"{100 * one['bit_equal']:.1f} %", f"{100 * one['one_level']:.1f} %",
         f"{one['mean_levels']:.3f}", f"{one['largest_levels']:.0f}"]
        for one in results["photo"]["jpeg"]["results"]
    ]  # fmt: skip
    return table(["", "bit-equal", "at most 1 level off", "mean change, levels", "largest"], rows)


def service(results: Results) -> str:
    """The service under load."""
    found = results["service"]
    load, share, over = found["load"], found["share"], found["overload"]
    more = f"{share['more_time_percent']} % ({share['least_percent']} to {share['most_percent']})"
    rows = [
        [
            "answers equal to the pipeline's, byte for byte",
            f"{load['equal to the pipeline']:,} of {load['requests']:,}",
        ],
        [f"requests a second, {load['clients']} clients, one worker", f"{load['requests_per_second']:.2f}"],
        ["seconds: median, 90th, 99th percentile, most", " / ".join(f"{load[name]:.1f}" for name in _TIMES)],
        [f"MiB {', '.join(found['memory_mib'])}", " / ".join(f"{one:.0f}" for one in found["memory_mib"].values())],
        ["time more than the pipeline alone", more],
        [
            f"{over['at once']} at once, a queue of {over['queue']}",
            f"{over['answered']} taken, {over['refused']} refused",
        ],
    ]
    return f"{table(['', ''], rows)}\n\n{source(found['provenance'])}"


_TIMES = ("median_seconds", "p90_seconds", "p99_seconds", "most_seconds")

BLOCKS: dict[str, Callable[[Results], str]] = {
    "baselines": plain_table("baselines"),
    "boxes": boxes,
    "boxes-short": boxes_short,
    "card": card,
    "failures": failures,
    "fid": plain_table("fid"),
    "gains": gains,
    "groups": groups,
    "jpeg": jpeg,
    "learnt-from": learnt_from,
    "london": strokes_of("london"),
    "measured": measured,
    "occlusions": occlusions,
    "parser": parser,
    "photos": photos,
    "release": release,
    "service": service,
    "speed": speed,
    "strokes": strokes,
    "table-2": plain_table("table_2"),
    "val": strokes_of("val"),
    "worst": worst,
}
