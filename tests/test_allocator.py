"""Freed memory stays in the process: what is allocated next needs no fresh pages."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

import showface.allocator
from showface.allocator import keep_freed_memory

PAGES = """
import json, resource
import torch
from showface.allocator import keep_freed_memory

def fresh_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.empty(8 << 20, dtype=torch.uint8).fill_(1)  # 2,048 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

held = torch.empty(48 << 20, dtype=torch.uint8)  # else the C library learns from what is freed
without = fresh_pages()
kept = keep_freed_memory()
fresh_pages()
print(json.dumps([kept, without, fresh_pages()]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have other ways")
def test_what_is_freed_is_used_again() -> None:
    said = subprocess.run([sys.executable, "-c", PAGES], check=True, capture_output=True, text=True, timeout=120)
    kept, without, fresh = json.loads(said.stdout)
    assert kept and fresh < 200 and fresh < without, said.stdout


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(showface.allocator.ctypes, "CDLL", lambda name: object())
    assert keep_freed_memory() is False
