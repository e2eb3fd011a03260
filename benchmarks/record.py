"""What all benchmarks share: on which machine, the table on the terminal, the JSON file and where it comes from."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent.parent / "results"
PROVENANCE = ("recorded", "command", "weights", "versions")  # what every results file, or every part of it, says


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


def write(out: Path, content: Mapping[str, object], *, part: str = "", weights: str | None = None) -> None:
    """The content with its provenance as JSON; with `part` it stands under that name, beside the file's other parts.

    `weights` are the folder or file that was measured; None = those of the package.
    """
    signed = {"provenance": provenance(weights), **content}
    earlier = json.loads(out.read_text(encoding="utf-8")) if part and out.exists() else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(as_text({**earlier, part: signed} if part else signed) + "\n", encoding="utf-8")
    print(f"\nwritten to {out}")


def provenance(weights: str | None = None) -> dict[str, object]:
    """Where the output of a benchmark that runs now comes from: command, weights, versions."""
    from showface.evaluation.report.files import versions
    from showface.weights import bundled, weights_hash

    words = [Path(sys.argv[0]).name, *map(shortened, sys.argv[1:])]
    return {
        "recorded": f"release {release()}, as the command wrote it",
        "command": f"python benchmarks/{' '.join(words)}",
        "weights": weights_hash(Path(weights) if weights else bundled()),
        "versions": versions(),
    }


def release(results: Path = RESULTS) -> str:
    """The name of the bundled release, "r18"."""
    return str(json.loads((results / "release.json").read_text(encoding="utf-8"))["name"])


def shortened(word: str) -> str:
    """A word of a command without the place where this machine keeps things: the last two parts of a whole path."""
    return "/".join(Path(word).parts[-2:]) if word.startswith("/") else word


def as_text(value: Any, indent: str = "") -> str:
    """JSON in which what holds single values alone is one line, so that a changed figure is a changed line."""
    if not isinstance(value, dict | list) or not any(isinstance(one, dict | list) for one in _inside(value)):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    deeper = f"{indent} "
    keys = (
        [f"{json.dumps(key, ensure_ascii=False)}: " for key in value] if isinstance(value, dict) else [""] * len(value)
    )
    lines = [f"{deeper}{key}{as_text(one, deeper)}" for key, one in zip(keys, _inside(value), strict=True)]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return f"{begin}\n" + ",\n".join(lines) + f"\n{indent}{end}"


def _inside(value: dict[str, Any] | list[Any]) -> Sequence[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def rounded(value: Any, digits: int = 6) -> Any:
    """The same with every float to so many digits that count."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {name: rounded(one, digits) for name, one in value.items()}
    return [rounded(one, digits) for one in value] if isinstance(value, list) else value
