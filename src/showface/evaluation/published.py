"""What the paper printed in its tables, digit by digit, and where it contradicts itself (method section 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BUCKETS = ("1-20", "20-40", "40-60")  # per cent hidden
Values = Mapping[str, Mapping[str, float]]
"""Bucket, metric."""


@dataclass(frozen=True)
class Remark:
    """What a reader of a printed table should know; `cells` (row, bucket, metric) are those it is about, if any."""

    text: str
    cells: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class PrintedTable:
    """One table of the paper on one set of pictures."""

    name: str  # its number and set, "Table 1, CelebA-HQ"
    pictures: str  # what was trained and measured on
    rows: Mapping[str, Values]
    remarks: tuple[Remark, ...] = ()


def _by_metric(numbers: str, metrics: tuple[str, ...]) -> Values:
    """Figures in Table 1's order, for each of `metrics` the three buckets."""
    values = [float(number) for number in numbers.split()]
    return {
        bucket: {metric: values[3 * place + column] for place, metric in enumerate(metrics)}
        for column, bucket in enumerate(BUCKETS)
    }


METRICS = ("l1", "fid", "psnr", "ssim")  # the order of both tables


def _table_1(lines: Mapping[str, str]) -> dict[str, Values]:
    return {method: _by_metric(numbers, METRICS) for method, numbers in lines.items()}


CELEBAHQ_PICTURES = "28,000 training pictures and 2,000 test pictures of CelebA-HQ, a split that was not published"
FFHQ_PICTURES = "68,000 training pictures and the last 2,000 pictures of FFHQ"

TABLE_1_CELEBAHQ = PrintedTable(
    name="Table 1, CelebA-HQ",
    pictures=CELEBAHQ_PICTURES,
    rows=_table_1(
        {
            "PConv": "1.131 2.311 4.363  12.716 27.957 42.594  32.240 26.085 21.900  0.941 0.862 0.762",
            "DeepFillv2": "0.788 2.066 3.968  9.766 22.793 29.243  32.700 25.998 21.943  0.944 0.848 0.736",
            "PIC": "0.780 2.036 4.311  4.190 11.035 21.360  33.006 25.961 21.263  0.951 0.859 0.730",
            "CTSDG": "1.350 2.213 3.900  9.171 14.324 22.889  32.198 26.823 22.490  0.927 0.856 0.747",
            "DSI": "0.820 2.077 4.149  9.037 20.327 29.040  32.699 26.107 21.708  0.938 0.831 0.704",
            "ICT": "0.949 2.004 3.901  3.136 8.715 16.747  33.416 26.639 22.013  0.959 0.879 0.765",
            "MDRNets (theirs)": "0.585 1.451 2.937  2.369 6.410 12.086  35.772 28.669 24.177  0.968 0.900 0.800",
        }
    ),
)
