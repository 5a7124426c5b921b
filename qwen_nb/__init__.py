"""A Qwen Mixture-of-Experts coding model inside the notebook's kernel.

Names are loaded when first used, so that `import qwen_nb` and `%load_ext qwen_nb` cost next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from qwen_nb.config import Sampling
    from qwen_nb.engine import load
    from qwen_nb.errors import QwenNbError
    from qwen_nb.messages import Message, Reply
    from qwen_nb.routing.trace import RoutingTrace

__version__ = "0.1.0"
__all__ = ["Message", "QwenNbError", "Reply", "RoutingTrace", "Sampling", "load"]

_HOMES = {
    "Message": "qwen_nb.messages",
    "QwenNbError": "qwen_nb.errors",
    "Reply": "qwen_nb.messages",
    "RoutingTrace": "qwen_nb.routing.trace",
    "Sampling": "qwen_nb.config",
    "load": "qwen_nb.engine",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'qwen_nb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """`%load_ext qwen_nb`."""
    import_module("qwen_nb_magics").load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """`%unload_ext qwen_nb`."""
    import_module("qwen_nb_magics").unload(shell)
