"""Which epoch is the best, and when training has come to its end."""

import math
from typing import Any

from dlt.params import EarlyStopping, TrainParams
from dlt.train.loop import Run


def keep_best(run: Run, metrics: dict[str, float], rule: EarlyStopping) -> None:
    """Keep the averaged weights, if the metrics of the epoch just evaluated are the best so far.

    `run.best` is the value of the rule's metric; a value that is not finite is never the best.
    """
    value = metrics[rule.metric]
    gain = math.inf if not run.best_epoch else rule.sign * (value - run.best)
    if math.isfinite(value) and gain > rule.min_delta:
        run.best, run.best_epoch = value, run.epoch
        weights: dict[str, Any] = run.average.module.state_dict()
        run.best_weights = {name: weight.clone() for name, weight in weights.items()}


def is_finished(run: Run, params: TrainParams) -> bool:
    """Whether all epochs are done, or evaluations have been without a better one for too long."""
    patience = params.early_stopping.patience * params.eval_every
    return run.epoch >= params.epochs or run.epoch - run.best_epoch >= patience
