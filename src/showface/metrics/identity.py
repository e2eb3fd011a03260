"""Whether the completed face is still the same person: a metric beyond the paper's (method.md §9).

For scale, dlib's network on 51 people of the Face Research Lab London set: one person neutral and smiling 0.988 in the
mean and 0.958 at least, two people 0.835 in the mean and 0.943 at most.
"""

from __future__ import annotations

from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import cosine_similarity

from showface.metrics.lpips import Extractor


def identity(
    picture: UInt8[Tensor, "b 3 h w"],
    truth: UInt8[Tensor, "b 3 h w"],
    network: Extractor,
    *,
    truth_network: Extractor | None = None,
) -> Float[Tensor, " b"]:
    """The cosine similarity of the face embeddings of each picture and its truth, 1 for equal ones; RGB in 0..255.

    `network` is a `FaceEmbedding`; `truth_network` gives the truth's embeddings instead, where they may be known.
    On the pictures' device.
    """
    vectors, known = network(picture).double(), (truth_network or network)(truth).double()
    return cosine_similarity(vectors, known, dim=1).to(picture.device)
