"""torch.compile takes the lean network as one graph, in which the harmonic fill is one operation.

In a process of its own: the checks of shapes that the tests are imported with cannot be compiled.
"""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json

import torch
from torch._dynamo.backends.common import aot_autograd

from showface.layers.harmonic_fill import harmonic_fill
from showface.networks import profiles
from showface.networks.lean import lean
from showface.networks.mdrnets import MDRNets

names = []

def keep(graph, inputs):
    names.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
    return graph.forward

torch.manual_seed(0)
network = lean(MDRNets(profiles.compact()).eval())
images, masks = torch.rand(1, 3, 64, 64) * 2 - 1, (torch.rand(1, 1, 64, 64) < 0.4).float()
with torch.inference_mode():
    compiled = torch.compile(network, backend=aot_autograd(fw_compiler=keep), fullgraph=True)
    gap = (compiled(images, masks).completed - network(images, masks).completed).abs().max()
torch.library.opcheck(torch.ops.showface.harmonic_fill.default, (images, masks, 4))
print(json.dumps({"gap": float(gap), "fills": sum("harmonic_fill" in name for name in names), "calls": len(names)}))
"""


def test_the_lean_network_is_one_graph() -> None:
    """Unrolled, the sweeps of the fill had not been compiled after eight minutes."""
    said = subprocess.run([sys.executable, "-c", SCRIPT], check=False, capture_output=True, text=True, timeout=300)
    assert said.returncode == 0, said.stderr[-2000:]
    found = json.loads(said.stdout.splitlines()[-1])
    assert found["gap"] < 1e-5 and found["fills"] == 1 and 100 < found["calls"] < 1000, found
