"""The token of the address goes along with every request, and nowhere else."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect


def test_the_token_is_sent_as_a_header_and_never_in_an_address(editor: Any) -> None:
    page = editor.page
    sent: list[tuple[str, str | None]] = []
    page.locator("#samples img[src]").last.wait_for()  # without a token
    page.on("request", lambda request: sent.append((request.url, request.headers.get("authorization"))))
    page.goto("about:blank")
    page.goto(f"{editor.address}#token=0123456789abcdef")
    page.locator("#samples img[src]").last.wait_for()
    asked = [(url, header) for url, header in sent if "/v1/" in url]
    assert len(asked) > 10 and {header for _, header in asked} == {"Bearer 0123456789abcdef"}
    assert not any("0123456789abcdef" in url.partition("#")[0] for url, _ in sent)


def test_without_the_token_the_page_says_what_to_do(make_editor: Any) -> None:
    editor = make_editor(clean=False)
    body = '{"error": "token", "detail": ""}'
    editor.page.route("**/v1/samples", lambda route: route.fulfill(status=401, body=body))
    editor.page.reload()
    expect(editor.page.get_by_role("alert")).to_contain_text("#token=")
