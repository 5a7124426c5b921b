"""A cell that starts with `%%qwen` becomes one line of Python that awaits the answer.

As a cell magic it would block the kernel's event loop until the last token. Awaited, the loop runs on: widgets and
interrupts act while the model writes. Where nothing can be awaited the same line is written without `await`.
"""

from __future__ import annotations

import asyncio
import re
import sys

from IPython.core.async_helpers import _asyncio_runner
from IPython.core.inputtransformer2 import leading_empty_lines
from IPython.core.interactiveshell import InteractiveShell

_HEAD = re.compile(r"%%qwen(?=\s)(.*)", re.DOTALL)


class Rewriter:
    """The input transformer; one object per shell, so that it can be found and taken out again."""

    has_side_effects = True
    """Keeps IPython from running it to find out whether a cell is complete: the rewritten line always is."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell

    def __call__(self, lines: list[str]) -> list[str]:
        """`lines`, or the one line that replaces them."""
        start = next((i for i, line in enumerate(lines) if not _skipped(line)), len(lines))
        head = _HEAD.match(lines[start]) if start < len(lines) else None
        if head is None:
            return lines
        ask = (
            "await __import__('qwen_nb_magics').answer"
            if self._can_await()
            else "__import__('qwen_nb_magics').answer_now"
        )
        return [f"{ask}({head[1].strip()!r}, {''.join(lines[start + 1 :])!r})\n"]

    def _can_await(self) -> bool:
        """The cell is the kernel's own, not nested in another one's code, and may use `await`."""
        shell = self._shell
        return shell.autoawait and shell.loop_runner is _asyncio_runner and _loop_runs() and not _inside_a_cell()


def install(shell: InteractiveShell) -> None:
    """Put the transformer where it sees prompts unchanged: the later ones strip prompts and indentation."""
    transforms = shell.input_transformers_cleanup
    place = transforms.index(leading_empty_lines) + 1 if leading_empty_lines in transforms else 0
    transforms.insert(place, Rewriter(shell))


def remove(shell: InteractiveShell) -> None:
    """Undo `install`."""
    transforms = shell.input_transformers_cleanup
    transforms[:] = [transform for transform in transforms if not isinstance(transform, Rewriter)]


def _skipped(line: str) -> bool:
    return not line.strip() or line.startswith("#")


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _inside_a_cell() -> bool:
    """Whether code of a cell called us, as `%%time` and `%%capture` do: it runs below IPython's `run_code`."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is InteractiveShell.run_code.__code__:
            return True
        frame = frame.f_back
    return False
