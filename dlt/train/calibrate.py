"""What a trained model's confidence is worth, from its predictions of the val split."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dlt.data.labelled import Labelled
from dlt.evaluate.metrics import right_elements
from dlt.evaluate.pairs import predict_pairs
from dlt.model.confidence import Calibration
from dlt.predict import Predictor


def calibrate(predictor: Predictor, sections: Sequence[Labelled]) -> Calibration:
    """Fit the logistic map from an element's log odds to its chance of being right.

    As in Platt (1999) the targets stand a little off 0 and 1, so that a model that is always right
    has a finite fit. Where more evidence means less, every element gets the same chance.
    """
    plain = Calibration(bias=0.0, weight=1.0)
    pairs = predict_pairs(replace(predictor, calibration=plain), sections)
    right = np.array([r for pair in pairs for r in right_elements(pair)])
    sure = np.array([c for pair in pairs for c in pair.confidences or ()])
    return fit_calibration(np.log(sure) - np.log1p(-sure), right)


def fit_calibration(log_odds: np.ndarray, right: np.ndarray) -> Calibration:
    """The map of the log odds [E] of elements that are `right` [E] or not."""
    from sklearn.linear_model import LogisticRegression  # takes a second to import

    good, bad = right.sum(), (~right).sum()
    targets = np.where(right, (good + 1) / (good + 2), 1 / (bad + 2))
    found = LogisticRegression(C=np.inf).fit(
        np.tile(log_odds, 2)[:, None],
        np.repeat([1, 0], len(right)),
        sample_weight=np.concatenate([targets, 1 - targets]),
    )
    bias, weight = float(found.intercept_[0]), float(found.coef_[0, 0])
    if weight < 0:
        bias, weight = float(np.log((good + 1) / (bad + 1))), 0.0
    return Calibration(bias=round(bias, 6), weight=round(weight, 6))
