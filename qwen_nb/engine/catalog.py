"""Which model a name means: one that comes with the package, a folder, or one on the Hub."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from qwen_nb.errors import ModelLoadError, ModelNotFoundError, UnsupportedError

EMBEDDED = Path(__file__).parent.parent / "checkpoints"
"""Checkpoints that come with the package."""

HUB_MODELS = (
    "Qwen/Qwen3-Coder-30B-A3B-Instruct",
    "Qwen/Qwen3-Coder-480B-A35B-Instruct",
    "Qwen/Qwen3-30B-A3B",
    "Qwen/Qwen3-30B-A3B-Instruct-2507",
    "Qwen/Qwen3-30B-A3B-Thinking-2507",
    "Qwen/Qwen3-235B-A22B",
    "Qwen/Qwen3-235B-A22B-Instruct-2507",
    "Qwen/Qwen3-235B-A22B-Thinking-2507",
)
"""Qwen's released models of the `qwen3_moe` architecture, known so that a mistyped name can be set right."""

MISTAKEN = {"Qwen/Qwen3-480B-A35B-Instruct": "Qwen/Qwen3-Coder-480B-A35B-Instruct"}
"""Ids that are often written and do not exist, with the one that is meant."""

_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model's files are: in `folder`, or on the Hub under `hub_id`."""

    name: str
    folder: Path | None = None
    hub_id: str | None = None


def embedded() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(path.name for path in EMBEDDED.iterdir() if (path / "config.json").exists())


def resolve_checkpoint(name: str) -> Path:
    """Folder of a model that comes with the package."""
    return EMBEDDED / name


def find(model: str | Path) -> Source:
    """What `model` means.

    Raises:
        ModelNotFoundError: nothing of that name; the message has the nearest one.
        UnsupportedError: a GGUF file.
        ModelLoadError: some other file.
    """
    name, path = str(model), Path(model).expanduser()
    if name in embedded():
        return Source(name, folder=resolve_checkpoint(name))
    if path.suffix.lower() == ".gguf":
        raise UnsupportedError(
            f"{path.name} is a GGUF file, which this version cannot run. "
            "Load the model's safetensors instead: its folder, or its Hub id."
        )
    if path.is_dir():
        return Source(path.resolve().name, folder=path)
    if path.is_file():
        raise ModelLoadError(f"{name} is a file. Give the folder that has it, with config.json and the tokenizer.")
    if name not in MISTAKEN and _HUB_ID.fullmatch(name):
        return Source(name, hub_id=name)
    raise ModelNotFoundError(not_found(name))


def not_found(name: str) -> str:
    """The message for a name that means nothing, with the nearest one that does."""
    near = MISTAKEN.get(name) or _nearest(name)
    hint = f"Did you mean '{near}'? " if near else ""
    return f"No model named '{name}'. {hint}`%qwen model` lists what is here."


def _nearest(name: str) -> str | None:
    folders = [path.parent.name for path in Path().glob("*/config.json")]
    known = {n.lower(): n for n in (*embedded(), *folders, *HUB_MODELS)}
    short = {n.lower().removeprefix("qwen/"): n for n in HUB_MODELS}
    names = short | known
    found = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return names[found[0]] if found else None
