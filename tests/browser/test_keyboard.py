"""Without a mouse: everything can be reached and done with keys, and is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, expect


def tab_to(page: Page, name: str, most: int = 40) -> None:
    """Presses Tab until the element of this accessible name has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(document.activeElement.ariaLabel || document.activeElement.textContent || '').trim().slice(0, 60)"
        )
        if focused.startswith(name):
            return
    raise AssertionError(f"{name} cannot be reached")


def test_from_a_sample_to_the_download(editor: Any) -> None:
    page = editor.page
    keys = page.keyboard
    page.locator("#samples img[src]").first.wait_for()
    tab_to(page, "Sample 1")
    keys.press("Enter")
    editor.opened((256, 256), parts=True)
    expect(page.locator("#stage")).to_be_focused()  # not lost with the button that is gone
    keys.press("b")
    for _ in range(3):
        keys.press("ArrowRight")
    expect(page.locator("#spoken")).to_contain_text(",")  # where the cross is, and on what
    keys.press("Enter")
    for _ in range(5):
        keys.press("ArrowDown")
    keys.press("Enter")
    rows, columns = np.nonzero(editor.mask())
    assert np.ptp(rows) > np.ptp(columns) > 5  # a stroke downwards
    keys.press("Control+z")
    expect(page.locator("#spoken")).to_contain_text("Undone: brush stroke")
    assert not editor.mask().any()

    page.locator("#stage").focus()
    keys.press("r")
    keys.press("Space")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "ArrowUp"):
        keys.press(key)
    keys.press("Space")
    assert editor.mask().any()
    keys.press("Control+Enter")
    page.locator("#compare").wait_for()
    expect(page.locator("#spoken")).to_contain_text("completed in")
    page.locator("#stage").focus()
    before = int(page.locator("#split").input_value())
    keys.press("ArrowLeft")
    assert int(page.locator("#split").input_value()) == before - 2
    with page.expect_download() as waiting:
        keys.press("Control+s")
    assert Path(waiting.value.path()).read_bytes()[8:12] == b"WEBP"
    keys.press("x")
    expect(page.locator("#compare")).to_be_hidden()


def test_escape_takes_back_a_stroke_that_is_being_drawn(editor: Any) -> None:
    editor.open_sample()
    editor.page.locator("#stage").focus()
    for key in ("ArrowRight", "Enter", "ArrowRight", "ArrowRight", "Escape"):
        editor.page.keyboard.press(key)
    assert not editor.mask().any()


def test_tools_sizes_and_help_have_keys(editor: Any) -> None:
    editor.open_sample()
    page = editor.page
    for key, tool in (("e", "eraser"), ("l", "lasso"), ("p", "part"), ("h", "hand"), ("b", "brush")):
        page.keyboard.press(key)
        assert page.locator(f".tools [data-tool={tool}]").get_attribute("aria-pressed") == "true"
    size = editor.brush()
    page.keyboard.press("]")
    assert editor.brush() > size
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Help and shortcuts")
    expect(dialog).to_contain_text("Before and after")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    assert page.locator(".tools [data-tool=brush]").get_attribute("aria-pressed") == "true"
    page.locator("#amount").focus()
    page.keyboard.press("Control+z")  # in a field it is the field's own
    assert page.locator("#undo").is_disabled()


def test_keys_in_a_field_are_the_field_s(editor: Any) -> None:
    editor.open_sample()
    page = editor.page
    page.click("[data-part=mouth]")
    drawn = editor.mask()
    page.locator("#amount").fill("12")
    page.locator("#amount").press("Backspace")
    page.locator("#amount").press("1")
    page.locator("#amount").press("Delete")
    assert (editor.mask() == drawn).all()
