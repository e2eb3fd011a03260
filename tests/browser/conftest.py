"""A real browser on a real service: `make test-browser` runs these, with Debian's chromium or SHOWFACE_CHROMIUM.

The service is `showface serve` with the bundled weights and without the face detector, so that nothing is fetched.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent.parent
FACES = ROOT / "src" / "showface" / "release" / "samples" / "faces"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 60  # that anything may take on a busy machine
MARGIN, LARGEST = 16, 8  # CSS pixels round a fitted picture, and of one of its pixels at most (view/viewport.js)

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
Point = tuple[float, float]


def chromium() -> str:
    found = os.environ.get("SHOWFACE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.exit("no chromium: apt-get install chromium, or name one in SHOWFACE_CHROMIUM", returncode=1)
    return str(found)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a service of its own listens."""
    log = tmp_path_factory.mktemp("service") / "log"
    environment = os.environ | {"SHOWFACE_CACHE": str(log.parent / "cache"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "showface.cli", "serve", "--port", "0", "--threads", "1"]
    with log.open("w") as errors:
        service = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
    try:
        assert service.stdout is not None
        line = service.stdout.readline()
        assert line.startswith("http://"), f"the service did not start: {line}{log.read_text()}"
        yield line.split()[0]
    finally:
        service.terminate()
        service.wait(30)
        assert service.stdout is not None
        service.stdout.close()
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        # as root, chromium runs only without its sandbox; it opens nothing but our own page
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        started = play.chromium.launch(executable_path=chromium(), args=[*sandbox, "--disable-dev-shm-usage"])
        yield started
        started.close()


class Editor:
    """The page as a person uses it; points are in pixels of the picture, which is fitted to the stage."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.requests: list[tuple[str, str, int]] = []  # method, address, bytes sent
        self.complaints: list[str] = []
        page.set_default_timeout(SECONDS * 1000)
        page.on("request", lambda it: self.requests.append((it.method, it.url, len(it.post_data_buffer or b""))))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.size = (256, 256)

    def start(self) -> Editor:
        self.page.goto(self.address)
        return self

    def open_sample(self, number: int = 1, *, parts: bool = True) -> Editor:
        self.page.locator("#samples button").nth(number - 1).click()
        return self.opened((256, 256), parts=parts)

    def open(self, name: str, content: bytes, size: tuple[int, int], *, parts: bool = True) -> Editor:
        """`size` is (width, height)."""
        self.page.locator("#file").set_input_files({"name": name, "mimeType": "", "buffer": content})
        return self.opened(size, parts=parts)

    def opened(self, size: tuple[int, int], *, parts: bool) -> Editor:
        self.size = size
        expect(self.page.locator("#facts")).to_contain_text(f"{size[0]} × {size[1]}", timeout=SECONDS * 1000)
        if parts:
            self.page.locator("#parts button").first.wait_for()
        return self

    def at(self, x: float, y: float) -> Point:
        """Where a point of the fitted picture is in the window."""
        box = self.page.locator("#stage").bounding_box()
        assert box is not None
        width, height = self.size
        scale = min((box["width"] - 2 * MARGIN) / width, (box["height"] - 2 * MARGIN) / height, LARGEST)
        left, top = (box["width"] - width * scale) / 2, (box["height"] - height * scale) / 2
        return box["x"] + left + x * scale, box["y"] + top + y * scale

    def drag(self, *points: Point) -> None:
        mouse = self.page.mouse
        mouse.move(*self.at(*points[0]))
        mouse.down()
        for point in points[1:]:
            mouse.move(*self.at(*point), steps=4)
        mouse.up()

    def take(self, tool: str) -> None:
        self.page.click(f"button[data-tool={tool}]") if tool != "face" else self.page.click("#mark-face")

    def set_brush(self, size: int) -> None:
        """The brush's diameter, by its slider, to the nearest step."""
        largest = max(40, min(self.size) / 3)
        step = round(100 * np.log(size) / np.log(largest))
        self.page.locator("#brush").fill(str(step))

    def brush(self) -> int:
        return int(self.page.locator("#brush-size").inner_text().split()[0])

    def mask(self) -> np.ndarray:
        """The mask as it is exported; bool, True = hole. All False where there is nothing to export."""
        self.page.wait_for_timeout(150)  # the buttons follow the mask a moment later
        if self.page.locator("#mask-export").is_disabled():
            return np.zeros(self.size[::-1], dtype=bool)
        with self.page.expect_download() as waiting:
            self.page.click("#mask-export")
        return picture_of(Path(waiting.value.path()).read_bytes()) > 127

    def complete(self) -> None:
        self.page.click("#complete")
        self.page.locator("#compare").wait_for()

    def download(self) -> tuple[str, bytes]:
        with self.page.expect_download() as waiting:
            self.page.click("#download")
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()

    def split(self, percent: int) -> None:
        self.page.locator("#split").fill(str(percent))

    def seen(self) -> np.ndarray:
        """The stage as it is shown, uint8 (h, w, 3), without what lies on it."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        address = self.page.evaluate("document.querySelector('#stage canvas').toDataURL()")
        return picture_of(base64.b64decode(address.partition(",")[2]))[..., :3]

    def posts(self, path: str) -> list[int]:
        """Bytes of every request to this path."""
        return [size for method, url, size in self.requests if method == "POST" and url.endswith(path)]


def picture_of(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)


@pytest.fixture
def make_editor(browser: Browser, address: str) -> Iterator[Callable[..., Editor]]:
    """Opens the page in a window of its own; afterwards the console must be clean and nobody else have been asked."""
    made = []

    def make(clean: bool = True, **options: Any) -> Editor:
        context = browser.new_context(**(DESKTOP | options))
        editor = Editor(context.new_page(), address)
        made.append((context, editor, clean))
        return editor.start()

    yield make
    for context, editor, clean in made:
        context.close()
        assert not clean or not editor.complaints
        elsewhere = [url for _, url, _ in editor.requests if not url.startswith((address, "blob:", "data:"))]
        assert not elsewhere


@pytest.fixture
def editor(make_editor: Callable[..., Editor]) -> Editor:
    return make_editor()


@pytest.fixture(scope="session")
def face() -> Image.Image:
    """A generated face, 256 x 256, RGB."""
    with Image.open(FACES / "07043.webp") as picture:
        return picture.convert("RGB")


@pytest.fixture(scope="session")
def face_png(face: Image.Image) -> bytes:
    return written(face, "PNG")


def written(picture: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()
