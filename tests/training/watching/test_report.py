"""The page of a run: what stands on it, when it is written, and that it is whole at any moment."""

from __future__ import annotations

import shutil
import signal
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from showface.errors import CheckpointError, StoppedError
from showface.images import write_image
from showface.training.configuration import Recipe
from showface.training.distributed.ranks import Ranks
from showface.training.interruption import StopSignals
from showface.training.loop import train_stage
from showface.training.run import reported, train
from showface.training.settings import with_settings
from showface.training.state import RESULT, read_tensors
from showface.training.watching import report as run_report
from showface.training.watching.contact_sheet import SHOWN
from showface.training.watching.report import PAGE, RunReport, column_of, spread

pytestmark = pytest.mark.slow  # whole trainings, of tiny networks

CPU = torch.device("cpu")
VOID = {"meta", "img", "br"}


class Structure(HTMLParser):
    """Tags with their attributes, and the text; every tag that opens must close."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_of_a_finished_run_holds_every_stage(finished_run: Path) -> None:
    page = Structure(finished_run / PAGE)
    assert "Finished." in page.text
    assert all(page.text.count(f"\n{stage}\n") for stage in ("mdrnets", "reconstruction", "face_parser", "coarse"))
    labels = [str(attributes["aria-label"]) for tag, attributes in page.tags if tag == "svg" and "role" in attributes]
    for title in ("total", "hole", "intra", "discriminator_total", "gradient", "use of slots", "sharpness of reads",
                  "which slots are used lately", "images per second"):  # fmt: skip
        assert any(label.startswith(title) for label in labels), title
    names = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert names == ["input", "step 4", "truth", "step 4", "truth", *["input", "step 4", "truth"] * 2]
    assert all(str(attributes["src"]).startswith("data:image/jpeg") for tag, attributes in page.tags if tag == "img")
    assert not any(tag in ("script", "link", "iframe") or "href" in attributes for tag, attributes in page.tags)


def test_gradients_of_single_losses_are_logged_and_drawn(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    """In every report; the weights come out the same as without."""
    often = with_settings(tiny_recipe, ("mdrnets.gradients_every=1",))
    train(often, tmp_path / "run", earlier=finished_run, device=CPU, console=console)
    html = (tmp_path / "run" / PAGE).read_text()
    legend = html[html.index('class="legend"') :][:3000]
    for name in ("valid", "hole", "adversarial", "tv", "semantic", "intra", "inter"):
        assert f"</svg>{name} <b>" in legend
    one, other = (read_tensors(run / "mdrnets" / RESULT)[0] for run in (finished_run, tmp_path / "run"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_page_says_where_a_running_or_stopped_run_is(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "<run>"))
    (run / "mdrnets" / RESULT).unlink()
    lines = (run / "mdrnets" / "log.jsonl").read_text().splitlines(keepends=True)
    (run / "mdrnets" / "log.jsonl").write_text(lines[0])
    report = RunReport(run, tiny_recipe, tiny_recipe.stages)
    report.refresh()
    page = Structure(run / PAGE)
    assert "Training mdrnets: step 2 of 4" in page.text and "<run>" in page.text
    assert ("progress", {"max": "4", "value": "2"}) in page.tags
    with pytest.raises(StoppedError), reported(report, needed=True):
        raise StoppedError("stopped by <SIGTERM>, step 2", signal.SIGTERM)
    assert "Ended: stopped by <SIGTERM>, step 2." in Structure(run / PAGE).text


def test_the_page_is_written_when_it_is_due(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before `EVERY` seconds, nor before writing it would take more than `SHARE` of the time."""
    now, cost, began = [1000.0], [2.0], []
    monkeypatch.setattr(run_report.time, "monotonic", lambda: now[0])

    def slow_page(*arguments: object) -> str:
        began.append(now[0])
        now[0] += cost[0]
        return "<html>"

    monkeypatch.setattr(run_report, "run_page", slow_page)
    report = RunReport(tmp_path, tiny_recipe, tiny_recipe.stages)
    for _ in range(1000):
        now[0] += 1.0
        report.refresh()
    assert np.diff(began).min() >= 2.0 / run_report.SHARE and 4 <= len(began) <= 6
    cost[0], now[0] = 0.0, now[0] + 1000
    began.clear()
    for _ in range(100):
        now[0] += 1.0
        report.refresh()
    assert set(np.diff(began)) == {run_report.EVERY}
    report.close("")
    assert began[-1] == now[0] and (tmp_path / PAGE).read_text() == "<html>"


def test_a_page_that_cannot_be_written_is_a_failed_run(tiny_recipe: Recipe, tmp_path: Path) -> None:
    report = RunReport(tmp_path / "none", tiny_recipe, tiny_recipe.stages)
    with pytest.raises(CheckpointError, match=r"report\.html: cannot be written"):
        report.close("")


def test_a_stage_keeps_the_page_up_to_date(tiny_recipe: Recipe, tmp_path: Path, console: Console) -> None:
    """From its first step on; here nothing else writes it."""
    config = tiny_recipe.stages[0]
    report = RunReport(tmp_path, tiny_recipe, [config])
    train_stage(tiny_recipe, config, tmp_path, ranks=Ranks(CPU), console=console, stop=StopSignals(), report=report)
    assert "Training coarse" in Structure(tmp_path / PAGE).text


def test_columns_and_times_of_contact_sheets(tmp_path: Path, tiny_recipe: Recipe) -> None:
    side, colours = 40, [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    pixels = np.concatenate([np.full((side * SHOWN, side, 3), colour, dtype=np.uint8) for colour in colours], axis=1)
    for number, colour in enumerate(colours):
        column = np.asarray(column_of(Image.fromarray(pixels), number))
        assert column.shape == (side * SHOWN, side, 3) and (column == colour).all()
    folder = tmp_path / "coarse"
    folder.mkdir()
    for step in range(100, 2100, 100):
        write_image(folder / f"sheet-{step:08d}.jpg", Image.fromarray(pixels))
    names = [name for name, _ in RunReport(tmp_path, tiny_recipe, []).columns(folder)]
    assert (names[0], names[1], names[-2], names[-1]) == ("input", "step 100", "step 2,000", "truth")
    assert len(names) == 10 and spread([Path("a")], 8) == [Path("a")]
