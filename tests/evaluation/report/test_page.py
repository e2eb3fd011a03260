"""The page needs nothing but itself, says what it must, and lets nobody's names become markup."""

from __future__ import annotations

import base64
import io
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

from showface.evaluation.measuring.runner import Measurement
from showface.evaluation.report.gallery import Shown, choose
from showface.evaluation.report.page import Report, data_uri, in_words, page
from showface.evaluation.report.paired import values_by_pair
from showface.evaluation.report.tables import tabulate

VOID = {"meta", "img", "br"}


class Structure(HTMLParser):
    """Tags with their attributes; every tag that opens must close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def measurements() -> list[Measurement]:
    rng = np.random.default_rng(0)
    return [
        Measurement(
            method, bucket, f"{i}.png", f"<m{i}>.png", 0.1,
            {"l1": float(rng.uniform(1, 3)), "psnr": float(rng.uniform(20, 30)), "identity": math.nan},
        )
        for method in ("<b>telea", "full") for bucket in ("1-20", "40-60", "hand") for i in range(4)
    ]  # fmt: skip


def report(**changes: object) -> Report:
    rows = measurements()
    pictures = torch.randint(0, 256, (4, 3, 24, 24), dtype=torch.uint8)
    mask = torch.zeros(1, 24, 24, dtype=torch.bool)
    shown = [Shown(c, pictures[0], mask, {"<b>telea": pictures[1], "full": pictures[2]}) for c in choose(rows)]
    settings = {
        "title": "faces & masks", "table": tabulate(rows), "measurements": rows, "gallery": shown,
        "facts": {"protocol": {"sha256": "abc", "pairs": {"1-20": 4}}, "versions": {"torch": "2"}},
        "caveats": ["Four pictures are few."],
    }  # fmt: skip
    return Report(**(settings | changes))


def test_the_page_is_whole_and_asks_for_nothing() -> None:
    html = page(report())
    structure = Structure(html)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in structure.tags}
    for tag, attributes in structure.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        assert (attributes.get("src") or "data:").startswith("data:")
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"https?:|@import|url\(", html)
    policy = next(meta for meta in structure.all("meta") if meta.get("http-equiv"))
    assert str(policy["content"]).startswith("default-src 'none'")


def test_ids_are_unique_and_every_link_arrives() -> None:
    structure = Structure(page(report()))
    ids = [attributes["id"] for _, attributes in structure.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"] for link in structure.all("a")} <= {f"#{name}" for name in ids}


def test_it_says_what_it_must() -> None:
    html = page(report())
    for sentence in (
        "faces &amp; masks", "Four pictures are few.", "Table 1, CelebA-HQ: trained on 28,000", "Table 1, FFHQ",
        "not comparable with the rows above", "Beyond the paper&#x27;s masks", "<dt>sha256</dt><dd>abc</dd>",
        "<dt>pairs</dt><dd>1-20 4</dd>", "prefers-color-scheme: dark", "@media print", "width=device-width",
        "Pictures measured, 1-20 %: 4, 40-60 %: 4, hand: 4.",
    ):  # fmt: skip
        assert sentence in html or sentence.replace("&#x27;", "'") in html, sentence


def test_the_gallery_shows_every_method_beside_mask_and_truth() -> None:
    images = Structure(page(report())).all("img")
    assert len(images) == 3 * 3 * 4  # buckets, ranks, pictures
    assert [image["alt"] for image in images[:4]] == [
        f"{name}, best of 1-20 %" for name in ("masked", "<b>telea", "full", "truth")
    ]
    assert {(image["width"], image["height"]) for image in images} == {("24", "24")}
    assert not Structure(page(report(gallery=()))).all("img")


def test_names_of_files_and_methods_are_no_markup() -> None:
    structure = Structure(page(report()))
    assert "b" not in {tag for tag, _ in structure.tags} and "m0" not in {tag for tag, _ in structure.tags}


def test_a_drawing_for_each_metric_and_bucket_that_has_values() -> None:
    labels = [str(svg["aria-label"]) for svg in Structure(page(report())).all("svg")]
    assert [label.split(":")[0] for label in labels] == [
        f"{metric}, {bucket}" for metric in ("L1 (%) ↓", "PSNR (dB) ↑") for bucket in ("1-20 %", "40-60 %", "hand")
    ]
    assert values_by_pair(measurements(), "identity", "hand") == {}


def test_without_single_pictures_or_the_papers_buckets_the_page_is_shorter() -> None:
    hand = [one for one in measurements() if one.bucket == "hand"]
    html = page(report(table=tabulate(hand), measurements=hand, gallery=()))
    assert "<h2>Table</h2>" not in html and "Printed in the paper" not in html and "By what is hidden" in html


def test_the_same_report_is_the_same_page() -> None:
    torch.manual_seed(0)
    first = report()
    assert page(first) == page(first)


def test_pictures_survive_the_way_into_the_page() -> None:
    ramp = torch.arange(0, 240, 5, dtype=torch.uint8).expand(3, 48, 48).contiguous()
    uri = data_uri(ramp)
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))
    assert np.abs(found.astype(int) - ramp.permute(1, 2, 0).numpy()).max() <= 6


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"), (3, "3"), ({"a": 1, "b": [1, 2]}, "a 1, b 1, 2"),
        ({str(i): i for i in range(50)}, "50 entries, see report.json"),
        (list(range(13)), "13 entries, see report.json"),
    ],
)  # fmt: skip
def test_facts_in_words(value: object, words: str) -> None:
    assert in_words(value) == words
