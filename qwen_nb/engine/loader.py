"""`qwen_nb.load`: from a name to a model that answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from qwen_nb.engine import memory
from qwen_nb.engine.catalog import Source, find
from qwen_nb.engine.checkpoint import (
    check_weights,
    read_closing_phrase,
    read_config,
    read_tokenizer,
)
from qwen_nb.engine.local_model import LocalModel
from qwen_nb.engine.progress import Progress, loading_bar, weights_reported
from qwen_nb.errors import InvalidInputError, ModelLoadError, NotEnoughMemoryError, UnsupportedError

if TYPE_CHECKING:
    from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load(
    model: str | Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    quantize: str | None = None,
    context_length: int | None = None,
    progress: Progress | None = None,
) -> LocalModel:
    """Load a Qwen Mixture-of-Experts model into this kernel.

    Only safetensors are read, and no code that comes with a checkpoint is ever run.

    Args:
        model: `nano`, which comes with the package; a folder; or a Hub id such as `Qwen/Qwen3-Coder-30B-A3B-Instruct`.
        device: "auto" (every CUDA GPU there is, else the CPU), "cpu", "cuda", "cuda:1" and so on.
        dtype: "float32", "bfloat16" or "float16". "auto" is the checkpoint's own, but float32 on a CPU that cannot
            multiply bfloat16 natively, where that fits.
        quantize: not in this version.
        context_length: tokens of prompt and answer together, up to the model's own limit, which is the default.
        progress: called with (fraction from 0 to 1, what is going on). By default a bar shows when it takes long.

    Raises:
        ModelNotFoundError: nothing of that name; the message has the nearest one.
        ModelLoadError: files are missing, cut off or corrupted, or the Hub cannot be reached.
        NotEnoughMemoryError: with what it needs, what there is, and what to try.
        UnsupportedError: another architecture or format.
        InvalidInputError: an argument has a value that cannot be used.
    """
    if quantize is not None:
        raise UnsupportedError(
            f"quantize={quantize!r} is not in this version: weights run in float32, bfloat16 or float16 (dtype=...)."
        )
    source = find(model)
    if progress is not None:
        return _load(source, device, dtype, context_length, progress)
    with loading_bar(source.name) as bar:
        return _load(source, device, dtype, context_length, bar)


def _load(source: Source, device: str, dtype: str, context_length: int | None, progress: Progress) -> LocalModel:
    folder = source.folder or _fetched(source, small=True)
    config = read_config(folder)
    target = resolve_device(device)
    chosen = resolve_dtype(dtype, config, target)
    limit = resolve_context(context_length, config)
    check_memory(source.name, config, chosen, _used_devices(device, target))
    if source.hub_id is not None:
        progress(0.0, f"fetching {source.name}")
        folder = _fetched(source, small=False)
    check_weights(folder)
    tokenizer = read_tokenizer(folder)
    progress(0.0, f"loading {source.name}")
    with weights_reported(lambda fraction: progress(fraction, f"loading {source.name}")):
        model = _read_model(folder, config, chosen, device, target)
    progress(1.0, f"{source.name} is ready")
    return LocalModel(
        model, tokenizer, name=source.name, context_length=limit, closing_phrase=read_closing_phrase(folder)
    )


def _fetched(source: Source, *, small: bool) -> Path:
    from qwen_nb.engine.hub import SMALL_FILES, WEIGHTS, fetch

    assert source.hub_id is not None, "a source is a folder or on the Hub"  # noqa: S101
    return fetch(source.hub_id, SMALL_FILES if small else SMALL_FILES + WEIGHTS)


def resolve_device(device: str) -> torch.device:
    """The device meant; "auto" is the first GPU, if there is one."""
    if device == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise InvalidInputError(f"No device named {device!r}. Use 'auto', 'cpu' or 'cuda' ('cuda:1', ...).") from error
    count = torch.cuda.device_count()
    if found.type == "cuda" and (found.index or 0) >= count:
        raise InvalidInputError(f"There is no {device!r} here: {count} CUDA GPUs are usable. Use 'auto' or 'cpu'.")
    return found


def resolve_dtype(dtype: str, config: Qwen3MoeConfig, device: torch.device) -> torch.dtype:
    """The number format meant; see `load`."""
    if dtype != "auto":
        if dtype not in DTYPES:
            raise InvalidInputError(f"No dtype {dtype!r}. Use 'auto', {', '.join(map(repr, DTYPES))}.")
        return DTYPES[dtype]
    own = config.dtype if isinstance(config.dtype, torch.dtype) else torch.float32
    if device.type != "cpu" or own == torch.float32 or _multiplies_bfloat16():
        return own
    fits = memory.needed_bytes(config, torch.float32) <= memory.available_bytes(device)
    return torch.float32 if fits else own


def resolve_context(context_length: int | None, config: Qwen3MoeConfig) -> int:
    """The context length meant, within the model's limit."""
    most = config.max_position_embeddings
    if context_length is None:
        return most
    if isinstance(context_length, bool) or not isinstance(context_length, int) or not 2 <= context_length <= most:
        raise InvalidInputError(
            f"context_length must be a whole number from 2 to {most:,}, the model's limit, not {context_length!r}."
        )
    return context_length


def check_memory(name: str, config: Qwen3MoeConfig, dtype: torch.dtype, devices: list[torch.device]) -> None:
    """Raise `NotEnoughMemoryError` when the weights do not fit into these devices together."""
    needed, there = memory.needed_bytes(config, dtype), sum(memory.available_bytes(d) for d in devices)
    if needed <= there:
        return
    half = memory.needed_bytes(config, torch.bfloat16)
    way_out = f"dtype='bfloat16', which needs {half / memory.GB:.1f} GB" if half <= there else "a smaller model"
    raise NotEnoughMemoryError(
        f"{name} needs about {needed / memory.GB:.1f} GB as {str(dtype).removeprefix('torch.')} and "
        f"{' + '.join(map(str, devices))} has {there / memory.GB:.1f} GB free. Try {way_out}; `nano` needs 0.1 GB."
    )


def _read_model(
    folder: Path, config: Qwen3MoeConfig, dtype: torch.dtype, device: str, target: torch.device
) -> Qwen3MoeForCausalLM:
    from transformers import Qwen3MoeForCausalLM

    try:
        loaded: Any = Qwen3MoeForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            device_map=_device_map(device, target),
            attn_implementation="sdpa",
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelLoadError(f"The weights in '{folder.name}' cannot be loaded: {error}") from error
    model, info = loaded
    if missing := sorted(info["missing_keys"]):
        raise ModelLoadError(
            f"The weights in '{folder.name}' lack {len(missing)} tensors that config.json asks for, the first is "
            f"{missing[0]}. Copy or download the checkpoint again."
        )
    return model.eval()


def _device_map(device: str, target: torch.device) -> str | dict[str, torch.device] | None:
    """None on a plain CPU; else accelerate places the layers, over all GPUs when the device was left open."""
    if target.type == "cpu":
        return None
    return "auto" if device == "auto" else {"": target}


def _used_devices(device: str, target: torch.device) -> list[torch.device]:
    """Where the weights will be: on all GPUs when the device was left open and there are any."""
    if device != "auto" or target.type == "cpu":
        return [target]
    return [torch.device("cuda", index) for index in range(torch.cuda.device_count())]


def _multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16 products; without them they are many times slower."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
