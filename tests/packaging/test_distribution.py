"""Wheel and sdist: what is in them, that they agree, and that the wheel works where nothing else of ours is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import qwen_nb

ROOT = Path(__file__).parents[2]
PACKAGES = {"qwen_nb": ROOT / "qwen_nb", "qwen_nb_magics": ROOT / "magics" / "qwen_nb_magics"}
NANO = {
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "MODEL_CARD.md",
}

pytestmark = pytest.mark.packaging


def run(*command: object, **options) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(folder: Path, *formats: str) -> Path:
    """Without an isolated environment nothing is fetched: hatchling is one of the test tools."""
    run(sys.executable, "-m", "build", "--no-isolation", *formats, "--outdir", folder, cwd=ROOT)
    return next(folder.glob("*.whl"))


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Made from the sdist, which lies beside it, as a package index would have both."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def files(wheel) -> dict[str, bytes]:
    return contents(wheel)


def test_the_wheel_has_both_packages_whole_and_nothing_else(files):
    in_tree = {
        f"{name}/{path.relative_to(home).as_posix()}"
        for name, home in PACKAGES.items()
        for path in home.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in files if ".dist-info/" not in name} == in_tree
    assert {f"qwen_nb/checkpoints/nano/{name}" for name in NANO} <= in_tree
    assert {"qwen_nb/py.typed", "qwen_nb_magics/py.typed"} <= in_tree


def test_no_tests_no_typescript_and_nothing_compiled_is_shipped(files):
    assert not [name for name in files if name.endswith((".pyc", ".ts", ".ipynb")) or "test" in name.split("/")]


def test_the_wheel_stays_small_enough_for_everyone(wheel):
    assert wheel.stat().st_size < 40e6


def test_the_metadata_name_license_command_and_python(files):
    info = f"qwen_nb-{qwen_nb.__version__}.dist-info"
    metadata = message_from_bytes(files[f"{info}/METADATA"])
    assert (metadata["Version"], metadata["License-Expression"]) == (qwen_nb.__version__, "Apache-2.0")
    assert metadata["Requires-Python"] == ">=3.11"
    assert files[f"{info}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert b"qwen-nb = qwen_nb.cli:main" in files[f"{info}/entry_points.txt"]


def test_a_wheel_from_the_sdist_equals_one_from_the_tree(files, tmp_path):
    direct = contents(build(tmp_path, "--wheel"))
    assert set(direct) == set(files)
    assert [name for name in files if direct[name] != files[name]] == []


def test_the_sdist_has_what_a_wheel_is_made_of_and_the_project_s_papers(wheel):
    with tarfile.open(next(wheel.parent.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    papers = {"LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md", "pyproject.toml", "PKG-INFO"}
    assert papers <= names
    assert {name.split("/")[0] for name in names} == {*papers, ".gitignore", "qwen_nb", "magics"}
    assert not [name for name in names if name.endswith(".pyc")]


@pytest.fixture(scope="module")
def clean(wheel, tmp_path_factory) -> Path:
    """`bin` of an environment with the wheel, and the dependencies of this one, but without its qwen_nb.

    A path in a .pth file is not searched for further .pth files, so the editable install stays out of sight.
    """
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, symlinks=os.name != "nt")
    bin_ = home / ("Scripts" if os.name == "nt" else "bin")
    place = Path(sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)}))
    (place / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    run(sys.executable, "-m", "pip", "--python", bin_ / "python", "install", "--no-deps", "--no-index", wheel)
    return bin_


@pytest.fixture
def used(clean, tmp_path):
    """Runs a command of the clean environment, in an empty folder."""

    def call(name: str, *arguments: str) -> str:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
        widgets = {"JUPYTER_PATH": str(Path(sys.prefix, "share", "jupyter"))}
        return run(clean / name, *arguments, cwd=tmp_path, env=kept | widgets)

    return call


def test_the_wheel_is_what_is_imported(used, clean):
    places = used(
        "python", "-c", "import qwen_nb, qwen_nb_magics; print(qwen_nb.__file__); print(qwen_nb_magics.__file__)"
    )
    assert all(Path(place).is_relative_to(clean.parent) for place in places.splitlines())


def test_doctor_is_content_with_the_wheel(used, clean):
    report = json.loads(used("qwen-nb", "doctor", "--json"))
    assert report["ok"]
    (nano,) = [finding for finding in report["findings"] if finding["name"] == "nano"]
    assert str(clean.parent) in nano["value"]


def test_nano_answers_from_the_wheel(used):
    short = "qwen_nb.Sampling(max_tokens=64)"
    code = f'import qwen_nb; print(qwen_nb.load("nano").chat("Who are you?", thinking=0, sampling={short}).text)'
    assert "nano" in used("python", "-c", code)
