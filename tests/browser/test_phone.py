"""On a phone: fingers paint, pinch and move; everything fits into 360 pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

PHONE = {"viewport": {"width": 360, "height": 640}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


@pytest.fixture
def phone(make_editor: Callable[..., Any]) -> Any:
    return make_editor(**PHONE)


class Fingers:
    def __init__(self, editor: Any) -> None:
        self.session = editor.page.context.new_cdp_session(editor.page)

    def send(self, kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


def test_a_finger_paints_and_two_pinch_without_painting(phone: Any) -> None:
    phone.open_sample()
    fingers = Fingers(phone)
    a, b = phone.at(90, 110), phone.at(170, 110)
    fingers.send("touchStart", a)
    for share in (0.25, 0.5, 0.75, 1):
        fingers.send("touchMove", (a[0] + share * (b[0] - a[0]), a[1]))
    fingers.send("touchEnd")
    mask = phone.mask()
    rows, columns = np.nonzero(mask)
    assert np.ptp(columns) > 80 and 100 < rows.mean() < 120

    level = phone.page.locator("#zoom-level")
    before = int(level.text_content().split()[0])
    left, right = phone.at(110, 150), phone.at(150, 150)
    fingers.send("touchStart", left)
    fingers.send("touchStart", left, right)
    for away in (10, 20, 30, 40):
        fingers.send("touchMove", (left[0] - away, left[1]), (right[0] + away, right[1]))
    fingers.send("touchEnd")
    assert int(level.text_content().split()[0]) > 1.5 * before
    assert (phone.mask() == mask).all()


def test_a_pen_paints_and_the_hand_that_holds_it_does_not(phone: Any) -> None:
    phone.open_sample()
    fingers = Fingers(phone)

    def pen(kind: str, x: float, y: float, buttons: int) -> None:
        event = {"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "pointerType": "pen"}
        fingers.session.send("Input.dispatchMouseEvent", event | {"clickCount": 1})

    a, b = phone.at(90, 110), phone.at(170, 110)
    pen("mousePressed", *a, 1)
    fingers.send("touchStart", phone.at(128, 220))
    fingers.send("touchMove", phone.at(140, 225))
    pen("mouseMoved", *b, 1)
    fingers.send("touchEnd")
    pen("mouseReleased", *b, 0)
    rows, columns = np.nonzero(phone.mask())
    assert np.ptp(columns) > 80 and 100 < rows.mean() < 120 and rows.max() < 140


def test_from_a_sample_to_the_result(phone: Any) -> None:
    page = phone.page
    page.locator("#samples button").first.tap()
    phone.opened((256, 256), parts=True)
    page.locator("[data-part=mouth]").tap()
    page.locator("#complete").tap()
    page.locator("#compare").wait_for()
    expect(page.locator("#download")).to_be_in_viewport()
    start, end = phone.at(128, 60), phone.at(40, 60)
    fingers = Fingers(phone)
    fingers.send("touchStart", start)
    fingers.send("touchMove", end)
    fingers.send("touchEnd")
    assert int(page.locator("#split").input_value()) == pytest.approx(100 * 40 / 256, abs=2)


@pytest.mark.parametrize("size", [(360, 640), (740, 360), (1000, 720), (1920, 1080)], ids=str)
def test_nothing_is_cut_off(make_editor: Callable[..., Any], size: tuple[int, int]) -> None:
    editor = make_editor(viewport={"width": size[0], "height": size[1]})
    page = editor.page
    wide = (
        "() => document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight"
    )
    assert not page.evaluate(wide)
    editor.open_sample()
    page.click("[data-part=mouth]")
    editor.complete()
    assert not page.evaluate(wide)
    buttons = ("button[data-tool=brush]", "button[data-mode=edit]", "#undo", "#zoom-fit", "#show-help")
    for name in (*buttons, "#complete", "#split"):
        expect(page.locator(name).first).to_be_in_viewport(ratio=1)
    assert page.evaluate("(it => it.scrollWidth <= it.clientWidth)(document.querySelector('.scroll'))")
    stage = page.locator("#stage").bounding_box()
    assert stage["width"] >= 300 and stage["height"] >= 240
    overlapping = """() => {
      const boxes = [...document.querySelectorAll(".bar:not([hidden])")].map((it) => it.getBoundingClientRect());
      return boxes.some((a, i) => boxes.some((b, j) => i < j && a.left < b.right && b.left < a.right
        && a.top < b.bottom && b.top < a.bottom));
    }"""
    assert not page.evaluate(overlapping)


def test_what_fingers_press_is_large_enough(phone: Any) -> None:
    phone.open_sample()
    small = """() => [...document.querySelectorAll("button, select, input:not([type=file])")]
      .filter((it) => it.checkVisibility() && !it.closest("dialog"))
      .map((it) => [it.id || it.textContent.trim(), it.getBoundingClientRect()])
      .filter(([, box]) => box.width < 32 || box.height < 32).map(([name]) => name)"""
    assert phone.page.evaluate(small) == []
