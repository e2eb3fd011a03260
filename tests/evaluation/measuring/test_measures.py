"""The measures by name, and what they need."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from showface import assets
from showface.errors import AssetError, DataError, MissingExtraError, SettingError
from showface.evaluation.measuring.measures import (
    DEFAULT,
    MEASURES,
    chosen_measures,
    distances,
    feature_store,
    picture_metrics,
    refuse_small_sets,
)
from showface.features import face_embedding
from showface.metrics.fid import frechet_distance
from showface.metrics.kid import kernel_distance


def names(words: str) -> list[str]:
    return [measure.name for measure in chosen_measures(words)]


def test_measures_are_chosen_by_name_and_ordered_as_the_table_is() -> None:
    assert names("ssim, l1") == ["l1", "ssim"]
    assert names("all") == list(MEASURES)
    with pytest.raises(SettingError, match="unknown metric 'lpip'; did you mean 'lpips'"):
        names("l1,lpip")
    with pytest.raises(SettingError, match="expected metrics, got none"):
        names(" ,")


def test_the_default_needs_no_asset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "path", lambda name: pytest.fail("an asset was asked for"))
    assert list(picture_metrics(chosen_measures(",".join(DEFAULT)))) == list(DEFAULT)


@pytest.mark.parametrize("name", ["lpips", "lpips_vgg", "fid", "kid"])
def test_an_asset_that_cannot_be_had_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(asset: str) -> Path:
        raise AssetError(f"asset {asset!r} could not be fetched")

    monkeypatch.setattr(assets, "path", absent)
    with pytest.raises(AssetError, match="could not be fetched"):
        if MEASURES[name].of_sets:
            feature_store(tmp_path)
        else:
            picture_metrics(chosen_measures(name))


def test_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> ModuleType:
        raise MissingExtraError("pip install 'showface[identity]'")

    monkeypatch.setattr(face_embedding, "_import_dlib", absent)
    with pytest.raises(MissingExtraError, match="identity"):
        picture_metrics(chosen_measures("identity"))


def test_sets_that_are_too_small_are_refused_before_the_work() -> None:
    refuse_small_sets(chosen_measures("l1"), {"1-20": 1})
    refuse_small_sets(chosen_measures("fid"), {"1-20": 3})
    with pytest.raises(DataError, match="fid and kid: at least 3 pictures a bucket are needed, 1-20 has 2"):
        refuse_small_sets(chosen_measures("fid,kid"), {"1-20": 2, "20-40": 4})


def test_distances_are_those_of_the_metrics_and_kid_is_in_thousandths() -> None:
    features = torch.randn(2, 10, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).numpy()
    found = distances(chosen_measures("l1,fid,kid"), features[0], features[1])
    fid, kid = frechet_distance(*features), kernel_distance(*features)
    assert list(found) == ["fid", "kid"]
    assert (found["fid"].value, found["fid"].standard_error) == (fid.value, fid.standard_error)
    np.testing.assert_allclose(
        (found["kid"].value, found["kid"].standard_error), (1000 * kid.value, 1000 * kid.standard_error)
    )
