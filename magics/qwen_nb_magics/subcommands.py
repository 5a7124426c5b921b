"""What each `%qwen NAME` does."""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from qwen_nb.config import Thinking
from qwen_nb_magics import models
from qwen_nb_magics.asking import Emit, Turn
from qwen_nb_magics.display import screen
from qwen_nb_magics.parsing import budget as read_budget
from qwen_nb_magics.parsing import show_budget
from qwen_nb_magics.reference import help_text, table
from qwen_nb_magics.transcript import Note, Transcript

if TYPE_CHECKING:
    from qwen_nb_magics.qwen import QwenMagics
    from qwen_nb_magics.session import Resident

LIBRARIES = ("qwen-nb", "torch", "transformers", "jupyterlab", "ipykernel", "ipython")


def run(magics: QwenMagics, name: str, argument: str | None) -> None:
    """Carry out `%qwen name argument`."""
    _COMMANDS[name](magics, argument)


def _help(magics: QwenMagics, _: str | None) -> None:
    _say(magics, help_text())


def _version(magics: QwenMagics, _: str | None) -> None:
    rows = [(name, _installed(name)) for name in LIBRARIES]
    _say(magics, table(("Package", "Version"), [*rows, ("python", platform.python_version())]))


def _status(magics: QwenMagics, _: str | None) -> None:
    session = magics.session
    loaded = session.model
    rows = [("model", session.name + ("" if session.is_loaded(session.name) else ", loaded with the first question"))]
    if loaded is not None:
        rows += _facts(loaded)
    rows.append(("thinking", _thinking(session.thinking, loaded)))
    _say(magics, table(("Session", ""), rows))


def _facts(model: Resident) -> list[tuple[str, str]]:
    facts = model.status()
    return [
        ("in memory", f"{facts.name}, {facts.parameters / 1e6:,.1f} M parameters, {_size(facts.memory_bytes)}"),
        ("device", f"{facts.device}, {facts.dtype}"),
        ("context", f"{facts.context_length:,} tokens"),
        ("cached", f"{_size(facts.cached_bytes)} of earlier prompts"),
        ("decoder", facts.decoder),
    ]


def _model(magics: QwenMagics, name: str | None) -> None:
    if name is None:
        _list_models(magics)
    else:
        _switch(magics, name)


def _list_models(magics: QwenMagics) -> None:
    session = magics.session
    known = models.available()
    known.setdefault(session.name, "in a folder")
    rows = [(name, place + ", this session's model" * (name == session.name)) for name, place in known.items()]
    _say(magics, table(("Model", "Where"), rows) + "\n\n`%qwen model NAME` switches; a folder is a name too.")


def _switch(magics: QwenMagics, name: str) -> None:
    """Load it now; when that fails, the session keeps the model it had."""

    def work(emit: Emit, stop: threading.Event) -> None:
        model = magics.session.resident(name, lambda text: emit(Note(text, loading=True)))
        if not stop.is_set():
            magics.session.choose(name)
            emit(Note(f"ready, {model.status().device}, {model.capabilities.context_length:,} tokens of context"))

    Turn(work, Transcript(name), screen(magics.kernel_shell)).run()


def _think(magics: QwenMagics, argument: str | None) -> None:
    session = magics.session
    if argument is not None:
        session.thinking = read_budget(argument)
    _say(magics, f"Thinking budget of this session: {_thinking(session.thinking, session.model)}.")


def _reset(magics: QwenMagics, _: str | None) -> None:
    magics.reset()
    _say(magics, f"Back to the start: model `{magics.session.name}`, budget {show_budget(magics.session.thinking)}.")


def _thinking(thinking: Thinking, model: Resident | None) -> str:
    words = {"default": "what the model does by itself", "off": "off", "max": "without limit"}
    text = words.get(show_budget(thinking), f"at most {thinking} tokens")
    cannot = model is not None and not model.capabilities.thinks
    return f"{text}; {model.name} has no thinking mode and answers at once" if model and cannot else text


def _installed(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1e3:,.0f} kB"


def _say(magics: QwenMagics, text: str) -> None:
    magics.kernel_shell.display_pub.publish({"text/markdown": text, "text/plain": text.replace(r"\|", "|")})


_COMMANDS: dict[str, Callable[[QwenMagics, str | None], None]] = {
    "help": _help,
    "version": _version,
    "status": _status,
    "model": _model,
    "think": _think,
    "reset": _reset,
}
