"""How a face was completed, box by box of the paper's Figure 2: read from the network, and drawn as one figure."""

from showface.explain.figure import explain
from showface.explain.findings import Explanation, OtherSideOf
from showface.explain.network import explanation

__all__ = ["Explanation", "OtherSideOf", "explain", "explanation"]
