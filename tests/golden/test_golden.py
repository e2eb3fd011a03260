"""The released weights on the bundled samples give the numbers they gave when they were released."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from showface.weights import bundled, weights_hash

pytestmark = pytest.mark.slow  # the released network on every sample

HERE = Path(__file__).parent


def test_the_samples_come_out_as_released() -> None:
    spec = importlib.util.spec_from_file_location("make_golden", HERE / "make_golden.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    golden = json.loads((HERE / "golden.json").read_text(encoding="utf-8"))
    assert weights_hash(bundled()) == golden["weights"], "new weights: run tests/golden/make_golden.py"
    found = script.measured()
    assert found.keys() == golden["samples"].keys()
    for name, values in golden["samples"].items():
        assert found[name] == pytest.approx(values, abs=0.05), name
