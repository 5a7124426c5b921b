"""What lasts from one cell to the next: the chosen model, the one in memory, the budget."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal, Protocol

import qwen_nb
from qwen_nb.chat_model import ChatModel
from qwen_nb.config import Thinking
from qwen_nb.errors import NotEnoughMemoryError

Report = Callable[[str], None]
"""Gets one line about what is going on."""


class Resident(ChatModel, Protocol):
    """A model in this kernel: it takes memory, which can be given back."""

    def unload(self) -> None:
        """Give the memory back; the model cannot be asked any more."""
        ...

    def reset_cache(self) -> None:
        """Forget the prompts whose keys and values are kept."""
        ...

    def status(self) -> Any:
        """Facts about it as a dataclass: device, dtype, parameters, memory, decoder."""
        ...


class Session:
    """One per shell. `resident` is called from a worker thread, as it may take minutes.

    Args:
        defaults: model and budget that the session starts from and returns to on reset.
    """

    def __init__(self, defaults: Callable[[], tuple[str, Thinking]]) -> None:
        self._defaults = defaults
        self._chosen: str | None = None
        self._thinking: Thinking | Literal["unset"] = "unset"
        self._name: str | None = None
        self._model: Resident | None = None
        self._loading = threading.Lock()
        self._closed = False

    @property
    def name(self) -> str:
        """The model that a question goes to when it names none."""
        return self._chosen or self._defaults()[0]

    @property
    def thinking(self) -> Thinking:
        """The budget for a question that sets none."""
        return self._defaults()[1] if self._thinking == "unset" else self._thinking

    @thinking.setter
    def thinking(self, value: Thinking) -> None:
        self._thinking = value

    @property
    def model(self) -> Resident | None:
        """The model in memory, if there is one."""
        return self._model

    def is_loaded(self, name: str) -> bool:
        """A question to `name` needs no loading."""
        return self._model is not None and self._name == name

    def resident(self, name: str, report: Report) -> Resident:
        """The model of that name, loaded now if it is not in memory; an earlier one makes room for it.

        Raises:
            QwenNbError: it cannot be loaded; what was in memory stays, or is loaded again when asked.
        """
        with self._loading:
            model = self._model if self._name == name else None
            return model or self._replace(name, report)

    def choose(self, name: str) -> None:
        """Make it the model of this session."""
        self._chosen = name

    def _replace(self, name: str, report: Report) -> Resident:
        report(f"loading {name}")  # before the first number, since torch takes its time to import

        def progress(fraction: float, text: str) -> None:
            report(f"{text}, {fraction:.0%}")

        try:
            model = qwen_nb.load(name, progress=progress)
        except NotEnoughMemoryError:
            if self._model is None:
                raise
            self.unload()
            model = qwen_nb.load(name, progress=progress)
        self.unload()
        self._model, self._name = model, name
        if self._closed:
            self.unload()
        return model

    def unload(self) -> None:
        """Give back the memory of the model, if one is loaded."""
        model, self._model, self._name = self._model, None, None
        if model is not None:
            model.unload()

    def reset(self) -> None:
        """Back to the settings; prompts in the cache are forgotten, the weights stay in memory."""
        self._chosen, self._thinking = None, "unset"
        if self._model is not None:
            self._model.reset_cache()

    def close(self) -> None:
        """The end: a model that is still being loaded is dropped when it arrives."""
        self._closed = True
        self.unload()
