"""Which epoch is the best, and when training has come to its end."""

from typing import Any

from dlt.params import TrainParams
from dlt.train.loop import Run


def keep_best(run: Run, metrics: dict[str, float]) -> None:
    """Keep the averaged weights, if the metrics of the epoch just evaluated are the best so far."""
    accuracy = metrics["val/layout_accuracy"]
    if accuracy > run.best:
        run.best, run.best_epoch = accuracy, run.epoch
        weights: dict[str, Any] = run.average.module.state_dict()
        run.best_weights = {name: weight.clone() for name, weight in weights.items()}


def is_finished(run: Run, params: TrainParams) -> bool:
    """Whether all epochs are done, or evaluations have been without a better one for too long."""
    patience = params.patience * params.eval_every
    return run.epoch >= params.epochs or run.epoch - run.best_epoch >= patience
