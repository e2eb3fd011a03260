"""Everything that makes a mask, with the mouse, as the exported mask shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from showface.photo.mask_options import grown

ROWS, COLUMNS = np.mgrid[0:256, 0:256] + 0.5


def distance_to(a: tuple[float, float], b: tuple[float, float]) -> np.ndarray:
    """Of every pixel's centre to the line from a to b."""
    along = np.array(b) - np.array(a)
    share = np.clip(((COLUMNS - a[0]) * along[0] + (ROWS - a[1]) * along[1]) / max(1e-9, along @ along), 0, 1)
    return np.asarray(np.hypot(COLUMNS - a[0] - share * along[0], ROWS - a[1] - share * along[1]))


def test_a_stroke_is_as_wide_as_the_brush_and_ends_round(editor: Any) -> None:
    editor.open_sample()
    editor.set_brush(24)
    radius = editor.brush() / 2
    assert radius == pytest.approx(12, abs=1)
    editor.drag((60, 100), (180, 130))
    mask, away = editor.mask(), distance_to((60, 100), (180, 130))
    assert mask[away < radius - 1].all()
    assert not mask[away > radius + 1].any()


def test_undo_redo_and_the_eraser(editor: Any) -> None:
    editor.open_sample()
    page = editor.page
    assert page.locator("#undo").is_disabled() and page.locator("#redo").is_disabled()
    editor.drag((60, 100), (180, 100))
    first = editor.mask()
    editor.drag((60, 160), (180, 160))
    both = editor.mask()
    assert both.sum() > first.sum() > 0

    page.click("#undo")
    assert (editor.mask() == first).all()
    page.keyboard.press("Control+z")
    assert not editor.mask().any()
    page.click("#redo")
    page.keyboard.press("Control+Shift+z")
    assert (editor.mask() == both).all()

    editor.take("eraser")
    editor.drag((120, 60), (120, 200))
    erased = editor.mask()
    assert not (erased & ~both).any() and not erased[:, 120].any()
    away = distance_to((120, 60), (120, 200))
    assert (erased == both)[away > editor.brush() / 2 + 1].all()
    page.keyboard.press("Control+z")
    assert (editor.mask() == both).all()


def test_a_rectangle_reaches_from_corner_to_corner(editor: Any) -> None:
    editor.open_sample()
    editor.take("rectangle")
    editor.drag((200, 180), (90, 60))
    expected = np.zeros((256, 256), dtype=bool)
    expected[60:180, 90:200] = True
    mask = editor.mask()
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    found = np.array((rows[0], rows[-1] + 1, columns[0], columns[-1] + 1))
    assert np.abs(found - (60, 180, 90, 200)).max() <= 1
    assert mask[found[0] : found[1], found[2] : found[3]].all()


def test_a_lasso_fills_what_it_goes_round(editor: Any) -> None:
    editor.open_sample()
    editor.take("lasso")
    corners = [(60.0, 60.0), (200.0, 80.0), (150.0, 200.0), (120.0, 120.0), (50.0, 180.0)]
    editor.drag(*corners)
    canvas = Image.new("1", (256, 256))
    ImageDraw.Draw(canvas).polygon(corners, fill=1)
    expected = np.asarray(canvas)
    differing = editor.mask() != expected
    near = np.min([distance_to(a, b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)], axis=0) < 1.5
    assert not differing[~near].any()


def test_a_click_marks_a_part_and_another_unmarks_it(editor: Any) -> None:
    editor.open_sample()
    before = editor.seen()
    editor.take("part")
    editor.page.mouse.move(*editor.at(131, 183))  # the mouth of this face
    hovered = editor.seen()
    changed = (before != hovered).any(axis=2).mean()
    assert 0.005 < changed < 0.2  # the mouth alone is highlighted
    editor.page.mouse.click(*editor.at(131, 183))
    mask = editor.mask()
    rows, columns = np.nonzero(mask)
    assert 100 < mask.sum() < 4000 and 165 < rows.mean() < 205 and 110 < columns.mean() < 150
    mouth = editor.page.locator("[data-part=mouth]")
    assert mouth.get_attribute("aria-pressed") == "true"
    editor.page.mouse.click(*editor.at(131, 183))
    assert not editor.mask().any()
    assert mouth.get_attribute("aria-pressed") == "false"


def test_the_buttons_of_the_parts_do_the_same(editor: Any) -> None:
    editor.open_sample()
    page = editor.page
    names = page.locator("#parts button").all_inner_texts()
    assert {"Eyes", "Nose", "Mouth", "Hair"} <= set(names)
    page.click("[data-part=eyes]")
    eyes = editor.mask()
    page.click("[data-part=mouth]")
    both = editor.mask()
    assert eyes.any() and not (eyes & ~both).any() and both.sum() > eyes.sum()
    page.click("[data-part=eyes]")
    assert not (editor.mask() & eyes).any()


def test_grow_and_shrink_are_those_of_the_command_line(editor: Any) -> None:
    editor.open_sample()
    page = editor.page
    editor.drag((100, 100), (150, 120), (140, 160))
    drawn = editor.mask()
    page.fill("#amount", "5")
    page.click("#mask-grow")
    assert (editor.mask() == grown(drawn, 5)).all()
    page.click("#mask-shrink")
    page.click("#mask-shrink")
    assert (editor.mask() == ~grown(~grown(~grown(~grown(drawn, 5), 5), 0), 5)).all()
    for _ in range(3):
        page.click("#undo")
    assert (editor.mask() == drawn).all()


def test_invert_and_clear(editor: Any) -> None:
    editor.open_sample()
    editor.drag((100, 100), (150, 120))
    drawn = editor.mask()
    editor.page.click("#mask-invert")
    assert (editor.mask() == ~drawn).all()
    editor.page.click("#mask-clear")
    assert not editor.mask().any()
    editor.page.click("#undo")
    assert (editor.mask() == ~drawn).all()


def test_a_mask_goes_out_and_comes_back(editor: Any) -> None:
    editor.open_sample()
    page = editor.page
    editor.drag((100, 100), (150, 120))
    drawn = editor.mask()
    with page.expect_download() as waiting:
        page.click("#mask-export")
    assert waiting.value.suggested_filename == "sample-07043-mask.png"
    with Image.open(waiting.value.path()) as exported:
        assert exported.mode == "L" and set(np.unique(exported)) == {0, 255}
    page.click("#mask-clear")
    page.locator("#mask-file").set_input_files(waiting.value.path())
    expect(page.locator("#mask-export")).to_be_enabled()
    assert (editor.mask() == drawn).all()


def test_a_mask_of_another_size_is_resized_when_asked(editor: Any, tmp_path: Path) -> None:
    editor.open_sample()
    small = np.zeros((64, 64), dtype=np.uint8)
    small[16:32, 20:40] = 255
    Image.fromarray(small).save(tmp_path / "small.png")
    editor.page.locator("#mask-file").set_input_files(tmp_path / "small.png")
    notice = editor.page.get_by_role("alert")
    assert "64 × 64" in notice.inner_text() and "256 × 256" in notice.inner_text()
    assert not editor.mask().any()
    notice.get_by_role("button", name="Resize the mask").click()
    assert (editor.mask() == (small > 0).repeat(4, axis=0).repeat(4, axis=1)).all()


def test_painting_hits_the_pixels_under_the_pointer_after_zooming_and_moving(editor: Any) -> None:
    editor.open_sample()
    page = editor.page
    page.mouse.move(*editor.at(128, 128))
    page.mouse.wheel(0, -400)  # e times as large; (128, 128) stays where it is
    level = int(page.locator("#zoom-level").inner_text().split()[0])
    centre = editor.at(128, 128)
    editor.take("hand")
    page.mouse.move(*centre)
    page.mouse.down()
    page.mouse.move(centre[0] + 100, centre[1] - 60, steps=3)
    page.mouse.up()
    editor.take("brush")
    page.mouse.click(centre[0] + 100, centre[1] - 60)
    rows, columns = np.nonzero(editor.mask())
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == (pytest.approx(128, abs=1), pytest.approx(128, abs=1))
    page.click("#zoom-fit")
    assert int(page.locator("#zoom-level").inner_text().split()[0]) == pytest.approx(level / np.e, abs=2)
