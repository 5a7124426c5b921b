"""The reference decoder against the model's own forward pass."""

import numpy as np
import pytest
import torch

from qwen_nb.engine.kv_cache import KVCache
from qwen_nb.engine.transformers_decoder import TransformersDecoder
from qwen_nb.errors import UnsupportedError
from tests.helpers.tiny_models import SHAPES, tiny_model

TOLERANCE = 1e-4
IDS = torch.arange(40)[None] * 7 % 300 + 20


def logits_of(model, ids):
    with torch.inference_mode():
        return model(input_ids=ids, use_cache=False).logits


def routing_of(model, ids):
    """What the routers themselves give for ids [1, T]: experts and weights [T, L, k], recorded apart from us."""
    seen = []
    gates = [layer.mlp.gate for layer in model.model.layers if hasattr(layer.mlp, "gate")]
    handles = [gate.register_forward_hook(lambda _m, _i, out: seen.append(out)) for gate in gates]
    logits_of(model, ids)
    for handle in handles:
        handle.remove()
    experts = torch.stack([indices for _, _, indices in seen], dim=1)
    return experts.numpy(), torch.stack([weights for _, weights, _ in seen], dim=1).half().numpy()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_prefill_in_chunks_and_decode_give_the_logits_of_transformers(shape):
    model = tiny_model(**shape)
    decoder, expected = TransformersDecoder(model), logits_of(model, IDS)[0]
    cache = decoder.new_cache()
    for start, end in ((0, 16), (16, 17), (17, 30)):
        output = decoder.prefill(IDS[:, start:end], cache)
        assert (output.logits[0] - expected[end - 1]).abs().max() < TOLERANCE
    for position in range(30, IDS.shape[1]):
        output = decoder.step(IDS[:, position], cache)
        assert (output.logits[0] - expected[position]).abs().max() < TOLERANCE
    assert cache.lengths == [IDS.shape[1]]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_routing_is_what_the_routers_gave(shape):
    model = tiny_model(**shape)
    decoder = TransformersDecoder(model)
    experts, weights = routing_of(model, IDS)
    cache = decoder.new_cache()
    outputs = [decoder.prefill(IDS[:, :30], cache), *(decoder.step(IDS[:, i], cache) for i in range(30, 40))]
    ours = np.concatenate([output.experts[0] for output in outputs])
    assert ours.dtype == np.uint16
    assert np.array_equal(ours, experts)
    assert np.allclose(np.concatenate([output.weights[0] for output in outputs]), weights, atol=1e-3)
    assert len(decoder.routed_layers) == experts.shape[1]


def test_layers_without_a_router_are_left_out_by_index():
    assert TransformersDecoder(tiny_model(mlp_only_layers=[1])).routed_layers == (0, 2)
    assert TransformersDecoder(tiny_model(decoder_sparse_step=2)).routed_layers == (1,)


def test_a_model_without_any_router_has_empty_routing():
    decoder = TransformersDecoder(tiny_model(mlp_only_layers=[0, 1, 2]))
    output = decoder.prefill(IDS, decoder.new_cache())
    assert output.experts.shape == output.weights.shape == (1, 40, 0, 2)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_sequences_of_different_lengths_step_together_as_they_would_alone(shape):
    model = tiny_model(**shape)
    decoder = TransformersDecoder(model)
    lengths = (3, 20, 11)
    rows = []
    for length in lengths:
        rows.append(decoder.new_cache())
        decoder.prefill(IDS[:, :length], rows[-1])
    batch = KVCache.join(rows)
    for step in range(8):
        ids = torch.stack([IDS[0, length + step] for length in lengths])
        together = decoder.step(ids, batch)
        for row, cache in enumerate(rows):
            alone = decoder.step(ids[row : row + 1], cache)
            assert (together.logits[row] - alone.logits[0]).abs().max() < TOLERANCE
            assert np.array_equal(together.experts[row], alone.experts[0])
    assert batch.lengths == [length + 8 for length in lengths]


def test_bfloat16_runs_and_stays_close_to_its_own_forward_pass():
    model = tiny_model(dtype=torch.bfloat16)
    decoder, expected = TransformersDecoder(model), logits_of(model, IDS)[0].float()
    cache = decoder.new_cache()
    first = decoder.prefill(IDS[:, :30], cache)
    assert first.logits.dtype == torch.float32
    assert torch.allclose(first.logits[0], expected[29], atol=0.25, rtol=0.05)
    assert first.weights.dtype == np.float16


def test_an_interrupted_pass_leaves_cache_and_model_as_they_were(monkeypatch):
    model = tiny_model()
    decoder = TransformersDecoder(model)
    cache, untouched = decoder.new_cache(), decoder.new_cache()
    for each in (cache, untouched):
        decoder.prefill(IDS[:, :20], each)
    with monkeypatch.context() as patch:
        patch.setattr(model.model.layers[2], "forward", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            decoder.step(IDS[:, 20], cache)
    assert cache.lengths == [20]
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(decoder.step(IDS[:, 21], cache).logits, decoder.step(IDS[:, 21], untouched).logits)


def _interrupt(*_args, **_kwargs):
    raise KeyboardInterrupt


def test_the_model_can_still_be_trained_after_decoding():
    model = tiny_model()
    decoder = TransformersDecoder(model)
    cache = decoder.new_cache()
    decoder.prefill(IDS, cache)
    decoder.step(IDS[:, 0], cache)
    assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()
    model(input_ids=IDS, labels=IDS).loss.backward()
    gradient = model.lm_head.weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_an_attention_without_a_causal_default_is_refused():
    model = tiny_model(attn_implementation="eager")
    with pytest.raises(UnsupportedError, match=r"'eager'.*sdpa"):
        TransformersDecoder(model)
