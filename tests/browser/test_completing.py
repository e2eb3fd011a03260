"""From what is marked to the completed picture: pixels, formats, metadata, comparison, ways in and out."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from playwright.sync_api import expect

ORIENTATION, ARTIST = 0x0112, 0x013B


def array(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)


def mouth_marked(editor: Any) -> np.ndarray:
    editor.page.click("[data-part=mouth]")
    return editor.mask()


def test_only_the_marked_pixels_change_and_the_picture_is_sent_once(
    editor: Any, face: Image.Image, face_png: bytes
) -> None:
    editor.open("a face.png", face_png, face.size)
    editor.drag((80, 110), (180, 120))
    hole = editor.mask()
    editor.complete()
    name, content = editor.download()
    assert name == "a face-completed.png"
    before, after = np.asarray(face), array(content)
    assert (before == after)[~hole].all()
    assert (before != after).any(axis=2)[hole].mean() > 0.9

    editor.page.click("button[data-mode=edit]")
    editor.drag((80, 190), (180, 190))
    larger = editor.mask()
    expect(editor.page.locator("#summary")).to_contain_text("The mask has changed")
    assert editor.page.locator("#download").is_disabled()
    editor.complete()
    again = array(editor.download()[1])
    assert (before == again)[~larger].all() and (before != again).any(axis=2)[larger].mean() > 0.9

    assert len(editor.posts("/v1/pictures")) == 1
    masks = editor.posts("/v1/inpaint")
    assert len(masks) == 2 and max(masks) < 4000 < len(face_png)


def test_before_and_after_show_the_upload_and_the_result(editor: Any, face: Image.Image, face_png: bytes) -> None:
    editor.open("face.png", face_png, face.size)
    editor.drag((80, 110), (180, 120))
    hole = editor.mask()
    editor.complete()
    result = array(editor.download()[1]).astype(int)
    stage = editor.page.locator("#stage").bounding_box()
    points = [(x + 0.5, y + 0.5) for y, x in zip(*np.nonzero(hole), strict=True)][::40]

    def shown() -> np.ndarray:
        seen = editor.seen()
        ratio = seen.shape[1] / stage["width"]
        places = [editor.at(*point) for point in points]
        return np.array([seen[int((y - stage["y"]) * ratio), int((x - stage["x"]) * ratio)] for x, y in places])

    rows, columns = np.array([[int(y), int(x)] for x, y in points]).T
    before, after = np.asarray(face)[rows, columns].astype(int), result[rows, columns]
    assert np.abs(before - after).mean() > 4
    editor.split(100)
    assert np.abs(shown() - before).mean() < 3  # smoothed when it is enlarged
    editor.split(0)
    assert np.abs(shown() - after).mean() < 3

    width = stage["width"]
    editor.page.mouse.move(stage["x"] + width / 2, stage["y"] + 300)
    editor.page.mouse.down()
    editor.page.mouse.move(*editor.at(64, 128))
    editor.page.mouse.up()
    assert int(editor.page.locator("#split").input_value()) == pytest.approx(25, abs=1)
    assert editor.mask().sum() == hole.sum()  # the divider was moved, nothing was painted


def test_an_eye_is_taken_from_the_other_side_unless_that_is_switched_off(
    editor: Any, face: Image.Image, face_png: bytes
) -> None:
    page = editor.page
    editor.open("face.png", face_png, face.size)
    switch = page.get_by_label("Take from the other side of the face")
    expect(switch).to_be_checked()
    editor.take("rectangle")
    editor.drag((66, 92), (114, 134))
    hole = editor.mask()
    editor.complete()
    expect(page.locator("#summary")).to_contain_text("is from the other side of the face")
    taken = array(editor.download()[1])

    switch.focus()
    page.keyboard.press("Space")
    expect(switch).not_to_be_checked()
    expect(page.locator("#summary")).to_contain_text("The setting has changed")
    expect(page.locator("#compare")).to_be_hidden()
    assert page.locator("#download").is_disabled()
    editor.complete()
    expect(page.locator("#summary")).not_to_contain_text("other side")
    off = array(editor.download()[1])
    assert (taken == off)[~hole].all() and (taken != off).any(axis=2)[hole].mean() > 0.3

    page.click("#show-views")
    figure = page.locator(".views figure", has_text="From the other side")
    expect(figure).to_contain_text("nothing: it is switched off")
    page.keyboard.press("Escape")
    switch.check()
    expect(page.locator("#summary")).to_contain_text("The setting has changed")
    editor.complete()
    assert (array(editor.download()[1]) == taken).all()
    page.click("#show-views")
    expect(figure).to_contain_text("mirrored, in colour")


def test_the_slider_between_faithful_and_natural(editor: Any, face: Image.Image, face_png: bytes) -> None:
    """By keyboard; natural at first and at its right end. What was made otherwise is no longer the result."""
    page = editor.page
    editor.open("face.png", face_png, face.size)
    slider, told = page.get_by_role("slider", name="Faithful or natural"), page.locator("#fidelity-value")
    expect(told).to_have_text("natural")
    editor.take("rectangle")
    editor.drag((66, 92), (114, 134))
    hole = editor.mask()
    editor.complete()
    natural = array(editor.download()[1])

    slider.focus()
    page.keyboard.press("Home")
    expect(told).to_have_text("faithful")
    expect(slider).to_have_attribute("aria-valuetext", "faithful")
    expect(page.locator("#summary")).to_contain_text("The setting has changed")
    expect(page.locator("#compare")).to_be_hidden()
    assert page.locator("#download").is_disabled()
    editor.complete()
    expect(page.locator("#summary")).not_to_contain_text("other side")
    faithful = array(editor.download()[1])

    slider.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    expect(told).to_have_text("60 % faithful")
    editor.complete()
    between = array(editor.download()[1])
    assert (natural == faithful)[~hole].all() and (natural == between)[~hole].all()
    away = [np.square(it.astype(int) - faithful)[hole].mean() for it in (natural, between)]
    assert away[0] > 1.5 * away[1] > 0

    editor.open("another.png", face_png, face.size)
    expect(told).to_have_text("60 % faithful")  # kept from picture to picture, as the box above it is
    page.reload()
    expect(told).to_have_text("natural")


def test_why_nothing_came_from_the_other_side_is_said_where_it_was_to_be_expected(editor: Any) -> None:
    editor.open_sample()
    editor.take("rectangle")
    editor.drag((-2, 92), (258, 258))  # whatever lies there is hidden on both sides
    editor.complete()
    expect(editor.page.locator("#summary")).to_contain_text("Nothing is from the other side of the face: it is hidden")


def test_a_jpeg_comes_back_as_a_jpeg_with_its_metadata(editor: Any, face: Image.Image) -> None:
    exif = Image.Exif()
    exif[ARTIST] = "Somebody"
    exif[ORIENTATION] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = io.BytesIO()
    turned = face.transpose(Image.Transpose.ROTATE_90).crop((0, 0, 252, 256))
    turned.save(file, "JPEG", quality=93, subsampling=0, exif=exif, icc_profile=profile)
    editor.open("photo.JPG", file.getvalue(), (256, 252))
    editor.page.locator("#mask-invert").wait_for()
    editor.drag((80, 110), (180, 120))
    hole = editor.mask()
    assert hole.shape == (252, 256)  # upright
    editor.complete()
    expect(editor.page.locator("#format-note")).to_be_visible()
    name, content = editor.download()
    assert name == "photo-completed.jpg"
    with Image.open(io.BytesIO(content)) as result, Image.open(file) as original:
        assert result.format == "JPEG" and result.size == (256, 252)
        assert result.getexif()[ARTIST] == "Somebody" and result.getexif().get(ORIENTATION, 1) == 1
        assert result.info["icc_profile"] == original.info["icc_profile"]
        assert sorted(map(sorted, result.quantization.values())) == sorted(map(sorted, original.quantization.values()))

    with editor.page.expect_download() as waiting:
        editor.page.select_option("#format", "png")
        editor.page.click("#download")
    assert waiting.value.suggested_filename == "photo-completed.png"
    with Image.open(waiting.value.path()) as result, Image.open(file) as original:
        upright = np.asarray(original.transpose(Image.Transpose.ROTATE_270))
        assert (np.asarray(result) == upright)[~hole].all()
        assert result.getexif()[ARTIST] == "Somebody"


def test_a_format_that_browsers_do_not_show_is_shown_all_the_same(editor: Any, face: Image.Image) -> None:
    deep = np.asarray(face.convert("L")).astype(np.uint16) * 257 + 3
    file = io.BytesIO()
    Image.fromarray(deep).save(file, "TIFF")
    editor.open("scan.tif", file.getvalue(), face.size)
    hole = mouth_marked(editor)
    editor.complete()
    name, content = editor.download()
    assert name == "scan-completed.tif"
    after = array(content)
    assert after.dtype == np.uint16 and (after == deep)[~hole].all() and (after != deep)[hole].mean() > 0.9


def test_a_picture_can_be_pasted_and_dropped(editor: Any, face_png: bytes) -> None:
    page = editor.page
    put = """([base64, name, kind]) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name, { type: "image/png" }));
      const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
        : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
    }"""
    page.evaluate(put, [base64.b64encode(face_png).decode(), "pasted.png", "paste"])
    editor.opened((256, 256), parts=True)
    expect(page.locator("#facts")).to_contain_text("pasted.png")
    editor.drag((80, 110), (180, 120))
    page.evaluate(put, [base64.b64encode(face_png).decode(), "dropped.png", "drop"])
    expect(page.locator("#facts")).to_contain_text("dropped.png")
    editor.opened((256, 256), parts=True)
    assert not editor.mask().any()  # a new picture, a new mask
    assert page.locator("#undo").is_disabled()


def test_intermediate_views_and_what_the_memory_gave(editor: Any) -> None:
    editor.open_sample()
    mouth_marked(editor)
    editor.complete()
    page = editor.page
    page.click("#show-views")
    dialog = page.get_by_role("dialog", name="How it was done")
    dialog.locator(".memory").wait_for()
    captions = " ".join(dialog.locator("figcaption").all_inner_texts())
    for title in ("Coarse", "Semantic map", "Completed", "From the other side", "Sources of one patch"):
        assert title in captions
    rows = dialog.locator(".memory tbody tr")
    assert rows.filter(has_text="mouth").locator("td").first.inner_text() == "100 %"
    assert rows.filter(has_text="mouth").locator("rect").count() == 32
    sizes = dialog.locator("img").evaluate_all("all => all.map((it) => [it.complete, it.naturalWidth])")
    assert sizes and all(size == [True, 256] for size in sizes)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
