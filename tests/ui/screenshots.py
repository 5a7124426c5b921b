"""Takes the README's picture: the quickstart, really run, in a real JupyterLab. `make screenshots` calls this."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from lab_in_browser import Notebook, browse, find_browser, serve
from playwright.sync_api import ViewportSize

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "notebooks" / "00-quickstart.ipynb"
PICTURE = ROOT / "notebooks" / "images" / "quickstart.png"
SIZE = ViewportSize(width=900, height=900)
LOAD, PROGRAM, ASKED = 1, 4, 5
"""Numbers of the quickstart's first cells of code."""


def main() -> int:
    """Writes the picture; 1 when there is no browser."""
    executable = find_browser()
    if executable is None:
        print("No Chromium here. `apt install chromium` on Debian, or any Chrome on the PATH.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as folder:
        shutil.copy(QUICKSTART, folder)
        with serve(Path(home), Path(folder)) as server, browse(executable) as browser:
            page = browser.new_page(viewport=SIZE)
            notebook = Notebook.open(page, server.url(QUICKSTART.name))
            page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
            for index in (LOAD, PROGRAM, ASKED):
                notebook.run(index)
            notebook.show_thought(ASKED)
            notebook.select(PROGRAM, align="start")
            page.mouse.move(SIZE["width"] / 2, SIZE["height"] / 2)
            page.mouse.wheel(0, 180)
            page.wait_for_timeout(1000)  # scrolling is smooth
            PICTURE.parent.mkdir(exist_ok=True)
            page.screenshot(path=PICTURE)
    print(f"Written: {PICTURE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
