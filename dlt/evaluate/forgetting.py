"""What training on new examples has cost on the old ones: continuous learning's test."""

from pathlib import Path
from typing import Any

from dlt.data.examples import read_examples
from dlt.errors import DltError
from dlt.evaluate.compare import compare, score_all
from dlt.evaluate.metrics import SectionScore, measures
from dlt.evaluate.predictions import predict_examples
from dlt.evaluate.report import rounded
from dlt.predict import Predictor

METRIC = "layout_accuracy"


def forgetting(
    predictor: Predictor, start: Path | None, old_test: Path, batch_size: int
) -> dict[str, Any]:
    """Layout accuracy on an old test split, beside that of the model that training started from.

    Args:
        start: the folder of that model; without one nothing stands beside.
        old_test: a folder of tar shards, as in data/processed/test, or of example folders.

    Returns `layout_accuracy` and `count`; with a start also `before`, and `difference` (ours
    minus before) with its paired interval over sites and its p value.

    Raises:
        DltError: there are no examples, or no model at `start`.
    """
    scores = {"now": _scores(predictor, old_test, batch_size)}
    found: dict[str, Any] = {"count": len(scores["now"])}
    if start is not None:
        before = Predictor.load(start, predictor.sample)
        scores["before"] = _scores(before, old_test, batch_size)
        rows = compare(scores["now"], {"before": scores["before"]})
        row = next(row for row in rows if row["metric"] == METRIC)
        found |= {name: row[name] for name in ("difference", "low", "high", "p")}
    values = {name: rounded(measures(own)[METRIC].value) for name, own in scores.items()}
    return {METRIC: values.pop("now"), **values, **found}


def forgetting_line(found: dict[str, Any]) -> str:
    """The same in words."""
    line = f"old test: {METRIC} {found[METRIC]:.3f} over {found['count']:,} sections"
    if "before" not in found:
        return line
    interval = "" if found["low"] is None else f", {found['low']:+.3f} to {found['high']:+.3f}"
    return f"{line}, {found['before']:.3f} before training went on ({found['difference']:+.3f}{interval})"


def _scores(predictor: Predictor, folder: Path, batch_size: int) -> list[SectionScore]:
    pairs = predict_examples(predictor, read_examples(folder), batch_size, "old test")
    if not pairs:
        raise DltError(f"evaluate.old_test: {folder}: no examples")
    return score_all({"": pairs})[""]
