"""The frame of a page that may load nothing: style and pictures are in it, scripts are not.

It reads on a phone, in the dark and on paper.
"""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path

from PIL import Image

STYLE = Path(__file__).with_name("page.css")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # the page may load nothing


def framed(title: str, body: str) -> str:
    """A whole page from `body`, which is HTML; `title` is text."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def jpeg_uri(picture: Image.Image, *, quality: int, subsampling: int) -> str:
    """An RGB picture as a JPEG inside the page; `subsampling` 0 keeps the colours whole."""
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=quality, subsampling=subsampling)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
