"""Methods are measured alike: without the hidden pixels, composited, as uint8 (method.md §9)."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from showface.evaluation.measuring.runner import complete, evaluate, read_batch
from showface.evaluation.protocol.pairs import Protocol, ProtocolConfig, make_protocol
from showface.metrics.psnr import psnr

pytestmark = pytest.mark.slow  # whole evaluations

Folders = tuple[Path, Path]


def protocol(folders: Folders) -> Protocol:
    return make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=48))


def test_a_method_never_sees_a_hidden_pixel(folders: Folders) -> None:
    """Handing the input back must score as black holes do, not as the truth."""
    seen: list[Tensor] = []

    def peek(images: Tensor, masks: Tensor) -> Tensor:
        seen.append(images[masks.expand_as(images)])
        return images

    rows = evaluate(protocol(folders), {"peek": peek}, batch=2)
    assert all((values == 0).all() for values in seen)
    assert all(row.values["l1"] > 1 for row in rows)


def test_known_pixels_come_from_the_truth_whatever_a_method_returns() -> None:
    images = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    masks = torch.rand(2, 1, 16, 16) > 0.5
    completed = complete(lambda image, mask: image.bitwise_not(), images, masks)
    hidden = masks.expand_as(images)
    assert torch.equal(completed[~hidden], images[~hidden])
    assert (completed[hidden] == 255).all()  # what the method made of the blanked pixels


def test_values_belong_to_their_pair_and_batches_do_not_matter(folders: Folders) -> None:
    def grey(images: Tensor, masks: Tensor) -> Tensor:
        return torch.full_like(images, 128)

    table = protocol(folders)
    rows, singly = (evaluate(table, {"grey": grey}, batch=size) for size in (4, 1))
    for one, other in zip(rows, singly, strict=True):
        assert (one.bucket, one.face, one.mask) == (other.bucket, other.face, other.mask)
        assert one.values == pytest.approx(other.values, abs=1e-9)
    pair = table.pairs["20-40"][3]
    image, mask = read_batch([pair], 48)
    expected = psnr(torch.where(mask, torch.full_like(image, 128), image), image).item()
    row = next(r for r in rows if (r.bucket, r.face) == ("20-40", pair.face.name))
    assert row.mask == pair.mask.name
    assert abs(row.values["psnr"] - expected) < 1e-9
    assert 0.2 < row.share <= 0.4


def test_progress_counts_pictures_and_the_same_faces_go_through_all_buckets_first(folders: Folders) -> None:
    told: list[tuple[int, int]] = []
    evaluate(protocol(folders), {"same": lambda i, m: i}, batch=3, progress=lambda *count: told.append(count))
    assert told == [(3, 15), (6, 15), (9, 15), (11, 15), (13, 15), (15, 15)]
