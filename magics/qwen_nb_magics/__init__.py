"""The IPython extension behind `%load_ext qwen_nb`: `%qwen`, `%%qwen` and what makes them stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from qwen_nb_magics.qwen import QwenMagics

_NAME = "QwenMagics"


def load(shell: InteractiveShell) -> None:
    """Register the magics and the rewrite of `%%qwen` cells; harmless when they are there."""
    from qwen_nb_magics import rewrite
    from qwen_nb_magics.qwen import QwenMagics

    if _NAME not in shell.magics_manager.registry:
        shell.register_magics(QwenMagics(shell))
        rewrite.install(shell)


def unload(shell: InteractiveShell) -> None:
    """Take back everything that `load` and the magics have put into the shell, the model's memory included."""
    from qwen_nb_magics import rewrite

    magics = shell.magics_manager.registry.pop(_NAME, None)
    if magics is None:
        return
    rewrite.remove(shell)
    for table in shell.magics_manager.magics.values():
        table.pop("qwen", None)
    shell.configurables.remove(magics)
    magics.close()


async def answer(line: str, prompt: str) -> None:
    """What a `%%qwen` cell is rewritten to: ask while the kernel's event loop goes on."""
    await _magics().aask(line, prompt)


def answer_now(line: str, prompt: str) -> None:
    """The same where nothing can be awaited."""
    _magics().ask(line, prompt)


def _magics() -> QwenMagics:
    from IPython import get_ipython

    from qwen_nb.errors import UnsupportedError

    registry = get_ipython().magics_manager.registry
    if _NAME not in registry:
        raise UnsupportedError("The extension is not loaded. Type `%load_ext qwen_nb`.")
    return registry[_NAME]
