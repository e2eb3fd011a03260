"""What there is to do: folders, patterns, lists; every contradiction is found before a picture is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from showface.errors import DataError, MaskError, SettingError
from showface.jobs.plan import Job, Places, Plan, is_many, plan, refuse_collisions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures (empty files: none is read here) in photos/ and in a folder of it, masks of the same names."""
    for name in ("photos/a.png", "photos/B.JPG", "photos/in/a.webp", "photos/.hidden.png", "photos/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in ("masks/a.png", "masks/B.png", "masks/in/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def places(folder: Path, **more: object) -> Places:
    return Places(out=folder / "out", **more)  # type: ignore[arg-type]


def triples(found: Plan, folder: Path) -> list[tuple[str, ...]]:
    """Image, mask and result of every job, as names in `folder`."""
    paths = [(job.image, job.mask, job.out) for job in found.jobs]
    return [tuple(path.relative_to(folder).as_posix() if path else "" for path in three) for three in paths]


def test_what_names_many_pictures(folder: Path) -> None:
    assert is_many(str(folder)) and is_many(str(folder / "*.png")) and is_many("list.CSV")
    assert not is_many(str(folder / "photos" / "a.png")) and not is_many("missing.png")
    (folder / "odd[1].png").touch()
    assert not is_many(str(folder / "odd[1].png")), "a file with such a name is that file"


def test_a_folder_takes_its_own_pictures(folder: Path) -> None:
    found = plan(str(folder / "photos"), str(folder / "masks"), places(folder))
    assert triples(found, folder) == [
        ("photos/B.JPG", "masks/B.png", "out/B.JPG"), ("photos/a.png", "masks/a.png", "out/a.png"),
    ]  # fmt: skip
    assert not found.missing and not found.extra


def test_a_pattern_keeps_the_folders_below_its_fixed_part(folder: Path) -> None:
    found = plan(str(folder / "photos" / "**" / "*.*"), str(folder / "masks"), places(folder))
    assert ("photos/in/a.webp", "masks/in/a.png", "out/in/a.webp") in triples(found, folder)
    assert len(found.jobs) == 3 and not found.missing and not found.extra


def test_both_may_be_patterns_and_partners_are_missed(folder: Path) -> None:
    found = plan(str(folder / "photos" / "*.png"), str(folder / "masks" / "*.png"), places(folder))
    assert triples(found, folder) == [("photos/a.png", "masks/a.png", "out/a.png")]
    assert found.extra == ["B.png"]
    found = plan(str(folder / "photos"), str(folder / "masks" / "a*"), places(folder))
    assert found.missing == ["B.JPG"] and not found.extra


def test_without_masks_there_are_only_pictures(folder: Path) -> None:
    found = plan(str(folder / "photos"), None, places(folder), needs_mask=False)
    assert [job.mask for job in found.jobs] == [None, None]
    with pytest.raises(MaskError, match="--mask"):
        plan(str(folder / "photos"), None, places(folder))


def test_another_format_changes_the_ending(folder: Path) -> None:
    found = plan(str(folder / "photos"), str(folder / "masks"), places(folder, form="TIFF", explain=folder / "figures"))
    assert [job.out.name for job in found.jobs] == ["B.tif", "a.tif"]
    assert [job.explain for job in found.jobs] == [folder / "figures" / "B.png", folder / "figures" / "a.png"]


def test_nothing_found_is_said(folder: Path) -> None:
    with pytest.raises(DataError, match="expected pictures, found none"):
        plan(str(folder / "photos" / "*.bmp"), str(folder / "masks"), places(folder))


# ------------------------------------------------------------------ lists


def listed(folder: Path, text: str, *, out: Path | None = None) -> Plan:
    (folder / "list.csv").write_text(text, encoding="utf-8-sig")
    return plan(str(folder / "list.csv"), None, Places(out=out))


def test_a_list_names_pictures_masks_and_results_relative_to_itself(folder: Path) -> None:
    found = listed(folder, "image,mask,out\nphotos/a.png,masks/a.png,r/one.png\nphotos/B.JPG, masks/B.png ,two.jpg\n")
    assert triples(found, folder) == [
        ("photos/a.png", "masks/a.png", "r/one.png"), ("photos/B.JPG", "masks/B.png", "two.jpg"),
    ]  # fmt: skip


def test_with_a_folder_for_results_the_names_are_in_there(folder: Path) -> None:
    found = listed(
        folder, "image,mask,out\nphotos/a.png,masks/a.png,\nphotos/B.JPG,masks/B.png,b.jpg\n", out=folder / "o"
    )
    assert [job.out for job in found.jobs] == [folder / "o" / "a.png", folder / "o" / "b.jpg"]


def test_masks_that_a_list_lacks_are_missing(folder: Path) -> None:
    found = listed(folder, "image,mask\nphotos/a.png,masks/none.png\nphotos/B.JPG,\n", out=folder)
    assert found.jobs == [] and found.missing == ["photos/a.png", "photos/B.JPG"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected a first line"),
        ("imag,mask,out\n", "unknown column 'imag'; did you mean 'image'"),
        ("mask,out\na,b\n", "expected a first line with the columns"),
        ("image,image\na,b\n", "each once"),
        ("image,mask,out\na,b\n", "line 2: expected 3 fields"),
        ("image,mask,out\na,b,c,d\n", "line 2: expected 3 fields"),
        ("image,mask,out\n,b,c\n", "line 2: expected an image"),
        ("image,mask\na.png,b.png\n", "line 2: expected a name in the column out"),
        ('image,mask,out\n"a,b,c\n', "cannot be read as a list"),
        ("image,mask,out\n", "expected pictures, found none"),
    ],
)
def test_lists_that_cannot_be_meant(folder: Path, text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        listed(folder, text)


def test_a_list_in_another_encoding_and_one_that_is_missing(folder: Path) -> None:
    (folder / "list.csv").write_bytes("image,mask,out\nä.png,b,c\n".encode("latin-1"))
    for path in (folder / "list.csv", folder / "none.csv"):
        with pytest.raises(DataError, match="cannot be read as a list"):
            plan(str(path), None, Places(out=None))
    with pytest.raises(SettingError, match="leave out --mask"):
        plan("list.csv", "masks", Places(out=None))


# ------------------------------------------------------------------ contradictions


def test_two_results_of_one_name_are_refused(folder: Path) -> None:
    (folder / "photos" / "a.bmp").touch()
    assert len(plan(str(folder / "photos"), str(folder / "masks"), places(folder)).jobs) == 3
    with pytest.raises(DataError, match=r"a\.png: would be written 2 times"):
        plan(str(folder / "photos"), str(folder / "masks"), places(folder, form="PNG"))


def test_a_result_may_replace_its_own_picture_and_nothing_else_that_is_read() -> None:
    one, two, mask = Path("1.png"), Path("2.png"), Path("m.png")
    refuse_collisions([Job(image=one, out=one, mask=mask), Job(image=two, out=two, mask=mask)])
    for job in (
        Job(image=one, out=mask, mask=mask),
        Job(image=one, out=Path("3.png"), mask=mask, save_mask=mask),
        Job(image=one, out=Path("3.png"), explain=one),
    ):
        with pytest.raises(DataError, match="is read and would be written"):
            refuse_collisions([job])
    with pytest.raises(DataError, match="is read and would be written"):
        refuse_collisions([Job(image=one, out=two), Job(image=two, out=Path("3.png"))])


def test_links_do_not_hide_a_collision(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    jobs = [Job(image=Path(f"{n}.png"), out=tmp_path / n / "a.png") for n in ("real", "link")]
    with pytest.raises(DataError, match="would be written 2 times"):
        refuse_collisions(jobs)


def test_a_name_that_promises_another_format_is_refused(folder: Path) -> None:
    (folder / "list.csv").write_text("image,mask,out\nphotos/a.png,masks/a.png,a.jpg\n")
    with pytest.raises(SettingError, match=r"ends in \.jpg, but PNG was asked for; name it \.png"):
        plan(str(folder / "list.csv"), None, Places(out=None, form="PNG"))


# ------------------------------------------------------------------ masks that are called after their pictures


def test_masks_beside_their_pictures_are_called_after_them(folder: Path) -> None:
    for name in ("photos/a_mask001.png", "photos/B_mask.png"):
        (folder / name).touch()
    found = plan(str(folder / "photos"), str(folder / "photos"), places(folder))
    assert triples(found, folder) == [
        ("photos/B.JPG", "photos/B_mask.png", "out/B.JPG"), ("photos/a.png", "photos/a_mask001.png", "out/a.png"),
    ]  # fmt: skip
    assert not found.missing and not found.extra
    (folder / "photos/a_mask.png").touch()
    with pytest.raises(MaskError, match="several for a"):
        plan(str(folder / "photos"), str(folder / "photos"), places(folder))


def test_pictures_are_never_their_own_masks(folder: Path) -> None:
    for mask in (folder / "photos", folder / "photos" / "*.png"):
        with pytest.raises(MaskError, match="found the pictures themselves"):
            plan(str(folder / "photos"), str(mask), places(folder))


def test_masks_in_a_folder_of_their_own_may_end_in_mask(folder: Path) -> None:
    (folder / "masks/B.png").rename(folder / "masks/B_mask000.png")
    found = plan(str(folder / "photos"), str(folder / "masks"), places(folder))
    assert [job.mask and job.mask.name for job in found.jobs] == ["B_mask000.png", "a.png"]


def test_one_mask_for_many(folder: Path) -> None:
    found = plan(str(folder / "photos"), str(folder / "masks" / "a.png"), places(folder))
    assert [job.mask for job in found.jobs] == [folder / "masks" / "a.png"] * 2
    with pytest.raises(MaskError, match="no such file"):
        plan(str(folder / "photos"), str(folder / "nothing"), places(folder))
