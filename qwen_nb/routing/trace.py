"""The routing of a reply: for every token and every layer with a router, which experts it went to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qwen_nb.errors import InvalidInputError
from qwen_nb.messages import Phase
from qwen_nb.routing import summary, trace_file

PHASES: tuple[Phase, ...] = get_args(Phase)
"""Names of the phases; a trace stores places in this tuple."""

_Key = int | slice | Sequence[int] | NDArray[Any]


class RoutingTrace:
    """Row i is the routing while token i is the *input* of the model; the arrays are read-only.

    Attributes:
        experts: uint16 [tokens, layers, k], ids of the chosen experts within their layer.
        weights: float16 [tokens, layers, k], the factor of each expert's output; None when only ids are known.
        token_ids: int32 [tokens].
        tokens: the text of each token.
        num_experts: experts per layer, chosen or not.
        layers: which layers of the model have a router, in order.
        model: name of the model.

    Args:
        phase: per token a name of `PHASES`, or its place in it as a uint8 array.
        layers: all layers from 0 on when left out.

    Raises:
        InvalidInputError: shapes that do not fit together, or ids out of range.
    """

    def __init__(
        self,
        experts: ArrayLike,
        *,
        token_ids: ArrayLike,
        tokens: Iterable[str],
        phase: Sequence[str] | NDArray[Any],
        num_experts: int,
        weights: ArrayLike | None = None,
        layers: Iterable[int] | None = None,
        model: str = "",
    ) -> None:
        ids = np.asarray(experts)
        _require(ids.ndim == 3, f"experts must have the shape [tokens, layers, k], not {list(ids.shape)}")
        rows, depth, top_k = ids.shape
        _require(1 <= top_k <= num_experts <= 65_536, f"top-{top_k} of {num_experts} experts is not possible")
        self.num_experts = int(num_experts)
        self.experts = _integers("experts", ids, num_experts, np.uint16)
        self.weights = None if weights is None else _read_only(np.asarray(weights, np.float16))
        self.token_ids = _integers("token_ids", token_ids, 2**31, np.int32)
        self.tokens = list(tokens)
        self.phase_codes = _phase_codes(phase)
        self.layers = tuple(range(depth)) if layers is None else tuple(int(layer) for layer in layers)
        self.model = model
        self._check_shapes(rows, depth)

    def _check_shapes(self, rows: int, depth: int) -> None:
        shape = self.experts.shape
        if self.weights is not None:
            _require(self.weights.shape == shape, f"weights have the shape {self.weights.shape}, experts {shape}")
        _require(self.token_ids.ndim == self.phase_codes.ndim == 1, "token_ids and phase must have one dimension")
        for name, entries in ("token_ids", self.token_ids), ("tokens", self.tokens), ("phase", self.phase_codes):
            _require(len(entries) == rows, f"{name} has {len(entries):,} entries for {rows:,} rows of experts")
        _require(len(self.layers) == depth, f"layers names {len(self.layers)} layers, experts has {depth}")
        ordered = all(low < high for low, high in zip((-1, *self.layers), self.layers, strict=False))
        _require(ordered, f"layers must be in order and from 0 on, not {list(self.layers)}")

    @property
    def phase(self) -> NDArray[np.str_]:
        """Per token: prompt, thinking, answer or tool_call."""
        return np.array(PHASES)[self.phase_codes]

    @property
    def top_k(self) -> int:
        """Experts that each token goes to in each layer."""
        return self.experts.shape[2]

    def __len__(self) -> int:
        return len(self.experts)

    def __getitem__(self, key: _Key) -> RoutingTrace:
        """Some of the tokens; one token is a trace of one row."""
        rows = np.atleast_1d(np.arange(len(self))[key])
        part = key if isinstance(key, slice) else rows  # a slice needs no copy
        return RoutingTrace(
            self.experts[part],
            weights=None if self.weights is None else self.weights[part],
            token_ids=self.token_ids[part],
            tokens=[self.tokens[row] for row in rows],
            phase=self.phase_codes[part],
            num_experts=self.num_experts,
            layers=self.layers,
            model=self.model,
        )

    def of_phase(self, phase: Phase) -> RoutingTrace:
        """The tokens of one phase."""
        return self[np.flatnonzero(self.phase_codes == _code(phase))]

    @classmethod
    def concatenate(cls, traces: Iterable[RoutingTrace]) -> RoutingTrace:
        """One trace of several, in order. They must be of one model, and either all or none have weights."""
        parts = list(traces)
        _require(bool(parts), "there is no trace to concatenate")
        kinds = {(part.model, part.num_experts, part.layers, part.top_k, part.weights is None) for part in parts}
        _require(len(kinds) == 1, "only traces of one model, all with weights or all without, can be concatenated")
        weights = [part.weights for part in parts if part.weights is not None]
        return cls(
            np.concatenate([part.experts for part in parts]),
            weights=np.concatenate(weights) if weights else None,
            token_ids=np.concatenate([part.token_ids for part in parts]),
            tokens=[token for part in parts for token in part.tokens],
            phase=np.concatenate([part.phase_codes for part in parts]),
            num_experts=parts[0].num_experts,
            layers=parts[0].layers,
            model=parts[0].model,
        )

    def save(self, path: str | Path) -> None:
        """Write a compressed `.npz` without pickles; an existing file is replaced only when all is written."""
        arrays = {"experts": self.experts, "token_ids": self.token_ids, "phase": self.phase_codes}
        if self.weights is not None:
            arrays["weights"] = self.weights
        about = {"tokens": self.tokens, "num_experts": self.num_experts, "layers": self.layers, "model": self.model}
        trace_file.write(Path(path), arrays, about)

    @classmethod
    def load(cls, path: str | Path) -> RoutingTrace:
        """Read what `save` wrote.

        Raises:
            InvalidInputError: no such file, not a trace, damaged, or written by a newer version.
        """
        return trace_file.read(Path(path), cls)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RoutingTrace):
            return NotImplemented
        plain = ("num_experts", "layers", "model", "tokens")
        return (
            all(getattr(self, name) == getattr(other, name) for name in plain)
            and all(np.array_equal(getattr(self, name), getattr(other, name)) for name in _ARRAYS)
            and _same_weights(self.weights, other.weights)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<RoutingTrace {summary.headline(self)}>"

    def _repr_markdown_(self) -> str:
        return summary.markdown(self)

    def _repr_html_(self) -> str:
        return summary.html(self)


_ARRAYS = ("experts", "token_ids", "phase_codes")


def _same_weights(ours: NDArray[Any] | None, theirs: NDArray[Any] | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return np.array_equal(ours, theirs, equal_nan=True)


def _require(fits: bool, problem: str) -> None:
    if not fits:
        raise InvalidInputError(f"This is no valid routing trace: {problem}.")


def _integers(name: str, values: ArrayLike, limit: int, dtype: type[np.integer]) -> NDArray[Any]:
    array = np.asarray(values)
    if array.size == 0:
        return _read_only(array.astype(dtype))
    _require(np.issubdtype(array.dtype, np.integer), f"{name} must be whole numbers, not {array.dtype}")
    low, high = int(array.min()), int(array.max())
    _require(low >= 0 and high < limit, f"{name} must be from 0 to {limit - 1:,}, not {low if low < 0 else high:,}")
    return _read_only(array.astype(dtype, copy=False))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def _phase_codes(phase: Sequence[str] | NDArray[Any]) -> NDArray[Any]:
    if isinstance(phase, np.ndarray) and phase.dtype == np.uint8:
        return _integers("phase", phase, len(PHASES), np.uint8)
    return _read_only(np.array([_code(name) for name in phase], np.uint8))


def _code(phase: str) -> int:
    if phase in PHASES:
        return PHASES.index(phase)
    near = get_close_matches(phase, PHASES, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise InvalidInputError(f"There is no phase {phase!r}.{hint} There is: {', '.join(PHASES)}.")
