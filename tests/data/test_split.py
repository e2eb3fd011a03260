from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from showface.data import split
from showface.data.split import (
    celebahq_test,
    draw_celebahq_test,
    ffhq_test,
    keep_together,
    list_hash,
    picture_number,
    read_numbers,
    read_pairs,
)
from showface.errors import DataError

PAIRS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def test_the_seed_draws_the_frozen_list_again() -> None:
    numbers = (files("showface.data") / "splits" / "celebahq_test.txt").read_text(encoding="ascii").split()
    assert list(map(int, numbers)) == draw_celebahq_test()
    assert list_hash(numbers) == "5402e60c56a860a9fc8b8420cf1940769b4ea53a98b300afccc6023260557374"


def test_the_frozen_list_holds_2000_numbers_from_all_over_the_set() -> None:
    test = celebahq_test()
    assert len(test) == 2000 and min(test) >= 0 and max(test) < 30_000
    assert all(120 < sum(start <= n < start + 3000 for n in test) < 280 for start in range(0, 30_000, 3000))
    assert sorted(test)[:5] == [6, 18, 36, 66, 98]


def test_a_changed_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "CELEBAHQ_SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"celebahq_test\.txt: expected sha256 0000.*reinstall"):
        celebahq_test()


def test_the_last_pictures_of_ffhq_are_for_testing() -> None:
    assert ffhq_test() == set(range(68_000, 70_000))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("7.jpg", 7), ("00007.png", 7), ("img00000007.png", 7), ("/data/hq/img00029999.png", 29_999), ("7", 7),
        (r"D:\hq\7.jpg", 7), ("face7.png", None), ("7_skin.png", None), ("", None),
    ],
)  # fmt: skip
def test_numbers_in_names(name: str, number: int | None) -> None:
    assert picture_number(name) == number


def test_lists_of_a_person(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("img00000003.png\n\n/data/my set/5.jpg\n8\n")
    assert read_numbers(path) == {3, 5, 8}
    path.write_text("1 2\n7.jpg\t8.jpg\n")
    assert read_pairs(path) == [(1, 2), (7, 8)]


@pytest.mark.parametrize(("text", "reason"), [("", "no picture number"), ("3\nface\n", "line 2: .*'face'")])
def test_a_list_without_numbers_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(DataError, match=rf"list\.txt.*{reason}"):
        read_numbers(tmp_path / "list.txt")


def test_a_pair_has_two_members(tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text("1 2\n3\n")
    with pytest.raises(DataError, match=r"pairs\.txt, line 2: expected 2"):
        read_pairs(tmp_path / "pairs.txt")
    with pytest.raises(DataError, match=r"none\.txt: not readable"):
        read_pairs(tmp_path / "none.txt")


def test_a_duplicate_follows_its_test_picture_and_the_highest_number_leaves() -> None:
    assert keep_together(frozenset({1, 5, 9}), [(5, 6), (20, 21)]) == {1, 5, 6}
    assert keep_together(frozenset({1, 5, 9}), [(5, 6), (6, 7)]) == {5, 6, 7}  # a chain is one group
    assert keep_together(frozenset({1, 5, 9}), []) == {1, 5, 9}


@given(st.frozensets(st.integers(0, 40), max_size=20), PAIRS)
def test_no_pair_is_ever_divided(test: frozenset[int], pairs: list[tuple[int, int]]) -> None:
    together = keep_together(test, pairs)
    assert all((a in together) == (b in together) for a, b in pairs)
    paired = {n for pair in pairs for n in pair}
    assert len(together) == len(test) or together <= paired  # smaller only if nobody is free to leave


def test_pairs_keep_2000_test_pictures() -> None:
    test = celebahq_test()
    pairs = [(n, n + 1) for n in sorted(test)[:60:5]]
    together = keep_together(test, pairs)
    assert len(together) == 2000 and all(n in together and m in together for n, m in pairs)
