"""A trace as a file: an `.npz` of plain arrays, everything that is text as JSON in one of them. Never a pickle."""

from __future__ import annotations

import contextlib
import json
import lzma
import secrets
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from qwen_nb.errors import InvalidInputError

FORMAT, VERSION = "qwen_nb routing trace", 1

_DAMAGE = (
    *(OSError, ValueError, TypeError, LookupError, EOFError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
"""What numpy and zipfile raise for files that are cut off, changed or something else."""

Trace = TypeVar("Trace")


def write(path: Path, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> None:
    """Write beside `path`, then move there, so that no reader ever sees half a file."""
    if not path.parent.is_dir():
        raise InvalidInputError(f"There is no folder {str(path.parent)!r} to save a trace in. Make it first.")
    text = json.dumps({"format": FORMAT, "version": VERSION, "arrays": sorted(arrays), **about})
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with unfinished.open("xb") as file:
            np.savez_compressed(file, about=np.frombuffer(text.encode(), np.uint8), **arrays)  # type: ignore[arg-type]
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def read(path: Path, make: Callable[..., Trace]) -> Trace:
    """What `make` builds from the arrays and settings in the file."""
    if not path.is_file():
        raise InvalidInputError(f"There is no file {str(path)!r} to load a trace from.")
    try:
        arrays, about = _contents(path)
        return make(**arrays, **about)
    except InvalidInputError as error:
        raise InvalidInputError(f"{str(path)!r} cannot be loaded as a routing trace. {error}") from error
    except _DAMAGE as error:
        raise InvalidInputError(f"{str(path)!r} is damaged, or not a file that RoutingTrace.save wrote.") from error


def _contents(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise InvalidInputError("It holds a single array.")
    with contextlib.closing(archive):
        arrays = {name: archive[name] for name in archive.files}
    if "about" not in arrays:
        raise InvalidInputError("It holds something else.")
    about = json.loads(arrays.pop("about").tobytes())
    if about.pop("format") != FORMAT:
        raise InvalidInputError("It holds something else.")
    if (version := about.pop("version")) != VERSION:
        raise InvalidInputError(f"It has version {version}, this qwen_nb reads version {VERSION}. Upgrade qwen_nb.")
    if sorted(arrays) != about.pop("arrays"):  # a damaged directory of the archive can hide one
        raise InvalidInputError("Some of its arrays are missing.")
    return arrays, about
