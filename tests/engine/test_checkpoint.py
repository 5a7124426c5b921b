"""Checkpoints that cannot be used say what is wrong with them."""

import json
import re

import pytest

from qwen_nb.config import Sampling
from qwen_nb.engine.checkpoint import check_weights, read_closing_phrase, read_config, read_tokenizer
from qwen_nb.engine.loader import load
from qwen_nb.errors import ModelLoadError, QwenNbError, UnsupportedError
from tests.helpers.tiny_models import save_checkpoint


@pytest.fixture
def folder(tmp_path):
    return save_checkpoint(tmp_path / "mine")


def changed(folder, **changes):
    """The folder with some entries of its config.json changed."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


def refused(folder, problem, error: type[QwenNbError] = ModelLoadError):
    """Loading fails with that problem, and the message names the checkpoint."""
    with pytest.raises(error, match=problem) as caught:
        load(folder, progress=lambda *_: None)
    assert "mine" in str(caught.value)


def test_a_folder_without_a_configuration_is_no_model(tmp_path):
    (tmp_path / "mine").mkdir()
    refused(tmp_path / "mine", r"no config\.json")


@pytest.mark.parametrize("content", ["{", "[]", "\x00\x01"])
def test_a_corrupted_configuration_is_named(folder, content):
    (folder / "config.json").write_text(content)
    refused(folder, r"config\.json in 'mine' is corrupted")


def test_a_configuration_that_makes_no_sense_is_named(folder):
    refused(changed(folder, hidden_size="large"), r"config\.json in 'mine' does not describe a usable model")


def test_another_architecture_is_refused_with_what_works(folder):
    refused(changed(folder, model_type="llama"), "is a llama model.*qwen3_moe.*nano", UnsupportedError)


def test_quantized_weights_are_refused(folder):
    refused(changed(folder, quantization_config={"quant_method": "fp8"}), "quantized with fp8", UnsupportedError)


def test_a_folder_without_weights_says_so(folder):
    (folder / "model.safetensors").unlink()
    refused(folder, "no weights")


def test_pickled_weights_are_refused_with_the_reason(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(folder, r"pytorch_model\.bin, a pickle, and reading a pickle runs code")


@pytest.mark.parametrize("part", [0, 5, 0.5, 0.999])
def test_weights_that_were_cut_off_are_named_with_their_size(folder, part):
    path = folder / "model.safetensors"
    content = path.read_bytes()
    kept = content[: part if isinstance(part, int) else int(part * len(content))]
    path.write_bytes(kept)
    refused(folder, re.escape(f"model.safetensors in 'mine' is cut off or corrupted at {len(kept):,} bytes"))


def test_a_missing_part_of_the_weights_is_named(folder):
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(folder, r"lacks 1 of its 2 weight files, the first is model-00002-of-00002\.safetensors")


def test_tensors_that_the_configuration_asks_for_and_the_weights_lack_are_no_random_numbers(folder):
    refused(changed(folder, num_hidden_layers=4), r"lack \d+ tensors.*layers\.3")


def test_tensors_of_another_shape_are_refused(folder):
    refused(changed(folder, moe_intermediate_size=8), "cannot be loaded")


def test_a_corrupted_tokenizer_is_named(folder):
    (folder / "tokenizer.json").write_text('{"version": ')
    refused(folder, "tokenizer in 'mine' cannot be read")


def test_code_that_comes_with_a_checkpoint_never_runs(folder):
    for name, classes in (
        ("config.json", {"AutoConfig": "tiny.A"}),
        ("tokenizer_config.json", {"AutoTokenizer": ["tiny.B", None]}),
    ):
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": classes}))
    (folder / "tiny.py").write_text("raise SystemExit('remote code ran')")
    assert load(folder).chat("What?", sampling=Sampling(max_tokens=3)).usage.completion_tokens == 3


def test_a_base_model_without_a_chat_template_is_refused_before_its_weights_are_loaded(folder, monkeypatch):
    (folder / "chat_template.jinja").unlink()
    monkeypatch.setattr("qwen_nb.engine.loader._read_model", lambda *_: pytest.fail("weights were loaded"))
    with pytest.raises(ModelLoadError, match="no chat template"):
        load(folder, progress=lambda *_: None)


def test_a_sound_checkpoint_passes(folder):
    check_weights(folder)
    assert read_config(folder).num_experts == 8
    assert read_tokenizer(folder).eos_token == "<|im_end|>"


def test_the_closing_phrase_is_the_models_own_if_it_has_one(folder):
    assert read_closing_phrase(folder) is None
    (folder / "qwen_nb.json").write_text('{"closing_phrase": "Time is up."}')
    assert read_closing_phrase(folder) == "Time is up."
