"""The model in the kernel: loading, decoding, sampling, thinking budget, prefix cache, chat template, tool calls."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qwen_nb.engine.loader import load
    from qwen_nb.engine.local_model import LocalModel, Status

__all__ = ["LocalModel", "Status", "load"]

_HOMES = {
    "LocalModel": "qwen_nb.engine.local_model",
    "Status": "qwen_nb.engine.local_model",
    "load": "qwen_nb.engine.loader",
}


def __getattr__(name: str) -> Any:
    """Names are loaded when first used: the catalogue of models can be read without torch."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'qwen_nb.engine' has no attribute {name!r}")
