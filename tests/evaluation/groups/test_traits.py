"""What drawn label maps show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.evaluation.groups.traits import TRAITS, traits_of, traits_of_faces, turn
from showface.evaluation.protocol.pairs import MadeMask, Pair, ProtocolConfig, fixed_protocol
from showface.semantics import CATEGORIES

SIDE = 64
INDEX = {name: i for i, name in enumerate(CATEGORIES)}
SKIN = (226, 178, 150)  # ITA 49


def plain() -> np.ndarray:
    """Hair, a face in the middle of it, its features."""
    labels = np.full((SIDE, SIDE), INDEX["background"], dtype=np.uint8)
    labels[4:28, 12:52] = INDEX["hair"]
    labels[12:60, 16:48] = INDEX["skin"]
    for name, rows, columns in (
        ("brow", (20, 22), (20, 28)), ("brow", (20, 22), (36, 44)), ("eye", (24, 27), (21, 28)),
        ("eye", (24, 27), (36, 43)), ("nose", (27, 38), (29, 35)), ("mouth", (44, 48), (25, 39)),
    ):  # fmt: skip
        labels[slice(*rows), slice(*columns)] = INDEX[name]
    return labels


def painted(labels: np.ndarray) -> np.ndarray:
    """Skin in its colour, all else green."""
    return np.where((labels == INDEX["skin"])[..., None], SKIN, (0, 200, 0)).astype(np.uint8)


def traits(labels: np.ndarray, *, labelled: bool = True) -> dict[str, str]:
    return traits_of(painted(labels), labels, labelled=labelled)


def test_a_plain_face() -> None:
    found = traits(plain())
    assert found == {
        "skin tone": "light", "glasses": "no glasses", "hat": "no hat", "hair": "face free", "head": "facing"
    }  # fmt: skip
    assert all(group in TRAITS[trait] for trait, group in found.items())


@pytest.mark.parametrize(
    ("rows", "columns", "category", "trait", "group"),
    [((23, 28), (18, 46), "eyeglass", "glasses", "glasses"), ((2, 12), (10, 54), "hat", "hat", "hat"),
     ((12, 26), (28, 36), "hair", "hair", "hair over the face")],
)  # fmt: skip
def test_what_is_added_is_told_and_changes_no_other_trait(
    rows: tuple[int, int], columns: tuple[int, int], category: str, trait: str, group: str
) -> None:
    labels = plain()
    labels[slice(*rows), slice(*columns)] = INDEX[category]
    assert traits(labels) == traits(plain()) | {trait: group}


def test_the_turn_of_a_head() -> None:
    eyes, nose = np.zeros((20, 20), dtype=bool), np.zeros((20, 20), dtype=bool)
    eyes[5, 5:8] = eyes[5, 12:15] = nose[8:12, 9:11] = True
    assert turn(nose, eyes) == 0
    nose = np.roll(nose, 3, axis=1)
    assert turn(nose, eyes) == turn(nose[:, ::-1], eyes[:, ::-1]) == pytest.approx(0.3)
    labels = plain()
    labels[27:38, 29:35] = INDEX["skin"]
    labels[27:38, 33:39] = INDEX["nose"]
    assert traits(labels) == traits(plain()) | {"head": "turned"}


def test_what_is_not_shown_is_not_told() -> None:
    labels = np.full((SIDE, SIDE), INDEX["hair"], dtype=np.uint8)
    assert traits(labels) == {"glasses": "no glasses", "hat": "no hat"}
    assert traits(plain(), labelled=False) == {"skin tone": "light"}


def test_faces_of_a_protocol_by_name_at_its_size(tmp_path: Path) -> None:
    Image.fromarray(painted(plain())).save(tmp_path / "a.png")
    Image.fromarray(painted(plain())).save(tmp_path / "b.png", compress_level=0)  # equal files are refused
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    half = np.zeros((32, 32), dtype=bool)
    half[:16] = True
    pairs = {"x": [Pair(path, MadeMask("half", path.name, 0, lambda size: half)) for path in paths]}
    protocol = fixed_protocol(ProtocolConfig(faces=tmp_path, masks=None, size=32), pairs)
    told: list[tuple[int, int]] = []
    found = traits_of_faces(
        protocol, lambda path: plain(), paths[:1], progress=lambda done, total: told.append((done, total))
    )
    assert found == {"a.png": traits(plain()), "b.png": {"skin tone": "light"}}
    assert told == [(1, 2), (2, 2)]
