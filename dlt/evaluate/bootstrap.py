"""Confidence intervals of ratios of sums, by resampling groups instead of single sections."""

from collections.abc import Sequence

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


def bootstrap_ratio(
    groups: Sequence[str],
    numerators: Sequence[float],
    denominators: Sequence[float],
    seed: int = 0,
) -> tuple[float, float] | None:
    """The percentile interval of sum(numerators) / sum(denominators), with LEVEL coverage.

    Sections of one site resemble each other, so it is `groups` (sites) that are drawn, with
    replacement, each with all of its sections. None with fewer than two groups, or where the ratio
    is defined in none of the resamples.
    """
    names, index = np.unique(np.array(groups, dtype=np.str_), return_inverse=True)
    if len(names) < 2:
        return None
    tops = np.bincount(index, weights=numerators)
    bottoms = np.bincount(index, weights=denominators)
    draws = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES
    )
    top_sums, bottom_sums = draws @ tops, draws @ bottoms
    ratios = top_sums[bottom_sums > 0] / bottom_sums[bottom_sums > 0]
    if not ratios.size:
        return None
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
