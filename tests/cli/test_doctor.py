"""`qwen-nb doctor`: finds what is wrong and names the command that mends it."""

from __future__ import annotations

import json
import re
import shutil
import sys
from importlib.metadata import distribution
from types import SimpleNamespace

import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

from qwen_nb.commands import doctor, findings
from qwen_nb.commands.findings import NANO, Finding


def named(found, name):
    return next(finding for finding in found if finding.name == name)


def test_all_is_well_here(capsys):
    assert doctor.main([]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("\nAll is well for nano.\n")
    assert "!!" not in printed
    for name in ("Python", "torch", "transformers", "jupyterlab", "ipykernel", "processor", "memory", "disk", "nano"):
        assert re.search(rf"^  (ok|--)  {name} ", printed, re.MULTILINE)


def test_programs_get_the_same_as_json(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "look", lambda: iter([Finding("models", "nano", "cannot be read", "wrong", "mend it")]))
    assert doctor.main(["--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "findings": [
            {"group": "models", "name": "nano", "value": "cannot be read", "state": "wrong", "mend": "mend it"}
        ],
    }


def test_what_is_wrong_stands_with_its_remedy_and_in_the_verdict():
    text = doctor.as_text(
        [
            Finding("devices", "gpu", "none", "note"),
            Finding("packages", "torch", "missing", "wrong", "pip install torch"),
            Finding("packages", "numpy", "2.4"),
        ]
    )
    assert text.splitlines() == [
        "devices",
        "  --  gpu                none",
        "",
        "packages",
        "  !!  torch              missing",
        "                         → pip install torch",
        "  ok  numpy              2.4",
        "",
        "1 to mend: torch.",
    ]


def test_a_missing_and_an_outdated_package_are_told_apart(monkeypatch):
    needs = ["nowhere-to-be-found>=1.2", "numpy>=99", "pytest>=8", "ruff>=99; extra == 'test'"]
    monkeypatch.setattr(findings, "distribution", lambda name: SimpleNamespace(requires=needs))
    _, missing, outdated, fine = findings.packages()
    assert (missing.value, missing.mend) == ("missing", 'python -m pip install "nowhere-to-be-found>=1.2"')
    assert re.fullmatch(r"[\d.]+, but >=99 is needed", outdated.value)
    assert outdated.mend == 'python -m pip install "numpy>=99"'
    assert fine.state == "ok"


def test_every_package_we_require_is_looked_at():
    required = {
        re.split(r"[<>=!~;\[ ]", need)[0] for need in distribution("qwen-nb").requires or () if "extra" not in need
    }
    assert required <= {finding.name for finding in findings.packages()}
    assert len(required) > 10


def test_a_torch_that_cannot_be_imported_is_a_finding(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (finding,) = findings.devices()
    assert finding.state == "wrong"
    assert finding.mend == "python -m pip install --force-reinstall torch"


def test_too_little_memory_is_told_with_both_numbers(monkeypatch):
    import qwen_nb.engine.memory

    monkeypatch.setattr(qwen_nb.engine.memory, "available_bytes", lambda device: 0.3e9)
    monkeypatch.setattr(qwen_nb.engine.memory, "total_bytes", lambda device: 2e9)
    finding = named(findings.devices(), "memory")
    assert (finding.state, finding.value) == ("wrong", "0.3 GB free of 2.0; nano asks for 1")


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("model.safetensors", lambda path: path.write_bytes(path.read_bytes()[:-1000])),
        ("model.safetensors", lambda path: path.unlink()),
        ("tokenizer.json", lambda path: path.write_text("{")),
        ("config.json", lambda path: path.unlink()),
    ],
)
def test_a_checkpoint_that_is_not_whole_is_found(tmp_path, name, spoil):
    shutil.copytree(NANO, tmp_path / "nano")
    assert findings.nano(tmp_path / "nano").state == "ok"
    spoil(tmp_path / "nano" / name)
    finding = findings.nano(tmp_path / "nano")
    assert finding.state == "wrong"
    assert "reinstall qwen-nb" in (finding.mend or "")


def test_a_kernel_that_is_another_python_is_found(monkeypatch):
    spec = KernelSpec(argv=["/usr/bin/false", "-m", "ipykernel_launcher"], display_name="Python 3")
    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda self, name: spec)
    finding = named(findings.front_end(), "kernel")
    assert finding.value == "`python3` runs /usr/bin/false, which is another Python"
    assert finding.mend == "python -m ipykernel install --sys-prefix"


def test_no_kernel_and_no_widgets_are_found(monkeypatch):
    def none(self, name):
        raise NoSuchKernel(name)

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", none)
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *parts: [])
    found = list(findings.front_end())
    assert named(found, "kernel").value == "JupyterLab has no Python kernel"
    assert named(found, "widgets").value == "JupyterLab lacks @jupyter-widgets/jupyterlab-manager, anywidget"


def test_an_extension_that_does_not_load_is_told_with_its_error(monkeypatch):
    def broken(shell):
        raise ImportError("no module named 'gone'")

    monkeypatch.setattr("qwen_nb.load_ipython_extension", broken)
    finding = named(findings.front_end(), "%load_ext qwen_nb")
    assert (finding.state, finding.value) == ("wrong", "fails with ImportError: no module named 'gone'")
