"""A real kernel for tests: run a cell, see what a notebook would have saved, interrupt on a sign."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]


@dataclass
class Outcome:
    """What became of one cell."""

    reply: dict[str, Any] = field(default_factory=dict)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    """As a notebook saves them, displays as last updated."""
    updates: int = 0
    seconds_after_interrupt: float | None = None
    _displays: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """`ok`, `error` or `aborted`."""
        return self.reply["status"]

    @property
    def text(self) -> str:
        """Everything a reader without HTML would see."""
        return "".join(
            o.get("text") or o.get("data", {}).get("text/plain") or str(o["traceback"]) for o in self.outputs
        )

    def part(self, name: str) -> dict[str, Any]:
        """The one display that our metadata calls `name`."""
        (found,) = [o for o in self.outputs if o.get("metadata", {}).get("qwen_nb", {}).get("part") == name]
        return found

    def take(self, kind: str, content: dict[str, Any]) -> None:
        """One message of the kernel's output channel."""
        if kind == "update_display_data":
            self.updates += 1
            self._displays[content["transient"]["display_id"]].update(
                data=content["data"], metadata=content["metadata"]
            )
        elif kind in ("stream", "display_data", "execute_result", "error"):
            self.outputs.append(content)
            if name := content.get("transient", {}).get("display_id"):
                self._displays[name] = content


class LiveKernel:
    """Starts a kernel that can import this repository; a context manager."""

    def __enter__(self) -> LiveKernel:
        paths = [str(ROOT), str(ROOT / "magics")]
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, cwd=str(ROOT))
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        return self

    def __exit__(self, *error: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def run(
        self, code: str, *, interrupt_when: Callable[[Outcome], bool] | None = None, timeout: float = 60
    ) -> Outcome:
        """Execute `code`; interrupt the kernel once `interrupt_when` says so."""
        outcome, interrupted_at = Outcome(), None

        def hook(message: dict[str, Any]) -> None:
            nonlocal interrupted_at
            outcome.take(message["msg_type"], message["content"])
            if interrupt_when and interrupted_at is None and interrupt_when(outcome):
                interrupted_at = time.monotonic()
                self._manager.interrupt_kernel()

        reply = self._client.execute_interactive(code, timeout=timeout, output_hook=hook, allow_stdin=False)
        outcome.reply = reply["content"]
        if interrupted_at is not None:
            outcome.seconds_after_interrupt = time.monotonic() - interrupted_at
        return outcome

    def send(self, kind: str, content: dict[str, Any]) -> None:
        """One message on the shell channel, as a front end's widgets send."""
        client = self._client
        client.shell_channel.send(client.session.msg(kind, content))

    def check(self, code: str) -> Outcome:
        """Execute `code`, which must not fail."""
        outcome = self.run(code)
        assert outcome.status == "ok", outcome.text
        return outcome
