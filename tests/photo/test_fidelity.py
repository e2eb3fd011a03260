from __future__ import annotations

import math

import pytest

from showface.errors import SettingError
from showface.photo.fidelity import FIDELITY, checked_fidelity


@pytest.mark.parametrize("fidelity", [0, 0.0, 0.25, 1, 1.0, FIDELITY])
def test_numbers_from_0_to_1_are_taken(fidelity: float) -> None:
    found = checked_fidelity(fidelity)
    assert found == fidelity and isinstance(found, float)


@pytest.mark.parametrize("fidelity", [-0.01, 1.01, math.nan, math.inf, -math.inf, "0.5", None, True, 0.5j, [0.5]])
def test_all_else_is_refused_in_one_line(fidelity: object) -> None:
    with pytest.raises(SettingError, match=r"^expected a fidelity from 0 \(natural\) to 1 \(faithful\), found .+$"):
        checked_fidelity(fidelity)
