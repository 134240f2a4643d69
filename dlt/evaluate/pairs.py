"""Predictions of labelled sections beside the truth."""

from collections.abc import Sequence

from tqdm import tqdm

from dlt.data.labelled import Labelled
from dlt.evaluate.metrics import Pair
from dlt.model.known import Known
from dlt.predict import Predictor

BATCH_SIZE = 32


def predict_pairs(
    predictor: Predictor,
    sections: Sequence[Labelled],
    batch_size: int = BATCH_SIZE,
    known: Sequence[Known] | None = None,
) -> list[Pair]:
    """Predictions beside the truth, in the order of `sections`, given what is known of each."""
    order = sorted(range(len(sections)), key=lambda i: len(sections[i].structure))
    pairs: dict[int, Pair] = {}
    for start in tqdm(range(0, len(order), batch_size), "predict", disable=None, leave=False):
        chunk = order[start : start + batch_size]  # of similar length: little padding
        batch = [sections[i] for i in chunk]
        structures, encoded = [s.structure for s in batch], [s.encoded for s in batch]
        given = [known[i] for i in chunk] if known else None
        found = predictor.predict_batch(structures, encoded, given)
        for i, section, predicted in zip(chunk, batch, found, strict=True):
            name, truth = section.encoded.name, section.truth
            pairs[i] = Pair(
                name, section.site, section.structure, truth, predicted, predicted.confidences
            )
    return [pairs[i] for i in range(len(sections))]
