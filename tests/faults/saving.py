"""Saves checkpoints as fast as it can and is killed again and again; run by `test_saves.py` as a process of its own.

    python saving.py FOLDER KILLS HITS

After every kill the newest readable checkpoint must be one that was reported as saved, or the next, with the tensors
of its step and no others. It goes on after KILLS until HITS of them hit an unfinished file, up to ten times as many:
how often one does depends on the machine. Prints how many there were of both, as a line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

from showface.training.state import KEPT, TrainState, checkpoints, machine, resume, save_checkpoint
from showface.weights import remove_parts

CPU = torch.device("cpu")
FACTS = {"configuration": {"recipe": "none"}, "machine": machine(CPU)}


def fresh() -> TrainState:
    network = nn.Linear(300, 300)
    return TrainState.start({"a": network}, {"a": torch.optim.AdamW(network.parameters())}, averaged={"a"})


def continued(folder: Path) -> TrainState:
    """The state in `folder`, which must be readable where there is any."""
    state = fresh()
    resume(folder, state, FACTS, filled=lambda found: found, say=refuse)
    return state


def refuse(sentence: str) -> None:
    raise AssertionError(f"no checkpoint may be damaged: {sentence}")


def save_on_and_on(folder: Path, report: int) -> None:
    """Every tensor of a step holds its number; every finished save is reported."""
    state = continued(folder)
    os.write(report, state.step.to_bytes(8, "little"))
    while True:
        state.step += 1
        with torch.no_grad():
            for module in (*state.networks.values(), *state.averages.values()):
                for tensor in module.parameters():
                    tensor.fill_(state.step)
        save_checkpoint(folder, state, FACTS)
        os.write(report, state.step.to_bytes(8, "little"))


def kill_one(folder: Path, seconds: float) -> int:
    """Let a process save for so long, kill it; returns the last step that it reported."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        save_on_and_on(folder, writes)
    os.close(writes)
    first = os.read(reads, 8)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, f"the process ended by itself: {status}"
    with os.fdopen(reads, "rb") as stream:
        told = first + stream.read()
    return int.from_bytes(told[-8:], "little")


def main() -> None:
    folder, least, hits = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    fresh()  # what torch loads at first use is loaded before any process is forked
    rng, last, unfinished, kills = random.Random(0), 0, 0, 0
    while kills < least or (unfinished < hits and kills < 10 * least):
        kills += 1
        last = max(last, kill_one(folder, rng.uniform(0.0, 0.04)))
        unfinished += len(list(folder.glob(".*.part")))
        remove_parts(folder)
        state = continued(folder)
        assert state.step in (last, last + 1), (state.step, last)
        for module in (*state.networks.values(), *state.averages.values()):
            assert state.step == 0 or all(bool((tensor == state.step).all()) for tensor in module.parameters())
        last = state.step
    save_checkpoint(folder, state, FACTS)
    assert len(checkpoints(folder)) == KEPT, "old checkpoints pile up"
    print(json.dumps({"kills": kills, "steps": last, "unfinished": unfinished}))


if __name__ == "__main__":
    main()
