"""Reading a checkpoint's folder, and finding out what is wrong with it before any weight is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from qwen_nb.engine.chat_template import ChatTemplate
from qwen_nb.errors import ModelLoadError, UnsupportedError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Qwen3MoeConfig

ARCHITECTURE = "qwen3_moe"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def read_config(folder: Path) -> Qwen3MoeConfig:
    """The configuration of a checkpoint that this engine can run.

    Raises:
        ModelLoadError: there is no config.json, or it cannot be read.
        UnsupportedError: another architecture, or quantized weights.
    """
    from transformers import Qwen3MoeConfig

    raw = read_json(folder / "config.json")
    if (found := raw.get("model_type")) != ARCHITECTURE:
        raise UnsupportedError(
            f"'{folder.name}' is a {found or 'nameless'} model; this version runs {ARCHITECTURE} models alone "
            "(Qwen3-Coder-30B-A3B-Instruct, Qwen3-30B-A3B, Qwen3-235B-A22B, Qwen3-Coder-480B-A35B-Instruct, nano)."
        )
    if quantization := raw.get("quantization_config"):
        raise UnsupportedError(
            f"'{folder.name}' is quantized with {quantization.get('quant_method', 'an unnamed method')}, which this "
            "version cannot run. Load the model's bfloat16 checkpoint."
        )
    try:
        return Qwen3MoeConfig.from_dict(raw)
    except Exception as error:  # whatever its validation finds
        raise ModelLoadError(f"config.json in '{folder.name}' does not describe a usable model: {error}") from error


def read_closing_phrase(folder: Path) -> str | None:
    """What closes a thought whose budget is spent: `closing_phrase` in the model's qwen_nb.json, if it has one."""
    path = folder / "qwen_nb.json"
    return read_json(path).get("closing_phrase") if path.exists() else None


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer with its chat template.

    Raises:
        ModelLoadError: a file is missing or corrupted, it wants code of its own to run, or there is no usable template.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the libraries below raise a plain Exception for a corrupted file
        raise ModelLoadError(
            f"The tokenizer in '{folder.name}' cannot be read ({_first_line(error)}). Copy or download it again."
        ) from error
    ChatTemplate(tokenizer)  # a template that cannot be used is found out now, before minutes of loading
    return tokenizer


def check_weights(folder: Path) -> None:
    """Raise `ModelLoadError` unless all safetensors files are there and whole; reads their headers alone."""
    files = weight_files(folder)
    if missing := [name for name in files if not (folder / name).exists()]:
        raise ModelLoadError(
            f"'{folder.name}' lacks {len(missing)} of its {len(files)} weight files, the first is {missing[0]}. "
            "Copy or download the missing ones."
        )
    for name in files:
        try:
            with safe_open(folder / name, framework="pt") as file:
                file.keys()
        except (SafetensorError, OSError) as error:
            size = (folder / name).stat().st_size
            raise ModelLoadError(
                f"{name} in '{folder.name}' is cut off or corrupted at {size:,} bytes ({error}). "
                "Copy or download it again."
            ) from error


def weight_files(folder: Path) -> list[str]:
    """Names of the safetensors files the checkpoint is made of, there or not; at least one."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        return sorted(set(read_json(index).get("weight_map", {}).values()))
    if files := sorted(path.name for path in folder.glob("*.safetensors")):
        return files
    if pickled := sorted(path.name for pattern in _PICKLED for path in folder.glob(pattern)):
        raise ModelLoadError(
            f"'{folder.name}' has its weights as {pickled[0]}, a pickle, and reading a pickle runs code. "
            "Only safetensors are loaded: look for a copy in that format."
        )
    raise ModelLoadError(
        f"'{folder.name}' has a configuration but no weights (*.safetensors). Copy or download them into it."
    )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a checkpoint, or `ModelLoadError` saying what is wrong with it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelLoadError(
            f"'{path.parent.name}' has no {path.name}, so it is not a model's folder. "
            "Give the folder that has config.json, the tokenizer and *.safetensors."
        ) from error
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{path.name} in '{path.parent.name}' is corrupted ({error}). Copy it again.") from error
    if not isinstance(found, dict):
        raise ModelLoadError(
            f"{path.name} in '{path.parent.name}' is corrupted: it holds no JSON object. Copy it again."
        )
    return found


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
