"""`qwen_nb.load`: devices, number formats, memory, progress, and a kernel left as it was."""

import pytest
import torch

import qwen_nb
from qwen_nb.config import Sampling
from qwen_nb.engine import memory
from qwen_nb.engine.checkpoint import read_config
from qwen_nb.engine.loader import _used_devices, check_memory, load, resolve_device, resolve_dtype
from qwen_nb.errors import InvalidInputError, NotEnoughMemoryError, UnsupportedError
from tests.helpers.tiny_models import save_checkpoint, tiny_model
from tests.helpers.tiny_tokenizer import HYBRID

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("checkpoints") / "mine")


def test_a_loaded_model_gives_what_the_model_that_was_saved_gives(folder):
    ids = torch.arange(20, 40)[None]
    loaded = load(folder)._loaded.model
    assert torch.equal(loaded(input_ids=ids).logits, tiny_model()(input_ids=ids).logits)
    assert not loaded.training


def test_load_is_the_packages_own():
    assert qwen_nb.load is load


@pytest.mark.parametrize("shape", [{"tie_word_embeddings": True}, {"mlp_only_layers": [1]}, {"norm_topk_prob": False}])
def test_every_shape_survives_saving_and_loading(shape, tmp_path):
    ids = torch.arange(20, 40)[None]
    loaded = load(save_checkpoint(tmp_path / "mine", HYBRID, **shape))._loaded.model
    assert torch.equal(loaded(input_ids=ids).logits, tiny_model(**shape)(input_ids=ids).logits)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_number_format_asked_for_is_used(folder, dtype):
    model = load(folder, dtype=dtype)
    assert model.status().dtype == dtype
    assert model.chat("What?", sampling=Sampling(max_tokens=5)).usage.completion_tokens > 0


def test_bfloat16_becomes_float32_on_a_cpu_that_cannot_multiply_it_if_that_fits(folder, monkeypatch):
    config = read_config(folder)
    config.dtype = torch.bfloat16
    monkeypatch.setattr("qwen_nb.engine.loader._multiplies_bfloat16", lambda: False)
    assert resolve_dtype("auto", config, CPU) == torch.float32
    monkeypatch.setattr(memory, "available_bytes", lambda _: memory.needed_bytes(config, torch.bfloat16))
    assert resolve_dtype("auto", config, CPU) == torch.bfloat16


def test_bfloat16_stays_where_the_cpu_or_a_gpu_can_multiply_it(folder, monkeypatch):
    config = read_config(folder)
    config.dtype = torch.bfloat16
    assert resolve_dtype("auto", config, torch.device("cuda")) == torch.bfloat16
    monkeypatch.setattr("qwen_nb.engine.loader._multiplies_bfloat16", lambda: True)
    assert resolve_dtype("auto", config, CPU) == torch.bfloat16


def test_a_model_above_the_memory_says_what_it_needs_what_there_is_and_what_to_try(folder, monkeypatch):
    config = read_config(folder)
    needed = memory.needed_bytes(config, torch.float32)
    monkeypatch.setattr(memory, "GB", 1e6)
    monkeypatch.setattr(memory, "available_bytes", lambda _: needed - 1)
    with pytest.raises(NotEnoughMemoryError) as caught:
        load(folder, dtype="float32")
    assert f"needs about {needed / 1e6:.1f} GB as float32" in str(caught.value)
    assert f"has {(needed - 1) / 1e6:.1f} GB free" in str(caught.value)
    assert f"dtype='bfloat16', which needs {needed / 2e6:.1f} GB" in str(caught.value)
    monkeypatch.setattr(memory, "available_bytes", lambda _: 10)
    with pytest.raises(NotEnoughMemoryError, match="a smaller model"):
        load(folder)


def test_left_open_the_memory_of_all_gpus_counts_together(folder, monkeypatch):
    config, asked = read_config(folder), []
    needed = memory.needed_bytes(config, torch.float32)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(memory, "available_bytes", lambda device: asked.append(str(device)) or needed // 2 + 1)
    check_memory("mine", config, torch.float32, _used_devices("auto", torch.device("cuda:0")))
    assert asked == ["cuda:0", "cuda:1"]
    with pytest.raises(NotEnoughMemoryError, match="cuda:1 has"):
        check_memory("mine", config, torch.float32, _used_devices("cuda:1", torch.device("cuda:1")))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dtype": "float8"}, InvalidInputError, "No dtype 'float8'.*'bfloat16'"),
        ({"device": "quantum"}, InvalidInputError, "No device named 'quantum'"),
        ({"device": "cuda:99"}, InvalidInputError, "no 'cuda:99' here"),
        ({"quantize": "int4"}, UnsupportedError, "quantize='int4' is not in this version.*dtype"),
        ({"context_length": 1025}, InvalidInputError, "from 2 to 1,024, the model's limit, not 1025"),
        ({"context_length": 0}, InvalidInputError, "from 2 to 1,024"),
        ({"context_length": True}, InvalidInputError, "whole number"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(folder, arguments, error, message):
    with pytest.raises(error, match=message):
        load(folder, **arguments)


def test_the_context_can_be_made_shorter(folder):
    assert load(folder, context_length=100).capabilities.context_length == 100
    assert load(folder).capabilities.context_length == 1024


def test_without_a_gpu_auto_is_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == CPU


def test_progress_rises_to_one_while_weights_load(folder):
    told = []
    load(folder, progress=lambda fraction, text: told.append((fraction, text)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert len(set(fractions)) > 5
    assert told[0][1] == "loading mine"


def test_a_quick_load_shows_nothing(folder, capfd):
    load(folder)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err == ""


def test_nano_answers():
    model = load("nano")
    assert model.name == "nano"
    assert model.capabilities.thinks
    assert model.capabilities.context_length >= 4096
    reply = model.chat("What does this print?\n\n```python\nprint(2 + 3)\n```", thinking=20, trace=True)
    assert reply.usage.thinking_tokens <= 20
    assert reply.routing is not None
    assert len(reply.routing) == reply.usage.prompt_tokens + reply.usage.completion_tokens - 1
