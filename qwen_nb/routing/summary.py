"""A trace's static display: per layer how its load spreads over the experts, beside a uniform router's level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from qwen_nb.routing import chance

if TYPE_CHECKING:
    from qwen_nb.routing.trace import RoutingTrace

_COLUMNS = ("layer", "busiest expert", "share of the load", "unused experts")


def headline(trace: RoutingTrace) -> str:
    """One line: tokens by phase, experts, layers, model."""
    phases = ", ".join(f"{count:,} {name}" for name, count in Counter(trace.phase.tolist()).items())
    size = f"{len(trace):,} token{'s' if len(trace) > 1 else ''} ({phases})" if phases else "no tokens"
    routers = f"top-{trace.top_k} of {trace.num_experts} experts in {len(trace.layers)} layers"
    return f"{size}, {routers}{f' of {trace.model}' if trace.model else ''}"


def markdown(trace: RoutingTrace) -> str:
    """The table for GitHub and other readers of Markdown."""
    lines = [_COLUMNS, ["---:"] * len(_COLUMNS), *_rows(trace)]
    return "\n".join([f"Routing: {headline(trace)}", "", *(f"| {' | '.join(cells)} |" for cells in lines)])


def html(trace: RoutingTrace) -> str:
    """The table in JupyterLab's own colours, scrolling when the model is deep."""
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for cells in _rows(trace))
    return (
        '<div style="max-height: 24em; overflow: auto; color: var(--jp-ui-font-color1, inherit)">'
        f"<div>Routing: {escape(headline(trace))}</div>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _rows(trace: RoutingTrace) -> Iterator[tuple[str, str, str, str]]:
    """One row per layer, then what chance alone gives."""
    if not len(trace):
        return
    for position, layer in enumerate(trace.layers):
        counts = np.bincount(trace.experts[:, position].ravel(), minlength=trace.num_experts)
        busiest = int(counts.argmax())
        yield str(layer), str(busiest), _percent(counts[busiest] / counts.sum()), str(int((counts == 0).sum()))
    size = len(trace), trace.top_k, trace.num_experts
    yield "by chance", "any", _percent(chance.busiest_share(*size)), f"{chance.unused_experts(*size):.1f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
