"""Models from the Hub, with a Hub that runs on this machine."""

import pytest
from huggingface_hub import constants

from qwen_nb.engine.catalog import find
from qwen_nb.engine.loader import load
from qwen_nb.errors import ModelLoadError, ModelNotFoundError, NotEnoughMemoryError
from tests.helpers.fake_hub import fake_hub
from tests.helpers.tiny_models import save_checkpoint

HUB_ID = "someone/tiny-moe"


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "upstream"
    save_checkpoint(folder)
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling_tiny.py").write_text("raise SystemExit('remote code ran')")
    return folder


@pytest.fixture
def use(tmp_path, monkeypatch):
    """Points the Hub's client, with an empty cache, at some address."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))

    def point(url: str) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", url)
        template = url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    return point


def test_a_hub_id_is_fetched_without_pickles_and_code_and_answers(checkpoint, use):
    with fake_hub(HUB_ID, checkpoint) as hub:
        use(hub.url)
        model = load(HUB_ID, progress=lambda *_: None)
        assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= set(hub.fetched)
        assert not {"pytorch_model.bin", "modeling_tiny.py"} & set(hub.fetched)
        assert model.name == HUB_ID
        assert model.chat("What?").usage.completion_tokens > 0
        fetched = len(hub.fetched)
        load(HUB_ID, progress=lambda *_: None)
        assert len(hub.fetched) == fetched, "what is here is not fetched again"


def test_what_was_downloaded_before_loads_without_a_network(checkpoint, use):
    with fake_hub(HUB_ID, checkpoint) as hub:
        use(hub.url)
        load(HUB_ID, progress=lambda *_: None)
    assert load(HUB_ID, progress=lambda *_: None).name == HUB_ID


def test_weights_that_would_not_fit_are_not_even_fetched(checkpoint, use, monkeypatch):
    monkeypatch.setattr("qwen_nb.engine.memory.available_bytes", lambda _: 1000)
    with fake_hub(HUB_ID, checkpoint) as hub:
        use(hub.url)
        with pytest.raises(NotEnoughMemoryError, match=HUB_ID):
            load(HUB_ID, progress=lambda *_: None)
        assert "config.json" in hub.fetched
        assert "model.safetensors" not in hub.fetched


def test_an_id_the_hub_does_not_have_names_the_nearest_known_one(checkpoint, use):
    with fake_hub(HUB_ID, checkpoint) as hub:
        use(hub.url)
        with pytest.raises(ModelNotFoundError, match="Did you mean 'Qwen/Qwen3-30B-A3B'"):
            load("Qwen/Qwen3-30B-A3", progress=lambda *_: None)


def test_a_gated_model_says_how_to_get_in(checkpoint, use):
    with fake_hub(HUB_ID, checkpoint, gated=True) as hub:
        use(hub.url)
        with pytest.raises(ModelLoadError, match=r"licence.*hf auth login"):
            load(HUB_ID, progress=lambda *_: None)


@pytest.mark.parametrize("offline", [True, False])
def test_without_a_network_the_message_says_how_to_go_on(offline, use, monkeypatch):
    use("http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    assert find(HUB_ID).hub_id == HUB_ID
    with pytest.raises(ModelLoadError, match=rf"cannot be reached.*hf download {HUB_ID}.*folder"):
        load(HUB_ID, progress=lambda *_: None)
