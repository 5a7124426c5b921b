"""What a model's name means."""

import subprocess
import sys

import pytest

from qwen_nb.engine.catalog import HUB_MODELS, embedded, find, resolve_checkpoint
from qwen_nb.errors import ModelLoadError, ModelNotFoundError, UnsupportedError


def test_nano_comes_with_the_package():
    assert "nano" in embedded()
    source = find("nano")
    assert source.folder == resolve_checkpoint("nano")
    assert (source.name, source.hub_id) == ("nano", None)


def test_a_folder_is_itself_and_named_after_itself(tmp_path, monkeypatch):
    folder = tmp_path / "my-model"
    folder.mkdir()
    assert find(folder).name == find(str(folder)).name == "my-model"
    monkeypatch.chdir(folder)
    assert find(".").name == "my-model"


def test_an_owner_and_a_name_that_are_no_folder_are_a_hub_id():
    for hub_id in HUB_MODELS:
        assert find(hub_id).hub_id == hub_id


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(ModelNotFoundError) as caught:
        find("nanno")
    assert str(caught.value) == "No model named 'nanno'. Did you mean 'nano'? `%qwen model` lists what is here."


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Qwen/Qwen3-480B-A35B-Instruct", "Qwen/Qwen3-Coder-480B-A35B-Instruct"),
        ("qwen3-coder-30b-a3b-instruct", "Qwen/Qwen3-Coder-30B-A3B-Instruct"),
        ("Qwen3-Coder-30B", "Qwen/Qwen3-Coder-30B-A3B-Instruct"),
    ],
)
def test_names_that_are_often_mistaken_lead_to_the_right_one(typed, meant):
    with pytest.raises(ModelNotFoundError, match=f"Did you mean '{meant}'"):
        find(typed)


def test_a_folder_nearby_is_proposed_too(tmp_path, monkeypatch):
    (tmp_path / "finetuned").mkdir()
    (tmp_path / "finetuned" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelNotFoundError, match="Did you mean 'finetuned'"):
        find("finetned")


def test_a_name_like_nothing_known_gets_no_guess():
    with pytest.raises(ModelNotFoundError) as caught:
        find("zzzzqqqq")
    assert "Did you mean" not in str(caught.value)


def test_gguf_files_are_refused_with_the_way_out():
    with pytest.raises(UnsupportedError, match=r"GGUF.*safetensors"):
        find("models/qwen3-30b-q4.gguf")


def test_a_file_is_not_a_model(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelLoadError, match="is a file"):
        find(tmp_path / "model.safetensors")


def test_names_can_be_looked_up_without_torch():
    code = "import sys, qwen_nb.engine.catalog as c; c.embedded(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
