"""One rank of a two-process run over the disentangled memory; started by test_disentangled_memory.py.

Arguments: rank, folder. Reads `batches.pt` in the folder, teaches the memory its half of each batch, writes
`rank<rank>.pt`.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed

from showface.networks.disentangled_memory import DisentangledMemory, MemoryConfig


def main(rank: int, folder: Path) -> None:
    """Teach this rank's memory."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2, timeout=timedelta(seconds=60)
    )
    setting, batches = torch.load(folder / "batches.pt", weights_only=True)
    memory = DisentangledMemory(MemoryConfig(**setting))
    for batch in batches:
        memory.update(*(part.chunk(2)[rank] for part in batch))
    torch.save(memory.state_dict(), folder / f"rank{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
