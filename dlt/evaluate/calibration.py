"""Whether a predicted element is right as often as the model is confident that it is."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlt.evaluate.metrics import Pair
from dlt.evaluate.teds import placed_elements

BINS = 10


def calibration(pairs: Sequence[Pair]) -> dict[str, Any] | None:
    """A reliability table of predicted elements and the expected calibration error.

    Ten bins of equal width (Guo et al. 2017). A pair's `confidences`, one for each predicted element
    in pre-order, are used where it has them; None where no pair has.
    """
    found = [
        (confidence, right)
        for pair in pairs
        for confidence, right in zip(
            getattr(pair, "confidences", None) or (), _rightness(pair), strict=False
        )
    ]
    if not found:
        return None
    confidences, rights = np.array(found, float).T
    places = np.minimum((confidences * BINS).astype(int), BINS - 1)
    rows = []
    for i in range(BINS):
        own = places == i
        if own.any():
            confidence, right = float(confidences[own].mean()), float(rights[own].mean())
            rows.append({"count": int(own.sum()), "confidence": confidence, "right": right})
    apart = sum(row["count"] * abs(row["confidence"] - row["right"]) for row in rows)
    return {"rows": rows, "error": apart / len(found), "count": len(found)}


def _rightness(pair: Pair) -> list[bool]:
    true = {(e.role, e.nodes) for e in placed_elements(pair.structure, pair.truth)}
    return [(e.role, e.nodes) in true for e in placed_elements(pair.structure, pair.predicted)]
