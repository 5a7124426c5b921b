"""Reading and writing notebooks. A file is replaced whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from qwen_nb.errors import InvalidInputError

if TYPE_CHECKING:
    from nbformat import NotebookNode


def read_notebook(path: Path) -> NotebookNode:
    """The notebook in today's format (nbformat 4); `InvalidInputError` when there is none or it cannot be read."""
    import nbformat
    from nbformat.reader import NotJSONError

    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except FileNotFoundError:
        raise InvalidInputError(f"No notebook at {path}.") from None
    except (NotJSONError, UnicodeDecodeError, nbformat.ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidInputError(f"{path} is not a notebook that can be read: {reason}") from error
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}.") from error
    return notebook


def write_notebook(path: Path, notebook: NotebookNode) -> None:
    """Replaces the file at `path` by this notebook."""
    import nbformat

    write_whole(path, nbformat.writes(notebook) + "\n")


def write_html(path: Path, notebook: NotebookNode) -> None:
    """Replaces the file at `path` by the page that the notebook makes."""
    from nbconvert.exporters import HTMLExporter

    page, _ = HTMLExporter().from_notebook_node(notebook, resources={"metadata": {"name": path.stem}})
    write_whole(path, page)


def write_whole(path: Path, text: str) -> None:
    """Writes beside the file, to the disk, and only then takes its place; makes missing folders.

    A reader sees the old text or the new one, whatever happens in between. Permissions of an old file are kept.
    """
    path = path.resolve()  # through a link, so that the link survives
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_mode(path))
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _mode(path: Path) -> int:
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
