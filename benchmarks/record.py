"""What all benchmarks share: on which machine, the table on the terminal, the JSON file."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def parser(description: str, name: str) -> argparse.ArgumentParser:
    """Options that every benchmark has."""
    options = argparse.ArgumentParser(description=description.splitlines()[0])
    options.add_argument("--threads", type=int, default=2, help="processor threads of torch (default: 2)")
    options.add_argument("--out", type=Path, default=RESULTS / f"{name}.json", help="where the JSON goes")
    return options


def machine(threads: int) -> dict[str, object]:
    """What the numbers depend on besides the code."""
    import torch

    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "threads": threads,
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def show(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table."""
    print("| " + " | ".join(heading) + " |")
    print("|---|" + "---:|" * (len(heading) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def write(out: Path, content: dict[str, object]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {out}")
