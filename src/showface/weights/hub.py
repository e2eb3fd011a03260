"""Weights from the Hugging Face hub."""

from __future__ import annotations

import importlib
from pathlib import Path

from showface.errors import MissingExtraError, WeightsError
from showface.weights.layout import CONFIG, FILES, MODEL


def fetch(name: str) -> Path:
    """The folder of the hub model `owner/name`, downloaded into the hub's own cache; needs the extra `hub`."""
    try:
        hub = importlib.import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{name}: no such folder or file, and hub ids need an extra; pip install 'showface[hub]'"
        ) from error
    try:
        return Path(hub.snapshot_download(name, allow_patterns=[CONFIG, *FILES, MODEL]))
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        reason = str(error).strip().split("\n")[0]
        raise WeightsError(
            f"{name}: cannot be fetched ({reason}); fetch {CONFIG} and the .safetensors beside it into a folder"
        ) from error
