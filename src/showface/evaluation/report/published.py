"""What the paper printed in Tables 1 and 2, digit by digit, and where it contradicts itself (method.md §11).

Other pictures, other masks, other code: the figures stand beside ours for orientation and are never ranked with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

METRICS = ("l1", "fid", "psnr", "ssim")  # the order of both tables
BUCKETS = ("1-20", "20-40", "40-60")  # per cent hidden

Cell = tuple[str, str, str]
"""Row, bucket, metric."""


@dataclass(frozen=True)
class Remark:
    """What a reader of a printed table should know; `cells` are those it is about, if any."""

    text: str
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class PrintedTable:
    """One table of the paper on one set of pictures; every row has the figures of `METRICS` x `BUCKETS`."""

    name: str  # its number and set, "Table 1, CelebA-HQ"
    pictures: str  # what was trained and measured on
    rows: Mapping[str, Mapping[str, Mapping[str, float]]]  # row, bucket, metric
    remarks: tuple[Remark, ...] = ()


def _across(lines: Mapping[str, str]) -> dict[str, dict[str, dict[str, float]]]:
    """Table 1: a method a line, for each metric the three buckets."""
    return {
        method: {
            bucket: {metric: float(line.split()[3 * place + column]) for place, metric in enumerate(METRICS)}
            for column, bucket in enumerate(BUCKETS)
        }
        for method, line in lines.items()
    }


def _down(models: Sequence[str], blocks: Mapping[str, str]) -> dict[str, dict[str, dict[str, float]]]:
    """Table 2: a model a column; for each bucket a block with the metrics one below the other."""
    figures = {bucket: [float(number) for number in block.split()] for bucket, block in blocks.items()}
    return {
        model: {
            bucket: {metric: figures[bucket][place * len(models) + column] for place, metric in enumerate(METRICS)}
            for bucket in BUCKETS
        }
        for column, model in enumerate(models)
    }


# ---------------------------------------------------------------------------------------------- Table 1

OURS = "MDRNets"  # printed as "Ours"
_CELEBAHQ = "trained on 28,000 and measured on 2,000 pictures of CelebA-HQ, in a split that is not public"
_FFHQ = "trained on 68,000 pictures of FFHQ and measured on the last 2,000"

TABLE_1_CELEBAHQ = PrintedTable(
    name="Table 1, CelebA-HQ",
    pictures=_CELEBAHQ,
    rows=_across(
        {
            "PConv": "1.131 2.311 4.363  12.716 27.957 42.594  32.240 26.085 21.900  0.941 0.862 0.762",
            "DeepFillv2": "0.788 2.066 3.968  9.766 22.793 29.243  32.700 25.998 21.943  0.944 0.848 0.736",
            "PIC": "0.780 2.036 4.311  4.190 11.035 21.360  33.006 25.961 21.263  0.951 0.859 0.730",
            "CTSDG": "1.350 2.213 3.900  9.171 14.324 22.889  32.198 26.823 22.490  0.927 0.856 0.747",
            "DSI": "0.820 2.077 4.149  9.037 20.327 29.040  32.699 26.107 21.708  0.938 0.831 0.704",
            "ICT": "0.949 2.004 3.901  3.136 8.715 16.747  33.416 26.639 22.013  0.959 0.879 0.765",
            OURS: "0.585 1.451 2.937  2.369 6.410 12.086  35.772 28.669 24.177  0.968 0.900 0.800",
        }
    ),
    remarks=(
        Remark(
            "An L1 error should shrink with the hole. From 40-60 % to 1-20 % it falls 5 to 6.5 times in most rows, but "
            "2.9 times for CTSDG, 3.9 for PConv and 4.1 for ICT: as if known pixels had been redrawn or re-encoded, "
            "that is, not composited before they were measured.",
            (("CTSDG", "1-20", "l1"), ("PConv", "1-20", "l1"), ("ICT", "1-20", "l1")),
        ),
        Remark(
            "The others are said to be their authors' published models or code. No model was published of PConv for "
            "either set, of CTSDG and ICT for CelebA-HQ, and of any but ICT for FFHQ: most rows of both sets must have "
            "been trained anew or on another set, which is not stated."
        ),
        Remark(
            "PIC and DSI were published for another split of CelebA-HQ: most of any 2,000 test pictures were among "
            "their training pictures."
        ),
    ),
)

TABLE_1_FFHQ = PrintedTable(
    name="Table 1, FFHQ",
    pictures=_FFHQ,
    rows=_across(
        {
            "PConv": "0.720 2.178 4.411  12.208 30.403 45.709  32.592 25.422 21.237  0.955 0.867 0.761",
            "DeepFillv2": "0.715 2.104 4.250  12.062 29.276 40.295  32.428 25.470 21.301  0.946 0.845 0.725",
            "PIC": "0.709 2.099 4.573  5.411 14.344 27.334  32.640 25.490 20.819  0.952 0.854 0.719",
            "CTSDG": "0.419 1.532 3.569  3.916 13.477 28.495  34.946 27.044 22.272  0.968 0.888 0.765",
            "DSI": "0.746 2.067 4.340  10.483 25.772 39.127  32.659 25.780 21.241  0.941 0.834 0.702",
            "ICT": "0.982 2.085 4.036  3.244 8.360 14.149  33.172 26.373 21.809  0.959 0.877 0.762",
            OURS: "0.470 1.395 3.068  2.473 7.170 13.748  36.046 28.333 23.575  0.972 0.903 0.797",
        }
    ),
    remarks=(
        Remark(
            "The text says that MDRNets outperforms the others on both sets; here CTSDG's L1 is lower (0.419 against "
            "0.470).",
            (("CTSDG", "1-20", "l1"), (OURS, "1-20", "l1")),
        ),
        Remark(
            "L1 falls 8.5 times from 40-60 % to 1-20 % for CTSDG and 6.1 times for PConv, but 2.9 and 3.9 times on "
            "CelebA-HQ: the two sets were not measured alike. ICT falls 4.1 times on both.",
            (("CTSDG", "1-20", "l1"), ("PConv", "1-20", "l1"), ("ICT", "1-20", "l1")),
        ),
        Remark(
            "0.4 of FID at 2,000 pictures is within what another implementation or draw of pictures makes: a tie.",
            ((OURS, "40-60", "fid"), ("ICT", "40-60", "fid")),
        ),
        Remark("The coarse network is said to be trained on CelebA-HQ; whether it was trained on FFHQ is left open."),
    ),
)

TABLE_1 = (TABLE_1_CELEBAHQ, TABLE_1_FFHQ)

# ---------------------------------------------------------------------------------------------- Table 2

TABLE_2 = PrintedTable(
    name="Table 2, CelebA-HQ",
    pictures=f"45 epochs of the last stage, {_CELEBAHQ}",
    rows=_down(
        ("w/o MREM + w/o DMM", "w/o MREM", "w/o L_sem", "w/o L_intra", "w/o L_inter", "Full"),
        {
            "1-20": """
                0.625 0.595 0.589 0.587 0.588 0.585
                2.698 2.221 2.400 2.472 2.421 2.369
                35.118 35.467 35.676 35.646 35.639 35.772
                0.963 0.967 0.967 0.967 0.967 0.968
            """,
            "20-40": """
                1.550 1.473 1.461 1.452 1.462 1.451
                7.205 6.529 6.541 7.011 6.874 6.410
                28.283 28.470 28.594 28.631 28.528 28.669
                0.890 0.897 0.898 0.897 0.897 0.900
            """,
            "40-60": """
                3.063 2.959 2.954 2.939 2.961 2.937
                13.737 13.359 12.367 13.721 13.292 12.086
                24.017 24.080 24.111 24.171 24.171 24.177
                0.789 0.798 0.796 0.795 0.794 0.800
            """,
        },
    ),
    remarks=(
        Remark(
            "The text says that Full is best on all metrics; here FID is lower without MREM (2.221 against 2.369).",
            (("w/o MREM", "1-20", "fid"), ("Full", "1-20", "fid")),
        ),
        Remark(
            "The text says that leaving out any loss makes the model worse; these four differ by 0.004 % and 0.001, "
            "which is within noise.",
            tuple(
                (row, "1-20", metric)
                for metric in ("l1", "ssim")
                for row in ("w/o L_sem", "w/o L_intra", "w/o L_inter", "Full")
            ),
        ),
    ),
)
