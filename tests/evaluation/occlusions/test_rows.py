from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int64
from PIL import Image
from torch import Tensor

from showface.data.faces import FaceSource, list_faces
from showface.errors import DataError, SettingError
from showface.evaluation.categories.maps import category_map
from showface.evaluation.occlusions.rows import (
    COMPONENTS,
    DRAWN,
    chosen_kinds,
    chosen_occlusions,
    generator,
    occlusion_rows,
)
from showface.evaluation.protocol.pairs import MadeMask, ProtocolConfig, make_protocol, read_sized_mask
from showface.occluders.components import hide_component
from showface.occluders.drawing import OCCLUDERS, draw_occluder
from showface.occluders.kinds import KINDS
from showface.semantics import OFFICIAL_ORDER

NOSE, SKIN = (OFFICIAL_ORDER.index(name) for name in ("nose", "skin"))


@pytest.fixture
def labelled(folders: tuple[Path, Path], tmp_path: Path) -> FaceSource:
    """The five faces with labels of a square face and nose; face 3 has no nose, face 4 no label."""
    (tmp_path / "labels").mkdir()
    for i in range(4):
        classes = np.zeros((64, 64), dtype=np.uint8)
        classes[8:60, 12:52] = SKIN
        if i != 3:
            classes[24 + i : 40, 28:36] = NOSE
        Image.fromarray(classes).save(tmp_path / "labels" / f"{i}.png")
    return FaceSource(folder=str(folders[0]), labels=str(tmp_path / "labels"))


def holes(occlusions: tuple[str, ...], faces: list[Path], root: Path, seed: int = 0) -> dict[str, list[np.ndarray]]:
    rows = occlusion_rows(occlusions, faces, root=root, size=48, seed=seed)
    return {name: [read_sized_mask(pair.mask, 48) for pair in row] for name, row in rows.items()}


def test_names_and_groups() -> None:
    assert chosen_occlusions("hand, eyes,hand") == ("hand", "eyes")
    assert chosen_occlusions("drawn") == DRAWN and chosen_occlusions("components") == COMPONENTS
    assert set(chosen_occlusions("all")) == {*COMPONENTS, *DRAWN} and chosen_occlusions("") == ()
    with pytest.raises(SettingError, match="unknown occlusion 'glases'; did you mean 'glasses'"):
        chosen_occlusions("hand,glases")


def test_kinds_of_hidden_parts() -> None:
    assert chosen_kinds("all") == KINDS and chosen_kinds("mouth, one_eye,mouth") == ("one_eye", "mouth")
    with pytest.raises(SettingError, match="unknown kind of occlusion 'one_eyes'; did you mean 'one_eye'"):
        chosen_kinds("one_eyes")
    for name in ("eyes", "left-half", "medical-mask", "drawn", "components"):
        with pytest.raises(SettingError, match=f"'{name}': a row of the table of strokes, which --rows {name}"):
            chosen_kinds(f"hand,{name}")
    with pytest.raises(SettingError, match="expected kinds of occlusions, got none; known: one_eye"):
        chosen_kinds(" ,")


def test_a_drawn_hole_hangs_on_face_name_and_seed_alone(folders: tuple[Path, Path]) -> None:
    root = folders[0]
    faces = sorted(root.iterdir())
    first = holes(("hand", "box"), faces, root)
    assert [len(row) for row in first.values()] == [5, 5]
    assert np.array_equal(first["hand"][2:], holes(("hand",), faces[2:], root)["hand"])
    assert len({hole.tobytes() for hole in first["hand"]}) == 5
    assert not np.array_equal(first["hand"][0], holes(("hand",), faces, root, seed=1)["hand"][0])
    expected = draw_occluder(generator("hand", "0.png", 0), 48, "hand")
    assert np.array_equal(first["hand"][0], expected)


def test_seeds_stay_what_they_were() -> None:
    assert generator("hand", "00001.jpg", 3).integers(0, 10**6, 3).tolist() == [902080, 953921, 604861]


def test_parts_come_from_labels_and_faces_without_them_are_left_out(labelled: FaceSource) -> None:
    faces = [face for face in list_faces(labelled) if face.label is not None]
    told: list[tuple[int, int]] = []
    rows = occlusion_rows(
        ("nose", "hand"), [face.picture for face in faces], root=Path(labelled.folder), size=48,
        categories=category_map(faces), progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert [pair.face.name for pair in rows["nose"]] == ["0.png", "1.png", "2.png"]  # face 3 shows none
    assert len(rows["hand"]) == 4 and told[-1] == (4, 4)
    mask = rows["nose"][1].mask
    assert isinstance(mask, MadeMask) and str(mask) == "nose/1.png#0"
    labels = category_map(faces)(faces[1].picture)
    for size in (48, 80):  # the one remembered, another
        assert np.array_equal(mask.make(size), hide_component("nose", labels, size))


def test_a_parser_takes_the_place_of_missing_labels(labelled: FaceSource) -> None:
    asked: list[tuple[int, ...]] = []

    def parser(images: Float[Tensor, "b 3 h w"], size: int) -> Int64[Tensor, "b size size"]:
        asked.append(tuple(images.shape))
        assert images.min() >= -1 and images.max() <= 1
        return torch.full((1, size, size), 8)

    faces = list_faces(labelled)
    categories = category_map(faces, lambda: parser)
    assert categories(faces[0].picture).max() == 7 and not asked  # a nose, from its label
    assert (categories(faces[4].picture) == 8).all() and asked == [(1, 3, 256, 256)]


def test_parts_without_labels_or_parser_are_refused(labelled: FaceSource) -> None:
    faces = list_faces(labelled)
    with pytest.raises(DataError, match="no label map of its name, and no parser"):
        category_map(faces)(faces[4].picture)
    with pytest.raises(DataError, match="eyes: expected label maps"):
        occlusion_rows(("hand", "eyes"), [], root=Path(labelled.folder), size=48)


def test_the_rows_join_the_protocol(folders: tuple[Path, Path]) -> None:
    root, faces = folders[0], sorted(folders[0].iterdir())
    rows = occlusion_rows(DRAWN, faces, root=root, size=64, seed=1)
    config = ProtocolConfig(faces=root, masks=folders[1], size=64, seed=1)
    protocol = make_protocol(config, more=rows)
    assert tuple(protocol.pairs) == ("1-20", "20-40", "40-60", *OCCLUDERS)
    again = make_protocol(config, more=occlusion_rows(DRAWN, faces, root=root, size=64, seed=1))
    other = make_protocol(config, more=occlusion_rows(DRAWN, faces, root=root, size=64, seed=2))
    assert protocol.digest == again.digest != other.digest
    alone = make_protocol(ProtocolConfig(faces=root, masks=None, size=64, limit=2), more=rows)
    assert [len(pairs) for pairs in alone.pairs.values()] == [2] * len(DRAWN)
