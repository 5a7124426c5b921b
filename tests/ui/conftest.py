"""One JupyterLab for all tests of a run, a browser for each file, a fresh page for each test.

Playwright keeps an event loop running on the main thread as long as it is open; other tests start loops of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab_in_browser import MINUTE, Notebook, browse, find_browser, serve
from nbformat import v4, write

PICTURES = Path(__file__).parents[2] / "build" / "ui"
PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
"""Without it JupyterLab asks which kernel to take."""


@pytest.fixture(scope="module")
def browser():
    executable = find_browser()
    if executable is None:
        message = "No Chromium here. `apt install chromium` on Debian, or any Chrome on the PATH."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with browse(executable) as browser:
        yield browser


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("jupyter"), tmp_path_factory.mktemp("notebooks")) as server:
        yield server


@pytest.fixture
def open_notebook(browser, server, request) -> Iterator[Callable[..., Notebook]]:
    """Makes a notebook of the given cells and opens it."""

    def make(*sources: str) -> Notebook:
        name = f"{request.node.name}.ipynb"
        notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources], metadata=PYTHON)
        write(notebook, server.folder / name)
        return Notebook.open(context.new_page(), server.url(name))

    with browser.new_context(viewport={"width": 1100, "height": 800}) as context:
        context.set_default_timeout(2 * MINUTE)
        yield make


@pytest.fixture
def picture(request) -> Callable[..., Path]:
    """Keeps a picture of a page under build/ui, named after the test."""
    PICTURES.mkdir(parents=True, exist_ok=True)

    def take(notebook: Notebook, name: str) -> Path:
        path = PICTURES / f"{request.node.name}-{name}.png"
        notebook.page.screenshot(path=path)
        return path

    return take
