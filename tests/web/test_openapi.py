"""The API keeps to its own description: requests made up from it (schemathesis), a bounded number for each address."""

from __future__ import annotations

import io
from collections.abc import Callable

import hypothesis
import numpy as np
import pytest
import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis import Case
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

pytestmark = pytest.mark.slow  # hundreds of requests

Running = Callable[..., tuple[str, int]]
EXAMPLES = 12  # for each operation
OPERATIONS = 11
BOX = "[[20, 20, 20, 20]]"


def picture() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


PICTURE = picture()


def sound(case: Case) -> Case:
    """The same request with a picture that can be read, and something of it to fill in."""
    if isinstance(case.body, dict):
        for name in ("mask", "picture", "regions", "quality", "face_box"):
            case.body.pop(name, None)
        filled = case.operation.path in ("/v1/inpaint", "/v1/explain")
        case.body |= {"image": PICTURE} | ({"boxes": BOX} if filled else {})
    return case


def test_made_up_requests_get_the_answers_that_the_description_promises(running: Running) -> None:
    host, port = running()
    schema = schemathesis.openapi.from_url(f"http://{host}:{port}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) == OPERATIONS
    seen: set[tuple[str, int]] = set()
    for operation in operations:

        @hypothesis.given(case=operation.as_strategy(), soundly=st.booleans())
        @hypothesis.settings(
            max_examples=EXAMPLES, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck)
        )
        def ask(case: Case, soundly: bool) -> None:
            answer = (sound(case) if soundly else case).call(timeout=60)
            # made-up bytes are no picture; and what was made sound is no longer what was made up
            unsaid = [positive_data_acceptance, *([negative_data_rejection] if soundly else [])]
            case.validate_response(answer, excluded_checks=unsaid)
            seen.add((case.path, answer.status_code))

        ask()
    assert {path for path, status in seen if status < 300} >= {"/v1/inpaint", "/v1/faces", "/v1/regions", "/metrics"}
    assert {path for path, status in seen if 400 <= status < 500} >= {"/v1/inpaint", "/v1/explain", "/v1/pictures"}
