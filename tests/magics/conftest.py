from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import qwen_nb
from tests.helpers.scripted_model import ScriptedModel


class Published(DisplayPublisher):
    """A shell's display publisher that keeps what a notebook would save."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.displays: list[dict[str, Any]] = []
        self.messages = 0

    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **_: Any) -> None:
        self.messages += 1
        name = (transient or {}).get("display_id")
        if update:
            (shown,) = [d for d in self.displays if d["id"] == name]
            shown.update(data=data, metadata=metadata)
        else:
            self.displays.append({"data": data, "metadata": metadata, "id": name})

    @property
    def texts(self) -> list[str]:
        return [display["data"]["text/plain"] for display in self.displays]


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """A fresh IPython without history and without our extension."""
    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    yield shell
    shell.run_line_magic("unload_ext", "qwen_nb")
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()
    InteractiveShell.clear_instance()


@pytest.fixture
def published(shell) -> Published:
    """What a notebook shows; makes `shell` look like a kernel's."""
    shell.kernel = object()
    shell.display_pub = Published(shell=shell)
    return shell.display_pub


@pytest.fixture
def loads(monkeypatch) -> dict[str, ScriptedModel | Exception]:
    """What `qwen_nb.load` gives for each name."""
    models: dict[str, ScriptedModel | Exception] = {"nano": ScriptedModel("Hello!", name="nano")}

    def load(name: str, *, progress: Callable[[float, str], None]) -> ScriptedModel:
        progress(0.5, f"loading {name}")
        found = models[name]
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setitem(vars(qwen_nb), "load", load)
    return models


@pytest.fixture
def run(shell, published, loads) -> Callable[[str], Any]:
    """Runs a cell with the extension loaded; its error is raised here, its value returned."""
    shell.run_line_magic("load_ext", "qwen_nb")

    def run(cell: str) -> Any:
        return shell.run_cell(cell).raise_error() or shell.last_execution_result.result

    return run
