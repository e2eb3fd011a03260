"""How long one waits before anything happens: the help text, the imports, the first completed face.

    python benchmarks/startup.py [--runs 5]

Every row is the fastest of several fresh processes, the interpreter's own start included.
"""

from __future__ import annotations

import subprocess
import sys
import time

from record import machine, parser, show, write

STEPS = {
    "python alone": "pass",
    "import showface": "import showface",
    "showface --help": "import sys; sys.argv = ['showface', '--help']; from showface.cli.main import main; main()",
    "from showface import FaceInpainter": "from showface import FaceInpainter",
    "FaceInpainter.from_pretrained()": "from showface import FaceInpainter; FaceInpainter.from_pretrained()",
    "the first completed face": (
        "import numpy as np; from showface import FaceInpainter; "
        "mask = np.zeros((256, 256), dtype=bool); mask[64:192, 64:192] = True; "
        "FaceInpainter.from_pretrained()(np.zeros((256, 256, 3), dtype=np.uint8), mask)"
    ),
}


def seconds(code: str) -> float:
    """Wall time of a fresh interpreter that runs `code`."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    options = parser(__doc__ or "", "startup")
    options.add_argument("--runs", type=int, default=5)
    chosen = options.parse_args()
    facts = machine(chosen.threads)
    fastest = {name: min(seconds(code) for _ in range(chosen.runs)) for name, code in STEPS.items()}
    show(["from the shell to", "seconds"], [[name, f"{value:.2f}"] for name, value in fastest.items()])
    write(chosen.out, {"seconds": fastest, "runs": chosen.runs, "machine": facts})


if __name__ == "__main__":
    main()
