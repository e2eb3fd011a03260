"""faults.md 36: settings by name, the right field and the right type, or an error with the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from showface.cli.main import main
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.errors import SettingError
from showface.recipes import recipe
from showface.training.configuration import Recipe
from showface.training.settings import with_settings


@pytest.fixture(scope="module")
def compact() -> Recipe:
    return recipe("compact", (FaceSource(folder="faces"),), MaskSource(drawn=1.0))


def test_single_settings(compact: Recipe) -> None:
    changed = with_settings(
        compact,
        ("coarse.steps=100", "mdrnets.optimiser.lr=1e-4", "mdrnets.weights.semantic=1", "networks.memory.slots=8",
         "coarse.precision=fp32", "coarse.data.crop=[0.5, 1]", "discriminator.width=32", "coarse.data.flip=false"),
    )  # fmt: skip
    assert changed.stage("coarse").steps == 100
    assert changed.stage("mdrnets").optimiser.lr == 1e-4
    assert changed.stage("mdrnets").weights.semantic == 1
    assert changed.networks.memory.slots == 8
    assert changed.stage("coarse").precision == "fp32"
    assert changed.stage("coarse").data.crop == (0.5, 1.0) and not changed.stage("coarse").data.flip
    assert changed.discriminator.width == 32
    assert changed.stage("face_parser") == compact.stage("face_parser")


def test_the_last_setting_holds(compact: Recipe) -> None:
    assert with_settings(compact, ("coarse.steps=1", "coarse.steps=2")).stage("coarse").steps == 2
    assert with_settings(compact, ()) == compact


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("corse.steps=1", "unknown stage or field of the recipe 'corse'; did you mean 'coarse'"),
        ("coarse.step=1", "unknown setting of coarse 'step'; did you mean 'steps'"),
        ("coarse.optimiser.learning=1", "unknown setting of coarse.optimiser 'learning'"),
        ("networks.memory.slot=1", r"unknown setting of networks\.memory 'slot'; did you mean 'slots'"),
        ("coarse.steps=many", r"coarse\.steps: expected int, got 'many'"),
        ("coarse.steps=1.5", r"coarse\.steps: expected int, got 1\.5"),
        ("coarse.precision=bf61", r"coarse\.precision: expected .*'bf16'.*, got 'bf61'"),
        ("coarse.data.crop=[1]", r"coarse\.data\.crop: expected tuple.*, got \[1\]"),
        ('coarse.data.crop=["a", "b"]', r"coarse\.data\.crop\[0\]: expected float, got 'a'"),
        ("coarse.data.faces=[3]", r"coarse\.data\.faces\[0\]: expected fields and values"),
        ("coarse.steps.more=1", r"coarse\.steps: expected a value, it has no field 'more'"),
        ("coarse=1", r"setting coarse: expected one of its fields, such as coarse\.name"),
        ("coarse.steps=0", "steps, batch and intervals of at least 1"),
        ("networks.style.channels=8", "expected style.channels = 8"),
        ("coarse.steps", "expected NAME=VALUE, such as coarse.steps=100"),
    ],
)
def test_36_what_cannot_be_set(compact: Recipe, setting: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        with_settings(compact, (setting,))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["smok"], "unknown recipe 'smok'; did you mean 'smoke'?"),
        (["smoke", "--set", "coarse.step=1"], "unknown setting of coarse 'step'; did you mean 'steps'?"),
        (["smoke", "--set", "coarse.steps=ten"], "coarse.steps: expected int, got 'ten'"),
        (["smoke", "--set", "coarse.data.bad_limit=5"],
         "data: expected smallest of at least 0 and bad_limit in [0, 1), got 0.25, 5.0"),
        (["smoke", "--stage", "corse"], "unknown stage of recipe smoke 'corse'; did you mean 'coarse'?"),
        (["smoke", "--ablation", "w/o MREN"], "unknown row of Table 2 'w/o MREN'; did you mean 'w/o MREM'?"),
        (["smoke", "--device", "cup"], "unknown device 'cup'; did you mean 'cpu'?"),
    ],
)  # fmt: skip
def test_36_the_program_says_it_in_one_line(
    words: list[str], message: str, faces: FaceSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["train", *words, "--data", faces.folder, "--out", str(tmp_path / "run")])
    assert (code, capsys.readouterr().err) == (2, f"showface: error: {message}\n")
    assert not (tmp_path / "run").exists()
