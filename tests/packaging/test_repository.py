"""Promises about the repository's own files."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAPERS = [
    *ROOT.glob("*.md"),
    *(ROOT / ".github").rglob("*.*"),
    *(ROOT / "binder").iterdir(),
    *(ROOT / "notebooks").glob("*.ipynb"),
    *(ROOT / "magics").glob("*.md"),
]


def test_only_pyproject_names_the_repository():
    links = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"].values()
    assert all("/OWNER/REPO" in link for link in links)
    assert [str(paper) for paper in PAPERS if "OWNER/REPO" in paper.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("paper", [paper for paper in PAPERS if paper.suffix == ".md"], ids=lambda paper: paper.name)
def test_every_relative_link_leads_somewhere(paper):
    links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", paper.read_text(encoding="utf-8"))
    assert [link for link in links if not (paper.parent / link).exists()] == []


def test_every_pinned_version_is_exact_and_torch_is_the_one_that_was_measured():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert "torch==2.13.0" in lines


def test_every_requirement_has_its_pin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    names = {re.split(r"[<>=\[]", need)[0].lower() for need in required}
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert names - pinned == set()


def test_the_readme_is_read_in_one_go():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_notebooks_end_without_an_error_in_them():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        kinds = [
            output["output_type"]
            for cell in json.loads(path.read_text())["cells"]
            for output in cell.get("outputs", [])
        ]
        assert "error" not in kinds, path.name
