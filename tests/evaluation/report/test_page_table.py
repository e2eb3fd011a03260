"""The tables of the page: what stands in which cell, what is marked, what is told about it."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from showface.evaluation.report.page_table import further_table, metrics_of, places, share_table
from showface.evaluation.report.published import TABLE_1_FFHQ
from showface.evaluation.report.tables import Cell, Table

BUCKETS = ("1-20", "20-40", "40-60")


def cells(l1: float, psnr: float, **more: Cell) -> dict[str, Cell]:
    return {"psnr": Cell(psnr, psnr - 1, psnr + 1, 9), "l1": Cell(l1, l1 - 0.5, l1 + 0.5, 9), **more}


def table() -> Table:
    return {
        name: {bucket: cells(l1, psnr) for bucket in BUCKETS}
        for name, l1, psnr in (("bad", 3.0, 20.0), ("good", 1.0, 30.0), ("fair", 2.0, 25.0))
    }


def parsed(html: str) -> ET.Element:
    """The page's parts are well-formed XML, but for one named entity."""
    return ET.fromstring(f"<div>{html.replace('&nbsp;', ' ')}</div>")


def rows(root: ET.Element) -> dict[str, list[str]]:
    """The texts of the cells below the head by the row's name; the first of a name counts."""
    found: dict[str, list[str]] = {}
    for row in root.iter("tr"):
        name = row.find("th")
        if name is not None and name.get("scope") == "row":
            found.setdefault("".join(name.itertext()), [" ".join(cell.itertext()) for cell in row.iter("td")])
    return found


def test_the_papers_layout() -> None:
    root = parsed(share_table(table(), ["l1", "psnr"], "caption", (), prefix="p"))
    heads = [("".join(th.itertext()), th.get("scope"), th.get("colspan")) for th in root.iter("th")]
    assert heads[:3] == [("method", "col", None), ("L1 (%) ↓", "colgroup", "3"), ("PSNR (dB) ↑", "colgroup", "3")]
    assert [text for text, _, _ in heads[3:9]] == ["1-20 %", "20-40 %", "40-60 %"] * 2
    assert list(rows(root)) == ["bad", "good", "fair"]
    assert rows(root)["bad"] == ["3.00 2.50–3.50"] * 3 + ["20.00 19.00–21.00"] * 3
    assert rows(root)["good"][0] == "1.00  best 0.50–1.50" and rows(root)["fair"][5].startswith("25.00  second best")
    region = next(e for e in root.iter("div") if e.get("role") == "region")
    assert region.get("tabindex") == "0" and root.find(f".//caption[@id='{region.get('aria-labelledby')}']") is not None


def test_ranks_follow_the_direction_share_ties_and_leave_out_what_is_not_defined() -> None:
    assert places(table(), "l1", "1-20") == {"bad": 3, "good": 1, "fair": 2}
    assert places(table(), "psnr", "1-20") == {"bad": 3, "good": 1, "fair": 2}
    means = {"a": 1.0, "b": 1.0049, "c": 1.0051, "d": math.nan}  # printed with two digits: 1.00, 1.00, 1.01
    tied = {name: {"1-20": {"l1": Cell(mean, None, None, 2)}} for name, mean in means.items()}
    assert places(tied, "l1", "1-20") == {"a": 1, "b": 1, "c": 3} and places(tied, "l1", "hand") == {}
    del tied["c"]
    assert places(tied, "l1", "1-20") == {}


def test_what_cannot_be_told_from_the_best_is_marked_and_said() -> None:
    def level(metric: str, bucket: str) -> set[str]:
        return {"fair"} if (metric, bucket) == ("l1", "20-40") else set()

    found = rows(parsed(share_table(table(), ["l1"], "", (), prefix="p", level=level)))
    assert found["fair"][1] == "≈  2.00  second best  level with the best 1.50–2.50"
    assert not any("≈" in cell for cell in (*found["fair"][::2], *found["bad"], *found["good"]))


def test_of_two_methods_the_worse_is_not_second_best_and_one_is_not_the_best() -> None:
    two = {name: values for name, values in table().items() if name != "fair"}
    html = share_table(two, ["l1"], "", (), prefix="p")
    assert "<strong>1.00</strong>" in html and "<u>" not in html
    assert "<strong>" not in share_table({"good": table()["good"]}, ["l1"], "", (), prefix="p")


def test_printed_rows_are_apart_labelled_never_ranked_and_lead_to_their_remarks() -> None:
    html = share_table(table(), ["l1", "psnr"], "", (TABLE_1_FFHQ,), prefix="p")
    root = parsed(html)
    group = next(body for body in root.iter("tbody") if body.get("class") == "printed")
    text = " ".join(group.itertext())
    assert "Printed in the paper, Table 1, FFHQ: trained on 68,000 pictures" in text and "not comparable" in text
    assert len(list(group.iter("tr"))) == 1 + 7
    assert not list(group.iter("strong")) and not list(group.iter("u"))
    assert rows(root)["MDRNets"][0].startswith("0.470") and rows(root)["CTSDG"][0].startswith("0.419")
    links = {a.get("href") for a in group.iter("a")}
    notes = {f"#{li.get('id')}": "".join(li.itertext()) for li in root.iter("li")}
    assert links <= notes.keys() and any("CTSDG's L1 is lower" in notes[link] for link in links if link)
    assert "<strong>1.00</strong>" in html  # 0.419 is lower, but is none of ours


def test_what_was_not_measured_and_what_needs_a_caveat_is_told() -> None:
    one = table()
    one["good"]["1-20"]["fid"] = Cell(5.0, None, None, 9, "too few pictures")
    one["bad"]["1-20"]["fid"] = Cell(math.nan, None, None, 0, "undefined")
    assert metrics_of(one) == ["l1", "fid", "psnr"]
    root = parsed(share_table(one, ["fid"], "", (), prefix="p"))
    assert rows(root)["bad"][0] == rows(root)["fair"][2] == "– not measured"
    assert rows(root)["good"][0].split() == ["5.00", "a"]
    assert ["".join(li.itertext()) for li in root.iter("li")] == ["too few pictures"]


def test_other_buckets_are_groups_of_rows() -> None:
    one: Table = {
        name: {"1-20": cells(9.0, 9.0), "hand & arm": cells(l1, 20.0)} for name, l1 in (("a", 2.0), ("b", 1.0))
    }
    root = parsed(further_table(one, ["l1", "psnr"], "By what is hidden", prefix="h"))
    assert [th.text for th in root.iterfind(".//th[@scope='rowgroup']/span")] == ["hand & arm"]
    assert rows(root)["b"][0] == "1.00  best 0.50–1.50"
