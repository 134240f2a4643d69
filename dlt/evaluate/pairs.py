"""Predictions of labelled sections beside the truth."""

from collections.abc import Sequence

from dlt.data.labelled import Labelled
from dlt.evaluate.metrics import Pair
from dlt.model.known import Known
from dlt.predict import BATCH_SIZE, Predictor


def predict_pairs(
    predictor: Predictor,
    sections: Sequence[Labelled],
    batch_size: int = BATCH_SIZE,
    known: Sequence[Known | None] | None = None,
) -> list[Pair]:
    """Predictions beside the truth, in the order of `sections`, given what is known of each."""
    found = predictor.predict_sections(
        [s.structure for s in sections],
        [s.encoded for s in sections],
        [s.site for s in sections],
        known,
        batch_size,
    )
    return [
        Pair(s.encoded.name, s.site, s.structure, s.truth, predicted, predicted.confidences)
        for s, predicted in zip(sections, found, strict=True)
    ]
