"""Which pictures are looked at beside a face: from a table or a folder, of the person or of a stranger."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from showface.errors import DataError, ImageError, SettingError
from showface.evaluation.measuring.levels import as_levels, as_signal
from showface.evaluation.measuring.runner import WithPairs, evaluate, read_batch, result_of
from showface.evaluation.methods.named import contenders
from showface.evaluation.methods.references import References, people_of, read_references, strangers
from showface.evaluation.protocol.pairs import Protocol, ProtocolConfig, make_protocol, read_face
from showface.lean.mdrnets import lean
from showface.networks.mdrnets import MDRNets

pytestmark = pytest.mark.slow  # whole evaluations

SIZE = 64
Write = Callable[..., Path]


@pytest.fixture
def protocol(folders: tuple[Path, Path]) -> Protocol:
    return make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=SIZE))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a table of lines with a comma, after drawing pictures of other sizes for all that are not there."""

    def written(*lines: str, head: str = "face,reference") -> Path:
        for i, picture in enumerate(tmp_path / word for line in lines for word in line.split(",")[1:] if word):
            if not picture.exists():
                cells = np.random.default_rng(len(picture.stem) + i).integers(0, 256, (6, 6, 3)).astype(np.uint8)
                picture.parent.mkdir(exist_ok=True)
                Image.fromarray(cells).resize((80 + 8 * i,) * 2, Image.Resampling.BICUBIC).save(picture)
        (tmp_path / "refs.csv").write_text("\n".join((head, *lines)) + "\n")
        return tmp_path / "refs.csv"

    return written


def named(references: References) -> dict[str, list[str]]:
    return {face.name: [file.name for file in files] for face, files in references.pictures.items()}


# ---------------------------------------------------------------------------------------------- reading


def test_a_table_names_them_from_where_it_lies(protocol: Protocol, write: Write) -> None:
    table = write("faces/3.png,more/a.png", "faces/0.png,more/b.png", "faces/3.png,more/c.png")
    found = read_references(table, protocol)
    assert named(found) == {"0.png": ["b.png"], "3.png": ["a.png", "c.png"]} and found.missing == 3


def test_a_folder_has_them_by_the_faces_names(protocol: Protocol, tmp_path: Path, write: Write) -> None:
    write(",more/1.png", ",more/4.webp", ",more/other.png", ",more/again/1.png")
    found = read_references(tmp_path / "more", protocol)
    assert named(found) == {"1.png": ["1.png", "1.png"], "4.png": ["4.webp"]} and found.missing == 3


def test_they_are_read_as_faces_are_and_faces_with_fewer_have_hidden_ones(protocol: Protocol, write: Write) -> None:
    found = read_references(write("faces/3.png,a.png", "faces/0.png,b.png", "faces/3.png,c.png"), protocol)
    faces = list(found.pictures)
    sources = found.of(faces)
    assert sources.images.shape == (2, 2, 3, SIZE, SIZE)
    assert sources.hidden.amax(dim=(2, 3, 4)).tolist() == [[0, 1], [0, 0]]
    for i, k, name in ((0, 0, "b.png"), (1, 0, "a.png"), (1, 1, "c.png")):
        expected = as_signal(read_face(found.pictures[faces[i]][k], SIZE)[None])[0]
        assert found.pictures[faces[i]][k].name == name and torch.equal(sources.images[i, k], expected)
    assert found.of(faces[:1]).count == 1


def test_the_hash_is_of_what_is_looked_at_not_of_where_it_lies(
    protocol: Protocol, write: Write, tmp_path: Path
) -> None:
    first = read_references(write("faces/3.png,a.png", "faces/0.png,b.png"), protocol).digest
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(tmp_path / "a.png", tmp_path / "elsewhere" / "x.png")
    assert read_references(write("faces/0.png,b.png", "faces/3.png,elsewhere/x.png"), protocol).digest == first
    assert read_references(write("faces/0.png,a.png", "faces/3.png,b.png"), protocol).digest != first
    assert read_references(write("faces/0.png,b.png"), protocol).digest != first


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["faces/0.png"], "line 2: expected a face and a reference, found one empty"),
        (["faces/0.png,a.png", ",b.png"], "line 3: expected a face and a reference, found one empty"),
        (["faces/9.png,a.png"], r"1 pictures of .*refs\.csv, line 2, are missing: .*9\.png"),
        (["faces/0.png,a.png", "faces/0.png,a.png"], r"line 3: .*a\.png is there twice for one face"),
        ([f"faces/0.png,{i}.png" for i in range(5)], r"1 faces with more than 4 references: 0\.png \(5\)"),
        (["faces/0.png,faces/0.png"], r"1 faces are their own references: 0\.png"),
        (["a.png,b.png", "b.png,a.png"], "expected references of the faces in .*faces, found none of any"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_clear_line(
    protocol: Protocol, write: Write, lines: list[str], message: str
) -> None:
    write(",a.png")
    with pytest.raises(DataError, match=message) as raised:
        read_references(write(*lines), protocol)
    assert "\n" not in str(raised.value)


def test_other_files_are_one_clear_line(protocol: Protocol, write: Write, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="with the columns face and reference, found face,picture"):
        read_references(write("faces/0.png,a.png", head='"face,picture"'), protocol)
    with pytest.raises(DataError, match="not readable as a table"):
        read_references(tmp_path / "faces" / "0.png", protocol)
    with pytest.raises(DataError, match="found none of any"):
        read_references(tmp_path / "masks", protocol)
    table = write("faces/0.png,a.png")
    Image.new("RGB", (80, 64)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"1 references are not square: .*a\.png \(80 x 64\)"):
        read_references(table, protocol)
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"a\.png"):
        read_references(table, protocol)


def test_faces_of_one_name_need_a_table(folders: tuple[Path, Path], write: Write) -> None:
    (folders[0] / "more").mkdir()
    Image.new("RGB", (64, 64), "red").save(folders[0] / "more" / "0.png")
    twice = make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=SIZE))
    with pytest.raises(DataError, match=r"1 faces share their name with others: .*0\.png; give a table"):
        read_references(folders[0], twice)


# ---------------------------------------------------------------------------------------------- strangers


def test_a_stranger_is_the_next_face_of_another_person(protocol: Protocol, write: Write) -> None:
    """0 and 2 show one person by a chain: 0's reference is a copy of 1's face, and 1 and 2 share a reference."""
    table = write("faces/0.png,copy.png", "faces/1.png,a.png", "faces/2.png,a.png", "faces/3.png,b.png")
    shutil.copy(table.parent / "faces" / "1.png", table.parent / "copy.png")
    found = read_references(table, protocol)
    people = people_of(found)
    assert [people[face] for face in found.pictures] == [0, 0, 0, 1]
    other = strangers(found)
    assert named(other) == {"0.png": ["b.png"], "1.png": ["b.png"], "2.png": ["b.png"], "3.png": ["copy.png"]}
    assert other.missing == 1 and other.digest != found.digest


def test_two_portraits_each_way_never_meet_themselves(protocol: Protocol, write: Write) -> None:
    table = write(
        "faces/0.png,faces/1.png", "faces/1.png,faces/0.png", "faces/2.png,faces/3.png", "faces/3.png,faces/2.png"
    )
    other = named(strangers(read_references(table, protocol)))
    assert other == {"0.png": ["3.png"], "1.png": ["3.png"], "2.png": ["1.png"], "3.png": ["1.png"]}


def test_one_person_has_no_stranger(protocol: Protocol, write: Write) -> None:
    found = read_references(write("faces/0.png,a.png", "faces/1.png,a.png"), protocol)
    with pytest.raises(SettingError, match="stranger: expected references of two people at least"):
        strangers(found)


# ---------------------------------------------------------------------------------------------- rows


def test_the_rows_are_the_networks_with_the_sources_of_each_face(
    protocol: Protocol, write: Write, sourced_network: MDRNets, sourced_weights: Path
) -> None:
    found = read_references(write("faces/3.png,a.png", "faces/0.png,b.png", "faces/3.png,c.png"), protocol)
    words = f"full,referenced,stranger,mine={sourced_weights}@referenced"
    chosen = contenders(words, source=str(sourced_weights), device="cpu", protocol=protocol, references=found)
    _, referenced, stranger, mine = chosen
    assert len({one.identity for one in chosen}) == 3 and referenced.identity == mine.identity
    assert found.digest in referenced.identity and strangers(found).digest in stranger.identity
    pairs = [pair for pair in protocol.pairs["40-60"] if pair.face.name in ("0.png", "3.png")]
    images, masks = read_batch(pairs, SIZE)
    made = {one.name: result_of(one.method, "40-60", pairs, images, masks) for one in chosen}
    for name, references in (("referenced", found), ("stranger", strangers(found))):
        with torch.no_grad():
            sources = references.of([pair.face for pair in pairs])
            output = lean(sourced_network)(as_signal(images.masked_fill(masks, 7)), masks.float(), sources)
        off = (made[name].int() - torch.where(masks, as_levels(output.completed), images).int()).abs()
        assert off.max() <= 1 and (off > 0).float().mean() < 0.02, name  # weights were rounded to float16
    assert torch.equal(made["referenced"], made["mine"])
    changed = [[not torch.equal(made[a][i], made[b][i]) for i in (0, 1)]
               for a, b in (("full", "referenced"), ("referenced", "stranger"))]  # fmt: skip
    assert changed == [[True, True]] * 2


def test_faces_without_a_reference_are_left_out_and_hidden_pixels_are_not_seen(protocol: Protocol) -> None:
    faces = frozenset(pair.face for pair in protocol.pairs["1-20"] if pair.face.name in ("1.png", "4.png"))
    seen: list[Tensor] = []

    def peek(images: Tensor, masks: Tensor, pairs: list) -> Tensor:
        assert len(pairs) == len(images) and {pair.face for pair in pairs} <= faces
        seen.append(images[masks.expand_as(images)])
        return images

    told: list[tuple[int, int]] = []
    methods = {"same": lambda images, masks: images, "some": WithPairs(peek, faces)}
    rows = evaluate(protocol, methods, batch=2, progress=lambda *count: told.append(count))
    assert all((values == 0).all() for values in seen)
    for bucket in protocol.pairs:
        same, some = ({row.face: row for row in rows if (row.method, row.bucket) == (name, bucket)} for name in methods)
        assert list(some) == ["1.png", "4.png"] and len(same) == 5
        assert all(row.values == pytest.approx(same[face].values, abs=1e-9) for face, row in some.items())
    assert told[-1] == (21, 21)


def test_rows_that_cannot_be_are_refused(protocol: Protocol, write: Write, tiny_weights: Path) -> None:
    found = read_references(write("faces/3.png,a.png"), protocol)
    for words, references, message in (
        ("referenced", None, "referenced: expected further pictures of the people, got none; give --references"),
        ("referenced", found, "referenced: these weights are made for no further pictures"),
        ("full", found, "--references: none of the methods looks at any; add referenced or stranger"),
    ):
        with pytest.raises(SettingError, match=message):
            contenders(words, source=str(tiny_weights), device="cpu", protocol=protocol, references=references)
