"""nano's shape, and a lean forward pass over the very weights of `Qwen3MoeForCausalLM`.

transformers' forward serves inference; for training on two cores this one sorts the tokens by expert, so that each
expert is three matrix products, and projects only the positions that have a loss onto the vocabulary.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor
from transformers import PreTrainedTokenizerBase, Qwen3MoeConfig, Qwen3MoeForCausalLM

from qwen_nb.training.tokenizer import CONTEXT


def nano_config(tokenizer: PreTrainedTokenizerBase) -> Qwen3MoeConfig:
    """About 11 million parameters, 4 million of them at work for a token."""
    return Qwen3MoeConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,  # pyright: ignore[reportCallIssue] - read by Qwen3-MoE, though no field of its config class
        num_experts=16,
        num_experts_per_tok=4,
        moe_intermediate_size=128,
        norm_topk_prob=True,
        tie_word_embeddings=True,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        router_aux_loss_coef=0.01,
    )


def new_model(config: Qwen3MoeConfig, seed: int) -> Qwen3MoeForCausalLM:
    """Freshly initialised weights; the caller's random state is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Qwen3MoeForCausalLM(config)


def hidden_states(model: Qwen3MoeForCausalLM, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The last layer's normalised states, the load-balance loss, and the load.

    Args:
        model: weights in fp32.
        ids: token ids [batch, length], padded on the right (a causal mask keeps padding out of what precedes it).

    Returns:
        States [batch, length, hidden]; the sum over layers of E/k · Σ_e f_e P_e, which is 1 a layer when balanced
        (Switch Transformer, Fedus et al. 2021, equation 4, per layer); tokens sent to each expert [layers, experts].
    """
    x = model.model.embed_tokens(ids)
    rotation = _rotation(model.config, ids.shape[1])
    balance, load = x.new_zeros(()), []
    for layer in model.model.layers:
        layer = cast("Any", layer)
        x = x + _attend(layer.self_attn, layer.input_layernorm(x), rotation)
        mixed, layer_balance, layer_load = _mix_experts(layer.mlp, layer.post_attention_layernorm(x))
        x, balance = x + mixed, balance + layer_balance
        load.append(layer_load)
    return model.model.norm(x), balance, torch.stack(load)


def reply_loss(model: Qwen3MoeForCausalLM, ids: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean cross-entropy in nats over the positions with a target, the load-balance loss, and the load.

    Args:
        model: weights in fp32.
        ids: token ids [batch, length].
        targets: the id to predict at each position [batch, length]; -100 where there is no loss.
    """
    states, balance, load = hidden_states(model, ids)
    counted = targets != -100
    logits = F.linear(states[counted], model.lm_head.weight)
    return F.cross_entropy(logits, targets[counted]), balance, load


def _rotation(config: Qwen3MoeConfig, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary embedding (Su et al. 2021), each [length, head_dim]."""
    size = cast("int", config.head_dim)
    theta = cast("dict[str, Any]", config.rope_parameters)["rope_theta"]
    frequency = theta ** -(torch.arange(0, size, 2) / size)
    angles = torch.outer(torch.arange(length), frequency).repeat(1, 2)
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    cosine, sine = rotation
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], dim=-1) * sine


def _attend(attention: Any, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Causal self-attention over x [batch, length, hidden]."""
    batch, length, _ = x.shape

    def heads(projected: Tensor) -> Tensor:
        return projected.view(batch, length, -1, attention.head_dim)

    q = attention.q_norm(heads(attention.q_proj(x))).transpose(1, 2)
    k = attention.k_norm(heads(attention.k_proj(x))).transpose(1, 2)
    v = heads(attention.v_proj(x)).transpose(1, 2)
    mixed = F.scaled_dot_product_attention(
        _rotate(q, rotation), _rotate(k, rotation), v, is_causal=True, enable_gqa=True
    )
    return attention.o_proj(mixed.transpose(1, 2).reshape(batch, length, -1))


def _mix_experts(block: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The sparse block over x [batch, length, hidden], its balance loss, and tokens for each expert [experts]."""
    tokens = x.reshape(-1, x.shape[-1])
    k, experts = block.gate.top_k, block.gate.num_experts
    probabilities = F.linear(tokens, block.gate.weight).softmax(dim=-1)
    weights, chosen = probabilities.topk(k, dim=-1)
    weights = weights / weights.sum(dim=-1, keepdim=True)

    order = chosen.flatten().argsort()  # rows sorted by expert
    back = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
    load = torch.bincount(chosen.flatten(), minlength=experts)
    rows = _Rows.apply(tokens, order // k, back, k).split(load.tolist())
    gates_ups, downs = block.experts.gate_up_proj.unbind(), block.experts.down_proj.unbind()
    outputs = torch.cat([_expert(*expert) for expert in zip(rows, gates_ups, downs, strict=True)])
    unsorted = _Rows.apply(outputs, back, order, 1).view(-1, k, tokens.shape[-1])

    balance = experts / k * (load / len(tokens) * probabilities.mean(dim=0)).sum()
    return torch.bmm(weights[:, None], unsorted).view_as(x), balance, load


def _expert(rows: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    gate, up = F.linear(rows, gate_up).chunk(2, dim=-1)
    return F.linear(F.silu(gate) * up, down)


class _Rows(torch.autograd.Function):
    """`x[take]` whose gradient is a gather too: autograd's own scatters with one thread, at half the speed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, take: Tensor, back: Tensor, copies: int) -> Tensor:
        ctx.save_for_backward(back)
        ctx.copies = copies
        return x.index_select(0, take)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (back,) = ctx.saved_tensors
        gathered = grads[0].index_select(0, back)
        if ctx.copies > 1:
            gathered = gathered.view(-1, ctx.copies, gathered.shape[-1]).sum(dim=1)
        return gathered, None, None, None
