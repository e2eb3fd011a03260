"""Freed memory stays in the process: what is allocated next needs no fresh pages."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest

import showface.allocator
from showface.allocator import KERNELS, keep_freed_memory, keep_kernels
from showface.cli.main import main
from showface.jobs import workers
from showface.jobs.one_picture import Wishes

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


def test_older_c_libraries_take_smaller_blocks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """They refuse more than 32 MiB; were only the other setting taken, every block would be the system's."""
    said: list[tuple[int, int]] = []

    class Old:
        @staticmethod
        def mallopt(what: int, size: int) -> int:
            said.append((what, size))
            return int(what != showface.allocator.MMAP_THRESHOLD or size <= limit)

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(showface.allocator.ctypes, "CDLL", lambda name: Old)
    limit = 32 << 20
    assert keep_freed_memory() and said == [(-3, 64 << 20), (-3, 32 << 20), (-1, 512 << 20)]
    said.clear()
    limit = 0
    assert not keep_freed_memory() and {what for what, _ in said} == {-3}


def test_commands_and_workers_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr("showface.cli.main.keep_freed_memory", lambda: called.append("command"))
    monkeypatch.setattr(workers, "keep_freed_memory", lambda: called.append("worker"))
    assert main(["--version"]) == 0 and called == []  # in the process of somebody else
    monkeypatch.setattr(sys, "argv", ["showface", "--version"])
    assert main() == 0
    monkeypatch.setattr(workers.signal, "signal", lambda *_: None)
    monkeypatch.setattr(workers.Engine, "start", lambda engine: None)
    monkeypatch.setattr(workers, "_worker", {})
    workers._begin(workers.Engine(), Wishes())
    assert called == ["command", "worker"]


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(showface.allocator.ctypes, "CDLL", lambda name: object())
    assert keep_freed_memory() is False


KERNELS_OF = """
import sys
import torch
import showface.allocator

if sys.argv[1] == "eight":
    showface.allocator.KERNELS = 8
    showface.allocator.keep_kernels()
kernel = torch.randn(4, 32, 3, 3)
for again in range(2):
    print("pass", again, flush=True)
    for side in range(8, 38):
        torch.nn.functional.conv2d(torch.randn(1, 32, side, 96), kernel)  # large enough for oneDNN
"""


def kernels_made_again(kept: str) -> int:
    """How many kernels a second pass over 30 shapes makes anew."""
    without_number = {name: value for name, value in os.environ.items() if not name.startswith("ONEDNN_")}
    said = subprocess.run(
        [sys.executable, "-c", KERNELS_OF, kept], check=True, capture_output=True, text=True, timeout=120,
        env={**without_number, "ONEDNN_VERBOSE": "2", "OMP_NUM_THREADS": "1"},
    ).stdout  # fmt: skip
    if "create:cache_hit" not in said and "create:cache_miss" not in said:
        pytest.skip("this build of PyTorch convolves without oneDNN, or does not tell")
    return said.partition("pass 1")[2].count("create:cache_miss,cpu,convolution")


def test_onednn_keeps_as_many_kernels_as_it_is_told() -> None:
    """Eight in place of thousands, so that it is seen: the variable is read after it was set."""
    assert kernels_made_again("usual") == 0 < kernels_made_again("eight")


def test_who_has_set_the_number_of_kernels_is_not_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "7")
    keep_kernels()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "7"
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY")
    keep_kernels()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == str(KERNELS)
