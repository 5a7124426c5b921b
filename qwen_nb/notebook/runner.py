"""Runs a notebook without a browser, cell after cell, and tells a watcher everything as it happens."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import zmq
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import ensure_async
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from qwen_nb.errors import InvalidInputError, QwenNbError

_OVERWRITTEN = re.compile(r".*\r(?=[^\n])")
"""What a carriage return lets the following text write over."""


class CellFailedError(QwenNbError):
    """A cell raised, took too long or took its kernel down; the cells after it did not run."""


class Watcher(Protocol):
    """What a run tells while it goes on."""

    def cell_starts(self, number: int, total: int, source: str) -> None:
        """A cell is sent to the kernel; `number` counts code cells from 1."""
        ...

    def message(self, message: dict[str, Any]) -> None:
        """The kernel published something for that cell (a message of Jupyter's wire protocol)."""
        ...

    def cell_ends(self, seconds: float) -> None:
        """It is over, well or not."""
        ...


def run_notebook(
    notebook: NotebookNode,
    *,
    folder: Path,
    watcher: Watcher,
    save: Callable[[NotebookNode], None],
    timeout: int | None = None,
) -> None:
    """Runs every code cell in a fresh kernel, in place, and saves after each one.

    Args:
        notebook: gets the outputs; those of an earlier run are removed first.
        folder: the kernel's working directory.
        watcher: hears of everything as it happens.
        save: called after every cell.
        timeout: most seconds for one cell; None is no limit.

    Raises:
        CellFailedError: with the cell's number and what went wrong.
        KeyboardInterrupt: after Ctrl-C. The running cell was interrupted first, so what it had shown is kept; a
            second Ctrl-C does not wait for it.
    """
    _remove_outputs(notebook)
    client = _Client(notebook, folder, watcher, save, timeout)
    try:
        asyncio.run(client.async_execute())
    except (CellExecutionError, CellTimeoutError, NoSuchKernel, RuntimeError, asyncio.CancelledError) as error:
        if client.interrupted:
            raise KeyboardInterrupt from None
        raise _explained(error, client.where, timeout) from error


class _Client(NotebookClient):
    def __init__(
        self,
        notebook: NotebookNode,
        folder: Path,
        watcher: Watcher,
        save: Callable[[NotebookNode], None],
        timeout: int | None,
    ) -> None:
        super().__init__(
            notebook,
            timeout=timeout,
            record_timing=False,  # without clock times in it, a run that changes nothing leaves the same file
            resources={"metadata": {"path": str(folder)}},
            config=Config({"KernelManager": {"transport_encryption": "auto"}} if zmq.has("curve") else {}),
        )
        self.interrupted = False
        self._watcher = watcher
        self._save = save
        self._number = 0
        self._total = sum(map(_runs, notebook.cells))

    @property
    def where(self) -> str:
        """The cell that runs or ran last, for a message."""
        return f"Cell {self._number} of {self._total}" if self._number else "The start of the kernel"

    async def async_start_new_kernel(self, **kwargs: Any) -> None:
        self._run = asyncio.current_task()
        with suppress(NotImplementedError):  # Windows: there Ctrl-C ends the run at once
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupt)
        await super().async_start_new_kernel(**kwargs)

    def _interrupt(self) -> None:
        if not self.interrupted and self.km is not None:
            # The loop itself keeps no hold of a task, so we do.
            self._interrupting = asyncio.ensure_future(ensure_async(self.km.interrupt_kernel()))
        elif self._run is not None:
            self._run.cancel()
        self.interrupted = True

    async def async_execute_cell(self, cell: NotebookNode, cell_index: int, *args: Any, **kwargs: Any) -> NotebookNode:
        if not _runs(cell):
            return cell
        self._number += 1
        self._watcher.cell_starts(self._number, self._total, cell.source)
        started = time.monotonic()
        try:
            await super().async_execute_cell(cell, cell_index, *args, **kwargs)
        finally:
            self._watcher.cell_ends(time.monotonic() - started)
            self._save(self.nb)
        if self.interrupted:  # the cell may have taken the interrupt calmly, as `%%qwen` does
            raise asyncio.CancelledError
        return cell

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        self._watcher.message(msg)
        return super().process_message(msg, cell, cell_index)

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        """Streams as JupyterLab keeps them: one for what comes without a break, without what was overwritten."""
        made = super().output(outs, msg, display_id, cell_index)
        if made is not None and made.output_type == "stream":
            _tidy(outs)
        return made


def _tidy(outs: list[NotebookNode]) -> None:
    """Joins the last output to a stream of the same name before it; a progress bar that wiped itself leaves nothing."""
    last = outs[-1]
    if len(outs) > 1 and outs[-2].output_type == "stream" and outs[-2].name == last.name:
        outs.pop()
        outs[-1].text += last.text
    text = outs[-1].text = _OVERWRITTEN.sub("", outs[-1].text)
    if "\r" in text and not text.strip(" \r"):
        outs.pop()


def _runs(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def _remove_outputs(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def _explained(error: BaseException, where: str, timeout: int | None) -> QwenNbError:
    match error:
        case NoSuchKernel():
            have = "`jupyter kernelspec list` shows those that are."
            return InvalidInputError(f"The notebook asks for the kernel {error.name!r}, which is not here. {have}")
        case CellTimeoutError():
            return CellFailedError(
                f"{where} took more than {timeout} s. Give it longer with --timeout, or none at all."
            )
        case CellExecutionError():
            return CellFailedError(f"{where} failed with {error.ename}: {error.evalue}")
        case DeadKernelError():
            return CellFailedError(f"{where} took its kernel down. Most often memory ran out: see `qwen-nb doctor`.")
        case _:
            return CellFailedError(f"{where} failed: {error}")
