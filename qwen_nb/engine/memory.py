"""How much memory a model needs, how much there is, and giving it back."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

GB = 1e9
HEADROOM = 1.1
"""Weights are not all: activations, a short conversation and the loading itself want about a tenth more."""
_CGROUP = Path("/sys/fs/cgroup")


def needed_bytes(config: PreTrainedConfig, dtype: torch.dtype) -> int:
    """Memory to run a model of this configuration in that number format, computed before any weight is read."""
    return int(count_parameters(config) * dtype.itemsize * HEADROOM)


def count_parameters(config: PreTrainedConfig) -> int:
    """Parameters of the model, tied ones once."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return sum(p.numel() for p in model.parameters())


def available_bytes(device: torch.device) -> int:
    """Memory that can still be taken on this device; on the CPU within the limit of the container, if it has one."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(psutil.virtual_memory().available, _container_limit() - _container_used())


def total_bytes(device: torch.device) -> int:
    """All memory of this device, or of the container."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[1]
    return min(psutil.virtual_memory().total, _container_limit())


def release() -> None:
    """Give memory of dropped models back to the system instead of keeping it for later."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _container_limit() -> int:
    for path in (_CGROUP / "memory.max", _CGROUP / "memory" / "memory.limit_in_bytes"):
        if path.exists() and (text := path.read_text().strip()).isdigit():
            return int(text)
    return psutil.virtual_memory().total


def _container_used() -> int:
    """What counts against the limit, without file pages that can be dropped at any time."""
    for folder, name in ((_CGROUP, "memory.current"), (_CGROUP / "memory", "memory.usage_in_bytes")):
        if (folder / name).exists():
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            return int((folder / name).read_text()) - int(stat.get("inactive_file", 0))
    return 0
