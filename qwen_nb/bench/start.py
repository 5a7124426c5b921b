"""From the start of a kernel to the first token: what someone waits who opens a notebook and asks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import start_new_kernel

from qwen_nb.bench.decode import QUESTION
from qwen_nb.errors import ModelLoadError

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient

TIMEOUT_SECONDS = 600.0
_SHOWN_PARTS = ("thought", "answer")


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds of one start, each from the one before; the sum is what is waited."""

    kernel: float
    """Until the kernel answers."""
    extension: float
    """`%load_ext qwen_nb`."""
    first_token: float
    """From the question to the first piece of the answer: imports, weights, prompt."""

    @property
    def total(self) -> float:
        """From nothing to the first token."""
        return self.kernel + self.extension + self.first_token


def run(*, model: str, repeats: int, json: bool) -> None:
    """Measure and print."""
    starts = [measure(model) for _ in range(repeats)]
    print(as_json(model, starts) if json else as_text(model, starts))  # noqa: T201


def measure(model: str) -> Start:
    """One start, in a kernel of its own."""
    began = time.perf_counter()
    with _kernel() as client:
        ready = time.perf_counter()
        client.execute_interactive("%load_ext qwen_nb", timeout=TIMEOUT_SECONDS)
        loaded = time.perf_counter()
        client.execute(f"%%qwen --model {model}\n{QUESTION}")
        _await_first_piece(client)
        return Start(ready - began, loaded - ready, time.perf_counter() - loaded)


@contextmanager
def _kernel() -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel(startup_timeout=TIMEOUT_SECONDS)
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _await_first_piece(client: BlockingKernelClient) -> None:
    """Return when a display shows some of the thought or the answer."""
    while True:
        message = client.get_iopub_msg(timeout=TIMEOUT_SECONDS)
        content: dict[str, Any] = message["content"]
        if content.get("metadata", {}).get("qwen_nb", {}).get("part") in _SHOWN_PARTS:
            return
        if message["msg_type"] == "error":
            raise ModelLoadError(f"The kernel could not answer: {content['evalue']}")


def as_json(model: str, starts: list[Start]) -> str:
    """All figures."""
    return json.dumps({"model": model, "starts": [asdict(s) | {"total": s.total} for s in starts]}, indent=2)


def as_text(model: str, starts: list[Start]) -> str:
    """The figures for a reader."""
    names = {"kernel": "kernel ready", "extension": "%load_ext qwen_nb", "first_token": "question to first token"}
    lines = [f"{label:<26}{median(getattr(s, name) for s in starts):7.2f} s" for name, label in names.items()]
    totals = sorted(s.total for s in starts)
    spread = f"   ({totals[0]:.2f} to {totals[-1]:.2f} in {len(totals)} starts)"
    return "\n".join(
        [f"{model}, median of each", *lines, f"{'start to first token':<26}{median(totals):7.2f} s{spread}"]
    )
