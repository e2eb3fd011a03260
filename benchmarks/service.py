"""Load on the service: many requests from many clients on loopback, beside the pipeline without a service.

    python benchmarks/service.py [--requests 2000] [--clients 16] [--threads 2] [--blocks 10]

Every answer is compared, byte for byte, with what the pipeline makes of the same picture. The pipeline alone (decode,
complete, encode) is timed in a process of its own between blocks of requests, while the service has nothing to do, so
that a machine which slows down slows both; so is its share of the processor, which does not depend on what else the
machine does. Then a short queue is overrun, and faces are completed in batches, to see
whether waiting for company would pay.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from record import machine, parser, show, write

SAMPLES = Path(__file__).parents[1] / "src" / "showface" / "release" / "samples"
BARE_RUNS = 20  # faces that the pipeline alone completes between two blocks
UNITS = ("seconds", "processor")
TOLD = 100  # answers between two looks at the memory
BARE = """
import sys, time, json, hashlib, torch
from pathlib import Path
from showface.pipeline import FaceInpainter
from showface.web.tasks import Hole, Written, complete
from showface.images import Held
torch.set_num_threads(int(sys.argv[1]))
inpaint = FaceInpainter.from_pretrained(device="cpu", detector="cached")
faces = sorted(Path(sys.argv[3], "faces").glob("*.webp"))
def run(face):
    mask = Path(sys.argv[3], "masks", face.stem + ".png")
    asked = Hole(image=Held("image", face.read_bytes()), mask=Held("mask", mask.read_bytes()), pixel_limit=10**6)
    return complete(inpaint, asked, Written()).content
hashes = {face.stem: hashlib.sha256(run(face)).hexdigest() for face in faces}
count, start, worked = int(sys.argv[2]), time.perf_counter(), time.process_time()
for number in range(count):
    run(faces[number % len(faces)])
found = {"seconds": (time.perf_counter() - start) / count, "processor": (time.process_time() - worked) / count}
print(json.dumps(found | {"hashes": hashes}))
"""
BATCHES = """
import sys, time, json, torch
from showface.pipeline import SIDE, FaceInpainter
torch.set_num_threads(int(sys.argv[1]))
inpaint = FaceInpainter.from_pretrained(device="cpu", detector="off")
image, mask = torch.rand(8, 3, SIDE, SIDE) * 2 - 1, torch.zeros(8, 1, SIDE, SIDE)
mask[..., 64:128, 64:128] = 1
best = {}
for _ in range(7):
    for count in (1, 2, 4, 8):
        start = time.perf_counter()
        for first in range(0, 8, count):
            inpaint.complete(image[first : first + count], mask[first : first + count])
        best.setdefault(count, []).append((time.perf_counter() - start) / 8)
print(json.dumps({count: sorted(seconds)[3] for count, seconds in best.items()}))
"""


def program(code: str, *arguments: object) -> dict[str, Any]:
    """What a program prints, run in a process of its own."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    answer: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer


@contextmanager
def serving(threads: int, queue: int) -> Iterator[int]:
    """`showface serve` on a free port, which is given."""
    command = [sys.executable, "-m", "showface.cli", "serve", "--port", "0", "--device", "cpu"]
    command += ["--threads", str(threads), "--queue", str(queue)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}) as it:
        try:
            assert it.stdout is not None
            yield int(re.findall(r":(\d+)/", it.stdout.readline())[0])
        finally:
            it.terminate()


def body_of(stem: str) -> bytes:
    """A form with a face and its mask; the boundary is the letter b."""
    parts = {"image": SAMPLES / "faces" / f"{stem}.webp", "mask": SAMPLES / "masks" / f"{stem}.png"}
    head = '--b\r\nContent-Disposition: form-data; name="{0}"; filename="{0}"\r\n\r\n'
    return (
        b"".join(head.format(name).encode() + path.read_bytes() + b"\r\n" for name, path in parts.items())
        + b"--b--\r\n"
    )


class Crowd:
    """Clients that ask for faces in turn, each on a connection of its own that it keeps."""

    def __init__(self, port: int, hashes: dict[str, str]) -> None:
        self.outcomes: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.memory: list[float] = []  # MiB of the server
        self._port, self._hashes, self._lock = port, hashes, threading.Lock()
        self._bodies = {stem: body_of(stem) for stem in hashes}
        self._todo: Iterator[str] = iter(())

    def ask(self, clients: int, requests: int) -> float:
        """Lets so many clients make so many requests; returns the seconds it took."""
        self._todo = iter([sorted(self._hashes)[number % len(self._hashes)] for number in range(requests)])
        threads = [threading.Thread(target=self._client) for _ in range(clients)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start

    def _client(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=600)
        while True:
            with self._lock:
                stem = next(self._todo, None)
            if stem is None:
                break
            start = time.perf_counter()
            outcome = self._outcome(connection, stem)
            with self._lock:
                self.outcomes[outcome] += 1
                self.seconds.append(time.perf_counter() - start)
                if sum(self.outcomes.values()) % TOLD == 0:
                    self.memory.append(memory(self._port))
        connection.close()

    def _outcome(self, connection: HTTPConnection, stem: str) -> str:
        try:
            headers = {"Content-Type": "multipart/form-data; boundary=b"}
            connection.request("POST", "/v1/inpaint", self._bodies[stem], headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            connection.close()
            return "lost"
        if answer.status == 200:
            return "right" if sha256(content).hexdigest() == self._hashes[stem] else "wrong"
        return f"{answer.status}" + (" with Retry-After" if answer.getheader("Retry-After") else "")


def told(port: int, name: str) -> float:
    """What the server tells of its process."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    (found,) = re.findall(rf"^process_{name} (\S+)", connection.getresponse().read().decode(), re.MULTILINE)
    connection.close()
    return float(found)


def memory(port: int) -> float:
    """MiB that the server holds."""
    return told(port, "resident_memory_bytes") / 2**20


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Half, most and nearly all answers came within so many seconds."""
    hundredths = statistics.quantiles(seconds, n=100)
    return {f"p{share}": round(hundredths[share - 1], 3) for share in (50, 90, 99)} | {"max": round(max(seconds), 3)}


def main() -> None:
    options = parser(__doc__ or "", "service")
    options.add_argument("--requests", type=int, default=2000)
    options.add_argument("--clients", type=int, default=16)
    options.add_argument("--blocks", type=int, default=10)
    chosen = options.parse_args()
    facts, size = machine(chosen.threads), chosen.requests // chosen.blocks
    alone = [program(BARE, chosen.threads, BARE_RUNS, SAMPLES)]
    hashes, served, worked = alone[0]["hashes"], [], []  # seconds, and those of the processor, a request of each block
    with serving(chosen.threads, 2 * chosen.clients) as port:
        Crowd(port, hashes).ask(1, 10)  # warm
        crowd = Crowd(port, hashes)
        for _ in range(chosen.blocks):
            start = told(port, "cpu_seconds_total")
            served.append(crowd.ask(chosen.clients, size) / size)
            worked.append((told(port, "cpu_seconds_total") - start) / size)
            alone.append(program(BARE, chosen.threads, BARE_RUNS, SAMPLES))
    with serving(chosen.threads, 4) as port:
        overrun = Crowd(port, hashes)
        overrun.ask(chosen.clients, 5 * chosen.clients)
    batches = program(BATCHES, chosen.threads)
    beside, bare_work = ([(a[unit] + b[unit]) / 2 for a, b in itertools.pairwise(alone)] for unit in UNITS)
    overheads, work = ([a / b - 1 for a, b in zip(*it, strict=True)] for it in ((served, beside), (worked, bare_work)))
    result = {
        "machine": facts, "requests": size * chosen.blocks, "clients": chosen.clients,
        "outcomes": dict(crowd.outcomes), "latency_seconds": percentiles(crowd.seconds),
        "per_second": round(1 / statistics.mean(served), 3), "bare_per_second": round(1 / statistics.mean(beside), 3),
        "overhead": round(statistics.median(overheads), 4), "overhead_of_blocks": [round(it, 3) for it in overheads],
        "processor_seconds": round(statistics.mean(worked), 4),
        "bare_processor_seconds": round(statistics.mean(bare_work), 4),
        "processor_overhead": round(statistics.median(work), 4),
        "memory_mib": [round(it, 1) for it in crowd.memory],
        "overrun": dict(overrun.outcomes), "batch_seconds_per_face": {k: round(v, 4) for k, v in batches.items()},
    }  # fmt: skip
    show(("", "value"), [(name, str(value)) for name, value in result.items() if name != "machine"])
    write(chosen.out, result)


if __name__ == "__main__":
    main()
