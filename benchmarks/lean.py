"""Time that the lean form saves: the trained network and its lean form in turn on the same face, medians.

    python benchmarks/lean.py [--runs 25]

Both complete the same but for rounding; the largest difference is printed, too.
"""

from __future__ import annotations

import statistics
import time

import torch
from record import machine, parser, show, write

from showface import FaceInpainter


def main() -> None:
    options = parser(__doc__ or "", "lean")
    options.add_argument("--runs", type=int, default=25)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    facts, inpaint = machine(chosen.threads), FaceInpainter.from_pretrained(device="cpu")
    forms = {"as trained": inpaint.network, "lean": inpaint.lean}
    image = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mask = torch.zeros(1, 1, 256, 256)
    mask[..., 60:180, 80:200] = 1
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    with torch.inference_mode():
        made = {name: form(image, mask).completed for name, form in forms.items()}
        for _ in range(chosen.runs):
            for name, form in forms.items():
                start = time.perf_counter()
                form(image, mask)
                seconds[name].append(time.perf_counter() - start)
    rows = {name: [round(1000 * f(times), 1) for f in (statistics.median, min)] for name, times in seconds.items()}
    difference = float((made["lean"] - made["as trained"]).abs().max())
    show(["form", "median (ms)", "fastest (ms)"], [[name, *map(str, row)] for name, row in rows.items()])
    print(f"largest difference of the completions: {difference:.1e} of [-1, 1]")
    write(chosen.out, facts | {"milliseconds": rows, "difference": difference})


if __name__ == "__main__":
    main()
