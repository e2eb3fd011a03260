"""What the person sees when something goes wrong; and that nothing of theirs is lost."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Route, expect


def refusal(error: str, detail: str = "", **more: str) -> str:
    return json.dumps({"error": error, "detail": detail, **more})


def fulfilled(status: int, body: str, **headers: str) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status, body=body, content_type="application/json", headers=headers)


@pytest.fixture
def editor(make_editor: Callable[..., Any]) -> Any:
    """The browser itself complains of every failed request; here they are wanted."""
    return make_editor(clean=False)


def test_what_is_no_picture_is_refused_and_the_open_one_stays(editor: Any) -> None:
    editor.open_sample()
    editor.drag((80, 110), (180, 120))
    mask = editor.mask()
    editor.page.locator("#file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(editor.page.get_by_role("alert")).to_contain_text("cannot be read")
    expect(editor.page.locator("#facts")).to_contain_text("sample-07043")
    assert (editor.mask() == mask).all()


def test_too_large(editor: Any) -> None:
    editor.page.route("**/v1/pictures", fulfilled(413, refusal("too_large", "80 MiB; at most 64 MiB are taken")))
    editor.page.locator("#file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"large"})
    expect(editor.page.get_by_role("alert")).to_contain_text("too large: 80 MiB; at most 64 MiB")


def test_a_busy_service_is_asked_again(editor: Any) -> None:
    editor.open_sample()
    editor.page.click("[data-part=mouth]")
    asked = []

    def busy_once(route: Route) -> None:
        asked.append(1)
        if len(asked) > 1:
            route.fallback()
        else:
            fulfilled(503, refusal("busy", "the queue is full"), **{"Retry-After": "1"})(route)

    editor.page.route("**/v1/inpaint", busy_once)
    editor.page.click("#complete")
    expect(editor.page.locator("#elapsed")).to_contain_text("busy. Trying again in 1 s")
    editor.page.locator("#compare").wait_for()
    assert len(asked) == 2 and editor.page.get_by_role("alert").count() == 0


def test_waiting_for_a_busy_service_can_be_given_up(editor: Any) -> None:
    editor.open_sample()
    editor.page.click("[data-part=mouth]")
    editor.page.route("**/v1/inpaint", fulfilled(503, refusal("busy"), **{"Retry-After": "30"}))
    editor.page.click("#complete")
    expect(editor.page.locator("#elapsed")).to_contain_text("busy")
    editor.page.click("#cancel")
    expect(editor.page.locator("#complete")).to_be_enabled()
    expect(editor.page.locator("#spoken")).to_contain_text("Cancelled")
    assert editor.page.get_by_role("alert").count() == 0


def test_a_completion_can_be_cancelled(editor: Any) -> None:
    editor.open_sample()
    editor.page.click("[data-part=mouth]")
    editor.page.route("**/v1/inpaint", lambda route: None)  # an answer that does not come
    with editor.page.expect_request("**/v1/inpaint"):  # progress shows earlier, while the mask is packed
        editor.page.click("#complete")
    expect(editor.page.locator("#progress")).to_be_visible()
    with editor.page.expect_event("requestfailed", lambda request: request.url.endswith("/v1/inpaint")):
        editor.page.keyboard.press("Escape")
    expect(editor.page.locator("#complete")).to_be_visible()
    expect(editor.page.locator("#result")).to_be_hidden()
    editor.page.unroute("**/v1/inpaint")
    editor.complete()


def test_a_completion_can_be_cancelled_before_anything_was_asked(editor: Any) -> None:
    editor.open_sample()
    editor.page.click("[data-part=mouth]")
    editor.page.evaluate("() => ['#complete', '#cancel'].forEach((it) => document.querySelector(it).click())")
    expect(editor.page.locator("#spoken")).to_contain_text("Cancelled")
    expect(editor.page.locator("#complete")).to_be_enabled()
    assert not [url for _, url, _ in editor.requests if url.endswith("/v1/inpaint")]
    editor.complete()


def test_a_lost_connection_and_a_fault_of_the_service_can_be_tried_again(editor: Any) -> None:
    editor.open_sample()
    editor.page.click("[data-part=mouth]")
    mask = editor.mask()
    editor.page.route("**/v1/inpaint", lambda route: route.abort())
    editor.page.click("#complete")
    notice = editor.page.get_by_role("alert")
    expect(notice).to_contain_text("does not answer")
    editor.page.unroute("**/v1/inpaint")
    editor.page.route("**/v1/inpaint", fulfilled(500, refusal("internal", "a fault", id="f00d")))
    notice.get_by_role("button", name="Try again").click()
    expect(notice).to_contain_text("f00d")
    assert (editor.mask() == mask).all()
    editor.page.unroute("**/v1/inpaint")
    notice.get_by_role("button", name="Try again").click()
    editor.page.locator("#compare").wait_for()


def test_a_picture_that_the_service_forgot_is_sent_again(editor: Any) -> None:
    editor.open_sample()
    editor.page.click("[data-part=mouth]")
    forgotten = []

    def forget(route: Route) -> None:
        if forgotten:
            route.fallback()
        else:
            forgotten.append(1)
            fulfilled(404, refusal("not_found", "gone"))(route)

    editor.page.route("**/v1/inpaint", forget)
    editor.complete()
    assert len(editor.posts("/v1/pictures")) == 2 and editor.page.get_by_role("alert").count() == 0


def test_without_a_face_one_can_be_marked(editor: Any, face: Image.Image) -> None:
    wide = Image.new("RGB", (600, 360), (90, 110, 130))
    wide.paste(face, (200, 50))
    file = io.BytesIO()
    wide.save(file, "PNG")
    editor.open("group.png", file.getvalue(), wide.size, parts=False)
    notice = editor.page.get_by_role("status").filter(has_text="no face was looked for")
    notice.get_by_role("button", name="Mark a face").click()
    editor.drag((262, 125), (402, 275))
    editor.page.locator("[data-part=mouth]").click()
    rows, columns = np.nonzero(editor.mask())
    assert 220 < rows.mean() < 255 and 310 < columns.mean() < 350
    editor.complete()
    expect(editor.page.locator("#summary")).to_contain_text("One face completed")


def test_nothing_marked_is_said(editor: Any) -> None:
    editor.open_sample()
    editor.page.click("#complete")
    expect(editor.page.locator(".notice")).to_contain_text("Mark first what should go")
    assert not editor.posts("/v1/inpaint")
