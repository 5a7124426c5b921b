"""A real JupyterLab with a real browser in front of it, for tests and for the README's picture."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--font-render-hinting=none"]
SETTINGS = "JUPYTERLAB_SETTINGS_DIR"
MINUTE = 60_000
"""In milliseconds, as Playwright counts."""


def find_browser() -> str | None:
    """Path of an installed Chromium."""
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


class Server:
    """A running JupyterLab with settings of its own in `home` and `folder` as its root."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_hex(8)
        self.port = _free_port()
        news = home / SETTINGS / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
        news.parent.mkdir(parents=True)
        news.write_text('{"fetchNews": "false"}')  # asking whether one wants news would cover the notebook
        # Paths of its own, so that nobody's settings change the test and the test changes nobody's settings.
        own = {name: str(home / name) for name in (SETTINGS, "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
        command = [sys.executable, "-m", "qwen_nb.cli", "lab", "--no-browser", "--ServerApp.ip=127.0.0.1"]
        options = {
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": folder,
            "IdentityProvider.token": self.token,
            "LabApp.expose_app_in_browser": True,
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        }
        self._log = (home / "server.log").open("w")
        self._process = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            env=os.environ | own,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def wait(self, seconds: float = 60) -> None:
        """Returns when it answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"JupyterLab ended: {Path(self._log.name).read_text()}"
            try:
                urlopen(f"http://127.0.0.1:{self.port}/api?token={self.token}", timeout=5).close()
            except (URLError, OSError):
                time.sleep(0.2)
            else:
                return
        raise AssertionError(f"JupyterLab did not start in {seconds} s: {Path(self._log.name).read_text()}")

    def url(self, notebook: str) -> str:
        """Where that notebook is open, in a fresh workspace."""
        return f"http://127.0.0.1:{self.port}/lab/tree/{notebook}?token={self.token}&reset"

    def close(self) -> None:
        """Ends it with its kernels."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serve(home: Path, folder: Path) -> Iterator[Server]:
    """A JupyterLab that runs inside the block."""
    server = Server(home, folder)
    try:
        server.wait()
        yield server
    finally:
        server.close()


@contextmanager
def browse(executable: str) -> Iterator[Browser]:
    """A headless browser that lives inside the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Notebook:
    """An open notebook in a page: what a user does and sees, by cell number from 0."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @classmethod
    def open(cls, page: Page, url: str) -> Notebook:
        """The notebook at `url`, as soon as its kernel is there."""
        page.goto(url)
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=MINUTE)
        page.wait_for_function(
            "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.connectionStatus === 'connected'",
            timeout=MINUTE,
        )
        return cls(page)

    def run(self, index: int, *, wait: bool = True, timeout: float = 2 * MINUTE) -> None:
        """Runs one cell as Shift-Enter does."""
        self.select(index)
        # Not awaited in the page: the command returns when the cell is done.
        self.page.evaluate("void jupyterapp.commands.execute('notebook:run-cell')")
        if wait:
            self.wait(index, timeout)

    def wait(self, index: int, timeout: float = 2 * MINUTE) -> None:
        """Returns when that cell has run."""
        self.page.wait_for_function(
            "i => { const m = jupyterapp.shell.currentWidget.content.widgets[i].model;"
            " return m.executionState === 'idle' && m.executionCount !== null; }",
            arg=index,
            timeout=timeout,
        )

    def select(self, index: int, align: str = "auto") -> None:
        """Makes a cell the active one and brings it into view, with align="start" to the top of it."""
        self.page.evaluate(
            "async ([i, align]) => { const n = jupyterapp.shell.currentWidget.content; n.activeCellIndex = i;"
            " n.deselectAll(); await n.scrollToItem(i, align); }",
            [index, align],
        )

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """The cell's outputs as they would be saved."""
        return self.page.evaluate(
            "i => jupyterapp.shell.currentWidget.content.model.sharedModel.cells[i].getOutputs()", index
        )

    def text(self, index: int) -> str:
        """What can be read below the cell."""
        return self.page.evaluate(
            "i => jupyterapp.shell.currentWidget.content.widgets[i].outputArea.node.innerText", index
        )

    def watch(self, index: int, selector: str) -> Callable[[], list[str]]:
        """Notes each new text of the first match below the cell, from now on; call the result to get them."""
        seen = self.page.evaluate_handle(
            """([i, selector]) => {
                const area = jupyterapp.shell.currentWidget.content.widgets[i].outputArea.node;
                const seen = [];
                new MutationObserver(() => {
                    const text = area.querySelector(selector)?.innerText ?? '';
                    if (text && text !== seen.at(-1)) seen.push(text);
                }).observe(area, { childList: true, characterData: true, subtree: true });
                return seen;
            }""",
            [index, selector],
        )
        return seen.json_value

    def show_thought(self, index: int) -> None:
        """Unfolds the thought below the cell with a click."""
        area = self.page.evaluate_handle(
            "i => jupyterapp.shell.currentWidget.content.widgets[i].outputArea.node", index
        ).as_element()
        assert area is not None
        summary = area.query_selector("details summary")
        assert summary is not None, "there is no thought below this cell"
        summary.click()

    def press(self, command: str) -> None:
        """Clicks the toolbar's button for a command."""
        self.page.click(f'.jp-NotebookPanel-toolbar [data-command="{command}"]')

    def theme(self, name: str) -> None:
        """Changes JupyterLab's colours."""
        self.page.evaluate("name => jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name)
        self.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=name, timeout=MINUTE)
        self.page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=MINUTE)
