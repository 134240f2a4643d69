"""Predictors on the same sections: scores on all cores, and the model against each other one."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from dlt.evaluate.bootstrap import bootstrap_difference
from dlt.evaluate.metrics import METRICS, Metric, Pair, SectionScore, section_score
from dlt.evaluate.report import DECIMALS, rounded
from dlt.process import parallel_map

COMPARED = ("layout_accuracy", "element_f1", "node_accuracy", "visual_similarity")


Key = TypeVar("Key")


def score_all(predictions: Mapping[Key, Sequence[Pair]]) -> dict[Key, list[SectionScore]]:
    """Score the sections of several predictors, on all cores together."""
    flat = [pair for pairs in predictions.values() for pair in pairs]
    scores = parallel_map(section_score, flat, len(flat), "score")
    return {name: [next(scores) for _ in pairs] for name, pairs in predictions.items()}


def compare(
    ours: Sequence[SectionScore], others: Mapping[str, Sequence[SectionScore]]
) -> list[dict[str, Any]]:
    """A row for each other predictor and each metric of COMPARED.

    `difference` is ours minus theirs with its paired interval over sites and its p value (None
    where they are undefined); `wins`, `losses` and `ties` count sections where both have a value.
    """
    metrics = [metric for metric in METRICS if metric.name in COMPARED]
    return [
        {"column": name, "metric": metric.name, **_row(metric, ours, theirs)}
        for name, theirs in others.items()
        for metric in metrics
    ]


def _row(
    metric: Metric, ours: Sequence[SectionScore], theirs: Sequence[SectionScore]
) -> dict[str, Any]:
    both = [
        (a.site, metric.sums(a), metric.sums(b))
        for a, b in zip(ours, theirs, strict=True)
        if metric.sums(a)[1] and metric.sums(b)[1]
    ]
    counts = _wins([(a[0] / a[1], b[0] / b[1]) for _, a, b in both])
    if not both:
        return {"difference": None, "low": None, "high": None, "p": None, **counts}
    sites = [site for site, _, _ in both]
    sums = [tuple(zip(*(row[side] for row in both), strict=True)) for side in (1, 2)]
    (top_a, bottom_a), (top_b, bottom_b) = sums
    apart = bootstrap_difference(sites, (top_a, bottom_a), (top_b, bottom_b))
    return {
        "difference": rounded(sum(top_a) / sum(bottom_a) - sum(top_b) / sum(bottom_b)),
        "low": rounded(apart.low) if apart else None,
        "high": rounded(apart.high) if apart else None,
        "p": rounded(apart.p) if apart else None,
        **counts,
    }


def _wins(values: Sequence[tuple[float, float]]) -> dict[str, int]:
    apart = [round(a - b, DECIMALS) for a, b in values]
    return {
        "wins": sum(d > 0 for d in apart),
        "losses": sum(d < 0 for d in apart),
        "ties": sum(d == 0 for d in apart),
    }
