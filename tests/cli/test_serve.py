"""`showface serve`: what it prints, what it serves, how it ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from showface.cli.main import main

pytestmark = pytest.mark.slow  # a service in a process of its own

TOKEN = "a token of 24 characters"


def test_it_says_where_it_is_serves_and_ends_with_ctrl_c(tiny_weights: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "showface.cli", "serve", "--port", "0", "--weights", str(tiny_weights)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
    # a shell that started these tests in the background made them, and what they start, deaf to Ctrl-C
    pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen([*command, "--device", "cpu", "--token", TOKEN], **pipes) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.match(r"(http://127\.0\.0\.1:\d+/)  \(Ctrl-C ends it\)$", line.rstrip("\n"))
        assert address, "the token is not written where no person reads"
        health = httpx2.get(f"{address[1]}healthz", timeout=60).json()
        assert health["status"] == "ok" and health["token"] is True
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    assert process.returncode == 130 and out == ""
    assert "Traceback" not in error and TOKEN not in error
    assert list(tmp_path.iterdir()) == []


def test_what_contradicts_itself_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--token", "short"]) == 2
    assert "at least 16" in capsys.readouterr().err
    assert main(["serve", "--port", "70000"]) == 2
    assert main(["serve", "--workers", "0"]) == 2
