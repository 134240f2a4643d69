"""Which epoch is the best, and when training has come to its end."""

import math
from collections.abc import Mapping

from torch import Tensor

from dlt.params import EarlyStopping, TrainParams
from dlt.train.run import Run


def keep_best(
    run: Run, metrics: Mapping[str, float], weights: Mapping[str, Tensor], rule: EarlyStopping
) -> bool:
    """Keep the weights of the epoch just evaluated, if its metrics are the best so far.

    `run.best` is the value of the rule's metric; a value that is not finite is never the best.
    """
    value = metrics[rule.metric]
    gain = rule.sign * (value - run.best) if run.best_weights else math.inf
    better = math.isfinite(value) and gain > rule.min_delta
    if better:
        run.best, run.best_epoch = value, run.epoch
        run.best_weights = {name: weight.detach().clone() for name, weight in weights.items()}
    return better


def is_finished(run: Run, params: TrainParams) -> bool:
    """Whether all epochs are done, or evaluations have been without a better one for too long."""
    patience = params.early_stopping.patience * params.eval_every
    since = max(run.best_epoch, params.proposal_epochs)
    return run.epoch >= params.epochs or run.epoch - since >= patience
