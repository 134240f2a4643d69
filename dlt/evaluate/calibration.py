"""Whether a predicted element is right as often as the model is confident that it is."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlt.evaluate.metrics import Pair, right_elements

BINS = 10


def calibration(pairs: Sequence[Pair]) -> dict[str, Any] | None:
    """A reliability table of predicted elements, and how far their confidence can be trusted.

    Ten bins of equal width and the expected calibration error (Guo et al. 2017); `auroc`, the chance
    that a right element is more confident than a wrong one, is None where all are one or the other.
    None where no pair has `confidences`.
    """
    sure = [pair for pair in pairs if pair.confidences is not None]
    if not sure:
        return None
    rights = np.array([right for pair in sure for right in right_elements(pair)], float)
    confidences = np.array([c for pair in sure for c in pair.confidences or ()])
    places = np.minimum((confidences * BINS).astype(int), BINS - 1)
    rows = []
    for i in range(BINS):
        own = places == i
        if own.any():
            confidence, right = float(confidences[own].mean()), float(rights[own].mean())
            rows.append({"count": int(own.sum()), "confidence": confidence, "right": right})
    apart = sum(row["count"] * abs(row["confidence"] - row["right"]) for row in rows)
    return {
        "rows": rows,
        "error": apart / len(rights),
        "auroc": auroc(confidences, rights),
        "count": len(rights),
    }


def auroc(scores: np.ndarray, rights: np.ndarray) -> float | None:
    """The area under the ROC curve: Mann and Whitney's U over its largest value, ties counting half."""
    good, bad = int(rights.sum()), int(len(rights) - rights.sum())
    if not good or not bad:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # from 1, ties share the mean
    above = float(ranks[rights > 0].sum()) - good * (good + 1) / 2
    return above / (good * bad)
