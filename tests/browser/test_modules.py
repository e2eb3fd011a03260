"""The page's own arithmetic against ours, on many random masks: growing, packing, reading, history."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from showface.masks import draw_free_form, mask_of
from showface.photo.mask_options import grown

BYTES = "(text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))"
TEXT = "(bytes) => { let text = ''; for (const byte of bytes) text += String.fromCharCode(byte); return btoa(text); }"


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


def sent(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=np.uint8).tobytes()).decode()


def received(text: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype=np.uint8).reshape(shape) > 0


def masks() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    drawn = [draw_free_form(rng, size) for size in ((64, 64), (50, 90), (97, 31))]
    corner = np.zeros((20, 30), dtype=bool)
    corner[0, 0] = corner[19, 29] = True
    return [*drawn, corner, rng.random((40, 40)) < 0.02, np.ones((5, 7), dtype=bool)]


@pytest.mark.parametrize("distance", [1, 2, 3, 7, 30])
def test_growing_is_ours_and_shrinking_its_opposite(page: Page, distance: int) -> None:
    run = f"""async ([text, width, height, distance]) => {{
      const {{ Mask }} = await import("/static/core/mask.js");
      const {{ grown, shrunk }} = await import("/static/core/grow.js");
      const mask = new Mask(width, height, ({BYTES})(text));
      return [grown(mask, distance), shrunk(mask, distance)].map((it) => ({TEXT})(it.data));
    }}"""
    for mask in masks():
        larger, smaller = page.evaluate(run, [sent(mask), mask.shape[1], mask.shape[0], distance])
        assert (received(larger, mask.shape) == grown(mask, distance)).all()
        expected = ~grown(~mask, distance)
        assert (received(smaller, mask.shape) == expected).all()


def test_an_exported_mask_is_read_by_everyone(page: Page) -> None:
    run = f"""async ([text, width, height]) => {{
      const {{ Mask }} = await import("/static/core/mask.js");
      const png = await import("/static/core/png.js");
      const file = await png.encode(new Mask(width, height, ({BYTES})(text)));
      const back = await png.decode(file);
      return [({TEXT})(new Uint8Array(await file.arrayBuffer())), ({TEXT})(back.data)];
    }}"""
    for mask in masks():
        file, back = page.evaluate(run, [sent(mask), mask.shape[1], mask.shape[0]])
        with Image.open(io.BytesIO(base64.b64decode(file))) as picture:
            picture.verify()
        with Image.open(io.BytesIO(base64.b64decode(file))) as picture:
            assert (np.asarray(picture) == mask * 255).all()
        assert (received(back, mask.shape) == mask).all()


def pictures_of_masks() -> dict[str, Image.Image]:
    mask = draw_free_form(np.random.default_rng(1), 48)
    grey = Image.fromarray((mask * 200).astype(np.uint8))
    red = Image.merge("RGB", (grey, Image.new("L", grey.size), Image.new("L", grey.size)))
    alpha = Image.new("RGBA", grey.size, (0, 0, 0, 0))
    alpha.paste((0, 0, 0, 255), mask=Image.fromarray(mask))
    cut = Image.new("RGBA", grey.size, (255, 255, 255, 255))
    cut.putalpha(Image.fromarray((mask * 255).astype(np.uint8)))
    return {
        "grey": grey, "one bit": Image.fromarray(mask), "zero and one": Image.fromarray(mask.astype(np.uint8)),
        "red": red, "alpha alone": alpha, "white where opaque": cut, "empty": Image.new("L", (48, 48)),
        "palette": grey.convert("P"),
    }  # fmt: skip


@pytest.mark.parametrize("name", pictures_of_masks())
def test_masks_of_others_are_read_as_the_library_reads_them(page: Page, name: str) -> None:
    picture = pictures_of_masks()[name]
    file = io.BytesIO()
    picture.save(file, "PNG")
    run = f"""async (text) => {{
      const png = await import("/static/core/png.js");
      return ({TEXT})((await png.decode(new Blob([({BYTES})(text)]))).data);
    }}"""
    read = page.evaluate(run, base64.b64encode(file.getvalue()).decode())
    with Image.open(file) as stored:
        assert (received(read, (48, 48)) == mask_of(stored)).all()


def test_undo_and_redo_go_through_every_state(page: Page) -> None:
    """Two hundred random changes, taken back and done again; the page compares every pixel of every state itself."""
    run = """async () => {
      const { Editor } = await import("/static/core/editor.js");
      const { stroke, rectangle } = await import("/static/core/shapes.js");
      const editor = new Editor();
      editor.open({ width: 61, height: 43 });
      let seed = 7;
      const random = (most) => (seed = (seed * 48271) % 2147483647) % most;
      const states = [editor.mask.data.join("")];
      for (let i = 0; i < 200; i++) {
        const a = { x: random(80) - 10, y: random(60) - 10 }, b = { x: random(80) - 10, y: random(60) - 10 };
        const ink = i % 2;
        const draw = (mask) => (i % 3 ? stroke(mask, a, b, 1 + random(9), ink) : rectangle(mask, a, b, ink));
        if (editor.change("change", draw)) states.push(editor.mask.data.join(""));
      }
      const wrong = [];
      for (let i = states.length - 2; i >= 0; i--) {
        editor.undo();
        if (editor.mask.data.join("") !== states[i]) wrong.push(-i);
      }
      for (let i = 1; i < states.length; i++) {
        editor.redo();
        if (editor.mask.data.join("") !== states[i]) wrong.push(i);
      }
      return [states.length, wrong, editor.redo()];
    }"""
    count, wrong, beyond = page.evaluate(run)
    assert count > 100 and wrong == [] and beyond is None
