"""Importing costs next to nothing, and what is public is there."""

import subprocess
import sys

import pytest

import qwen_nb

HEAVY = ("torch", "transformers", "nbformat", "plotly", "numpy", "anywidget", "ipywidgets", "accelerate", "safetensors")
"""What must not be loaded before it is needed."""

_REPORT = f"import sys; print(' '.join(name for name in {HEAVY} if name in sys.modules))"


def loaded_after(code):
    """Which of HEAVY a fresh Python has loaded after this code."""
    command = [sys.executable, "-c", f"{code}\n{_REPORT}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_the_check_sees_what_is_loaded():
    assert loaded_after("import numpy") == ["numpy"]


def test_importing_loads_nothing_heavy():
    assert loaded_after("import qwen_nb, qwen_nb.errors, qwen_nb.config, qwen_nb.messages, qwen_nb.prompts") == []


def test_light_names_load_nothing_heavy():
    assert loaded_after("from qwen_nb import Message, QwenNbError, Reply, Sampling; dir(__import__('qwen_nb'))") == []


def test_a_trace_needs_numpy_alone():
    assert loaded_after("from qwen_nb import RoutingTrace") == ["numpy"]


_SHELL = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
before = set(__import__("sys").modules)
result = shell.run_line_magic("load_ext", "qwen_nb")
assert result is None, result
assert "qwen" in shell.magics_manager.magics["cell"]
"""


def test_loading_the_extension_loads_nothing_heavy():
    assert loaded_after(_SHELL) == []


def test_unloading_takes_the_magics_back_and_loads_nothing_heavy():
    unload = 'shell.run_line_magic("unload_ext", "qwen_nb")\nassert "qwen" not in shell.magics_manager.magics["cell"]'
    assert loaded_after(f"{_SHELL}\n{unload}") == []


@pytest.mark.parametrize("name", [*qwen_nb.__all__, "__version__"])
def test_every_public_name_is_there(name):
    assert getattr(qwen_nb, name) is not None
    assert name in dir(qwen_nb)


def test_public_names_are_listed_once_and_in_order():
    assert qwen_nb.__all__ == sorted(set(qwen_nb.__all__))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'qwen_nb' has no attribute 'lod'"):
        _ = qwen_nb.lod
    with pytest.raises(ImportError, match="lod"):
        exec("from qwen_nb import lod")
