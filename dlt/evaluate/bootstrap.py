"""Confidence intervals of ratios of sums, by resampling groups instead of single sections."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95

Sums = tuple[Sequence[float], Sequence[float]]
"""Numerators and denominators, one of each a section."""


def bootstrap_ratio(
    groups: Sequence[str], numerators: Sequence[float], denominators: Sequence[float]
) -> tuple[float, float] | None:
    """The percentile interval of sum(numerators) / sum(denominators), with LEVEL coverage.

    Sections of one site resemble each other, so it is `groups` (sites) that are drawn, with
    replacement, each with all of its sections. None with fewer than two groups, or where the ratio
    is defined in none of the resamples.
    """
    index, draws = _draws(groups, seed=0)
    if draws is None:
        return None
    ratios = _ratios(draws, index, (numerators, denominators))
    return _interval(ratios[np.isfinite(ratios)])


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one ratio lies above another: the interval, and how likely chance is (two-sided)."""

    low: float
    high: float
    p: float


def bootstrap_difference(
    groups: Sequence[str], ours: Sums, theirs: Sums, seed: int = 0
) -> Difference | None:
    """The paired bootstrap of `ours` − `theirs`: both ratios come from the same drawn groups.

    `p` is twice the smaller share of resamples on either side of 0 (Efron and Tibshirani 1993), the
    observed sample counted among them, so that it is never 0. None as in `bootstrap_ratio`.
    """
    index, draws = _draws(groups, seed)
    if draws is None:
        return None
    apart = _ratios(draws, index, ours) - _ratios(draws, index, theirs)
    apart = apart[np.isfinite(apart)]
    interval = _interval(apart)
    if interval is None:
        return None
    tail = min(int((apart <= 0).sum()), int((apart >= 0).sum()))
    return Difference(*interval, p=min(1.0, 2 * (tail + 1) / (len(apart) + 1)))


def _draws(groups: Sequence[str], seed: int) -> tuple[NDArray[np.intp], NDArray[np.int64] | None]:
    """The group of each section, and how often each resample [RESAMPLES, groups] has a group."""
    names, index = np.unique(np.array(groups, dtype=np.str_), return_inverse=True)
    if len(names) < 2:
        return index, None
    even = np.full(len(names), 1 / len(names))
    return index, np.random.default_rng(seed).multinomial(len(names), even, size=RESAMPLES)


def _ratios(draws: NDArray[np.int64], index: NDArray[np.intp], sums: Sums) -> NDArray[np.float64]:
    """The ratio in each resample; NaN where the denominators add up to nothing."""
    tops, bottoms = (draws @ np.bincount(index, weights=column) for column in sums)
    return np.divide(tops, bottoms, out=np.full(len(draws), np.nan), where=bottoms > 0)


def _interval(values: NDArray[np.float64]) -> tuple[float, float] | None:
    if not values.size:
        return None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
