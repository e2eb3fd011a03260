"""axe finds nothing in any state; colours, motion and focus are as the person wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", **PHONE},
    "forced": {"forced_colors": "active"},
}


def found_by_axe(page: Page) -> list[str]:
    """Every finding, whatever its weight, with the elements it is about."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{it['impact']} {it['id']}: {[node['html'][:90] for node in it['nodes']]}" for it in found]


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(make_editor: Callable[..., Any], look: str) -> None:
    editor = make_editor(clean=False, reduced_motion="reduce", **LOOKS[look])
    page = editor.page
    page.locator("#samples img[src]").last.wait_for()
    assert found_by_axe(page) == []
    editor.open_sample()
    page.click("[data-part=mouth]")
    page.wait_for_timeout(200)
    assert found_by_axe(page) == []
    page.route("**/v1/inpaint", lambda route: route.abort())
    page.click("#complete")
    page.get_by_role("alert").wait_for()
    assert found_by_axe(page) == []
    page.unroute("**/v1/inpaint")
    page.get_by_role("button", name="Try again").click()
    page.locator("#compare").wait_for()
    assert found_by_axe(page) == []
    page.click("#show-views")
    page.locator(".memory").wait_for()
    assert found_by_axe(page) == []
    page.keyboard.press("Escape")
    page.click("#show-help")
    assert found_by_axe(page) == []


def test_the_theme_is_the_system_s_until_chosen_and_then_kept(make_editor: Callable[..., Any]) -> None:
    editor = make_editor(color_scheme="dark")
    page = editor.page
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.click("#theme")
    assert page.locator("#theme").get_attribute("aria-label") == "Colours: light"
    light = page.evaluate(paper)
    assert light != dark
    page.reload()
    page.locator("#samples img[src]").first.wait_for()
    assert page.evaluate(paper) == light


def test_the_focus_is_seen_wherever_tab_goes(editor: Any) -> None:
    editor.open_sample()
    page = editor.page
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        name, outlined = page.evaluate(
            """() => { const it = document.activeElement, style = getComputedStyle(it);
              return [it.id || it.textContent.trim() || it.tagName,
                it === document.body || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2)]; }"""
        )
        assert outlined, name
        seen.add(name)
    assert {"stage", "Brush", "brush", "amount", "mask-invert", "complete", "theme", "zoom-in"} <= seen
