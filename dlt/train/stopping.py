"""Which epoch is the best, and when training has come to its end."""

from collections.abc import Mapping

from torch import Tensor

from dlt.params import TrainParams
from dlt.train.run import Run


def keep_best(run: Run, metrics: Mapping[str, float], weights: Mapping[str, Tensor]) -> bool:
    """Keep the weights of the epoch just evaluated, if its metrics are the best so far."""
    better = metrics["val/layout_accuracy"] > run.best
    if better:
        run.best, run.best_epoch = metrics["val/layout_accuracy"], run.epoch
        run.best_weights = {name: weight.detach().clone() for name, weight in weights.items()}
    return better


def is_finished(run: Run, params: TrainParams) -> bool:
    """Whether all epochs are done, or evaluations have been without a better one for too long."""
    patience = params.patience * params.eval_every
    since = max(run.best_epoch, params.proposal_epochs)
    return run.epoch >= params.epochs or run.epoch - since >= patience
