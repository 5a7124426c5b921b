"""Which models can be asked: the ones that come along, the ones downloaded before, the ones on the Hub."""

from __future__ import annotations

import json
from pathlib import Path

ARCHITECTURE = "qwen3_moe"


def available() -> dict[str, str]:
    """Name of each model and where it is, the nearest first; imports nothing heavy and asks no network."""
    from qwen_nb.engine.catalog import HUB_MODELS, embedded

    places = dict.fromkeys(embedded(), "comes with the package")
    places |= dict.fromkeys(_downloaded(), "downloaded")
    return places | {name: "on the Hub" for name in HUB_MODELS if name not in places}


def _downloaded() -> list[str]:
    from huggingface_hub.constants import HF_HUB_CACHE

    folders = Path(HF_HUB_CACHE).glob("models--*--*")
    return sorted(
        folder.name.removeprefix("models--").replace("--", "/")
        for folder in folders
        if any(_is_ours(config) for config in folder.glob("snapshots/*/config.json"))
    )


def _is_ours(config: Path) -> bool:
    try:
        return json.loads(config.read_text(encoding="utf-8")).get("model_type") == ARCHITECTURE
    except (OSError, ValueError, AttributeError):  # someone else's files
        return False
