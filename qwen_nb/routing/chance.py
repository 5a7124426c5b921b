"""What a perfectly uniform router shows by chance: the level that every measured load is to be compared with.

A notebook's prompt is short, so even a router without any preference looks skewed on it.
"""

from __future__ import annotations

import numpy as np


def busiest_share(tokens: int, top_k: int, num_experts: int) -> float:
    """Expected share of one layer's load (between 0 and 1) that its busiest expert gets.

    Experts are taken as independent, each chosen by Binomial(tokens, top_k / num_experts) tokens, so the largest count
    is at most m with probability F(m) ** num_experts. It is never below the average, rounded up.
    """
    probability = top_k / num_experts
    if tokens == 0 or probability == 1:
        return 1 / num_experts
    counts = np.arange(1, tokens + 1)
    log_choose = np.concatenate([[0.0], np.cumsum(np.log((tokens - counts + 1) / counts))])
    chosen = np.arange(tokens + 1)
    log_pmf = log_choose + chosen * np.log(probability) + (tokens - chosen) * np.log1p(-probability)
    at_most = np.minimum(np.cumsum(np.exp(log_pmf)), 1.0) ** num_experts
    average = -(-tokens * top_k // num_experts)
    largest = average + np.sum(1 - at_most[average:tokens])
    return float(largest / (tokens * top_k))


def unused_experts(tokens: int, top_k: int, num_experts: int) -> float:
    """Expected number of experts in one layer that no token goes to: E (1 - k/E)^T."""
    return num_experts * (1 - top_k / num_experts) ** tokens
