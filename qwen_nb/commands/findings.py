"""What `qwen-nb doctor` looks at. Each function looks at one thing and says what it found; nothing is changed."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from math import prod
from pathlib import Path
from typing import Literal

import qwen_nb

GB = 1e9
NANO = Path(qwen_nb.__file__).parent / "checkpoints" / "nano"
NANO_MEMORY = 1e9
"""Bytes that a kernel with torch, transformers and nano asks for, with room to work."""
INSTRUCTIONS = ("avx2", "fma3", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "neon", "i8mm", "sve")
"""Those that matrix products gain from, by torch's names."""
WIDGETS = ("@jupyter-widgets/jupyterlab-manager", "anywidget")
"""JupyterLab extensions that draw our widgets."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    group: str
    name: str
    value: str
    state: Literal["ok", "note", "wrong"] = "ok"
    mend: str | None = None
    """What to type to make it well."""


def look() -> Iterator[Finding]:
    """All findings, in the order of the report."""
    yield Finding("system", "Python", f"{platform.python_version()} at {sys.executable}")
    yield Finding("system", "system", f"{platform.system()} {platform.release()} on {platform.machine()}")
    yield from packages()
    yield from devices()
    yield disk()
    yield from front_end()
    yield nano()


def packages() -> Iterator[Finding]:
    """Every package that qwen_nb needs, against the version it needs."""
    from packaging.requirements import Requirement

    try:
        requirements = map(Requirement, distribution("qwen-nb").requires or ())
    except PackageNotFoundError:
        yield _wrong("packages", "qwen-nb", "not installed for this Python", "python -m pip install -e .")
        return
    yield Finding("packages", "qwen-nb", qwen_nb.__version__)
    for need in requirements:
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            yield _package(need.name, str(need.specifier), need.specifier.contains)


def _package(name: str, needed: str, suits: Callable[..., bool]) -> Finding:
    mend = f'python -m pip install "{name}{needed}"'
    try:
        found = version(name)
    except PackageNotFoundError:
        return _wrong("packages", name, "missing", mend)
    if not suits(found, prereleases=True):
        return _wrong("packages", name, f"{found}, but {needed} is needed", mend)
    return Finding("packages", name, found)


def devices() -> Iterator[Finding]:
    """What torch can compute on, and in how much memory."""
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library of torch's does not load
        yield _wrong(
            "devices", "torch", f"cannot be imported: {error}", "python -m pip install --force-reinstall torch"
        )
        return
    able = getattr(torch.cpu, "get_capabilities", dict)()  # newer than the oldest torch that we take
    names = " ".join(name for name in INSTRUCTIONS if able.get(name)) or torch.backends.cpu.get_cpu_capability()
    yield Finding("devices", "processor", f"{_cores()} cores, {torch.get_num_threads()} threads in torch, {names}")
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        yield Finding("devices", f"cuda:{index}", f"{card.name}, {card.total_memory / GB:.0f} GB")
    if torch.backends.mps.is_available():
        yield Finding("devices", "mps", "Apple GPU")
    elif not torch.cuda.is_available():
        yield _no_gpu(torch.version.cuda)
    yield _memory()


def _no_gpu(built_for: str | None) -> Finding:
    if shutil.which("nvidia-smi") and built_for is None:
        mend = "install torch for CUDA: https://pytorch.org/get-started/locally"
        return Finding("devices", "gpu", "an NVIDIA driver is here, but this torch is built without CUDA", "note", mend)
    return Finding("devices", "gpu", "none; nano needs none", "note")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> Finding:
    """Main memory, within a container's limit if there is one."""
    import torch

    from qwen_nb.engine.memory import available_bytes, total_bytes

    processor = torch.device("cpu")
    free = available_bytes(processor)
    value = f"{free / GB:.1f} GB free of {total_bytes(processor) / GB:.1f}"
    if free < NANO_MEMORY:
        return _wrong("devices", "memory", f"{value}; nano asks for {NANO_MEMORY / GB:.0f}", "shut down other kernels")
    return Finding("devices", "memory", value)


def disk() -> Finding:
    """Room where weights from the Hub go."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE).expanduser()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return Finding("devices", "disk", f"{shutil.disk_usage(there).free / GB:.0f} GB free for weights in {folder}")


def front_end() -> Iterator[Finding]:
    """A kernel that is this Python, JupyterLab's widget extensions, and our own extension in a shell."""
    yield _kernel()
    yield _widgets()
    yield _extension()


def _kernel() -> Finding:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    mend = "python -m ipykernel install --sys-prefix"
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return _wrong("front end", "kernel", "JupyterLab has no Python kernel", mend)
    runs = spec.argv[0]
    if Path(runs).is_absolute() and Path(runs).resolve() != Path(sys.executable).resolve():
        return _wrong("front end", "kernel", f"`python3` runs {runs}, which is another Python", mend)
    return Finding("front end", "kernel", f"{spec.display_name} runs this Python")


def _widgets() -> Finding:
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    missing = [name for name in WIDGETS if not any((folder / name / "package.json").is_file() for folder in folders)]
    if missing:
        mend = "python -m pip install --force-reinstall jupyterlab_widgets anywidget"
        return _wrong("front end", "widgets", f"JupyterLab lacks {', '.join(missing)}", mend)
    return Finding("front end", "widgets", "JupyterLab can draw them")


def _extension() -> Finding:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from qwen_nb import load_ipython_extension

    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    try:
        load_ipython_extension(shell)
        shell.magics_manager.magics["cell"]["qwen"]
    except Exception as error:  # noqa: BLE001 - whatever keeps it from loading is the finding
        mend = "python -m pip install --force-reinstall qwen-nb"
        return _wrong("front end", "%load_ext qwen_nb", f"fails with {type(error).__name__}: {error}", mend)
    return Finding("front end", "%load_ext qwen_nb", "gives %%qwen")


def nano(folder: Path = NANO) -> Finding:
    """The checkpoint that comes with the package: all files there, and the weights whole."""
    from safetensors import SafetensorError, safe_open

    mend = "python -m pip install --force-reinstall qwen-nb (in a clone: git checkout -- qwen_nb/checkpoints)"
    try:
        for name in ("config.json", "tokenizer.json"):
            json.loads((folder / name).read_text(encoding="utf-8"))
        with safe_open(folder / "model.safetensors", framework="numpy") as weights:  # refuses a truncated file
            count = sum(prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118 - no iterator
    except (OSError, ValueError, SafetensorError) as error:
        return _wrong("models", "nano", f"cannot be read: {error}", mend)
    return Finding("models", "nano", f"{count / 1e6:.1f} M parameters in {folder}")


def _wrong(group: str, name: str, value: str, mend: str) -> Finding:
    return Finding(group, name, value, "wrong", mend)
