"""`qwen-nb lab`: JupyterLab with the Python that runs this command, on a notebook if one is named."""

from __future__ import annotations

import argparse
import os
from importlib.util import find_spec
from pathlib import Path

from qwen_nb.errors import InvalidInputError, UnsupportedError


def main(argv: list[str]) -> int:
    """Opens JupyterLab and returns when it is closed."""
    argparse.ArgumentParser(
        prog="qwen-nb lab",
        usage="qwen-nb lab [-h] [NOTEBOOK.ipynb] [options of `jupyter lab`, such as --no-browser]",
        description="Opens JupyterLab with the Python that has qwen_nb.",
        allow_abbrev=False,
    ).parse_known_args(argv)
    arguments = lab_arguments(argv)
    if find_spec("jupyterlab") is None:
        raise UnsupportedError("JupyterLab is not installed for this Python. `python -m pip install jupyterlab`")
    from jupyterlab.labapp import main as lab

    lab(arguments)
    return 0


def lab_arguments(argv: list[str]) -> list[str]:
    """The command line for JupyterLab: what was typed, and what makes it work here."""
    notebooks = [Path(word) for word in argv if word.endswith(".ipynb") and not word.startswith("-")]
    for notebook in notebooks:
        if not notebook.is_file():
            raise InvalidInputError(f"No notebook at {notebook}. `qwen-nb lab` alone opens the folder you are in.")
    extra = []
    # Jupyter refuses to run as root unless told; whoever is root in a container has nobody else to be.
    if hasattr(os, "geteuid") and os.geteuid() == 0 and "--allow-root" not in argv:
        extra.append("--allow-root")
    # By default the notebook's own folder is all that JupyterLab shows, and links out of it lead nowhere.
    here = Path.cwd()
    if any(notebook.resolve().is_relative_to(here) for notebook in notebooks) and "root_dir" not in " ".join(argv):
        extra.append(f"--ServerApp.root_dir={here}")
    return [*argv, *extra]
