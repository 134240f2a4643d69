"""Which epoch is the best, and when training has come to its end."""

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from dlt.data.labelled import Labelled
from dlt.errors import DltError
from dlt.params import EarlyStopping, TrainParams
from dlt.train.run import Run


def check_metric(metric: str, val_set: Sequence[Labelled]) -> None:
    """Make sure, before anything is trained, that the best epoch can be told by a metric.

    Raises:
        DltError: it is one of boxes, and val has none.
    """
    of_boxes = metric.endswith(("box_loss", "visual_similarity"))
    if of_boxes and all(section.truth.boxes is None for section in val_set):
        raise DltError(f"train.early_stopping.metric: {metric} wants boxes, and val has none")


def keep_best(
    run: Run, metrics: Mapping[str, float], weights: Mapping[str, Tensor], rule: EarlyStopping
) -> bool:
    """Keep the weights of the epoch just evaluated, if its metrics are the best so far.

    `run.best` is the value of the rule's metric; one that is missing (an epoch of few steps may lack
    a loss) or not finite is never the best.
    """
    value = metrics.get(rule.metric, math.nan)
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
