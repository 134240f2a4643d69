"""The learning rate of a step: a pure function, so that a resumed training has the same."""

import math

from dlt.params import TrainParams
from dlt.train.curriculum import stage_at

LEAST = 0.01  # of the peak, at the end of cosine and linear

# one_cycle, as torch's OneCycleLR: Smith and Topin, Super-Convergence (2018)
RISE = 0.3  # share of the steps in which the rate rises
START = 1 / 25  # of the peak
END = START / 1e4


def learning_rate(step: int, total: int, params: TrainParams, epoch: int = 0) -> float:
    """The rate of step number `step` of `total`, from 0, in an epoch, from 0.

    Cosine, linear and constant follow a linear warm-up of `warmup_steps`; one_cycle rises by
    itself. The epoch's stage of the curriculum has a factor of its own.
    """
    peak = params.lr * stage_at(epoch / params.epochs, params.curriculum).lr_factor
    if params.schedule == "one_cycle":
        return peak * _one_cycle(step, total)
    if step < params.warmup_steps:
        return peak * (step + 1) / params.warmup_steps
    done = min((step - params.warmup_steps) / max(total - params.warmup_steps, 1), 1)
    if params.schedule == "cosine":
        return peak * _between(1, LEAST, done)
    return peak * (1 - (1 - LEAST) * done if params.schedule == "linear" else 1)


def scaled(params: TrainParams, usual: int, effective: int) -> TrainParams:
    """The rate multiplied by the effective batch size over the usual one, if `scale_lr` asks for it.

    Goyal et al., Accurate, Large Minibatch SGD (2017).
    """
    factor = effective / usual if params.scale_lr else 1.0
    return params.model_copy(update={"lr": params.lr * factor})


def _one_cycle(step: int, total: int) -> float:
    top = max(RISE * total - 1, 1e-9)  # the step of the peak; need not be whole
    if step <= top:
        return _between(START, 1, step / top)
    return _between(1, END, min((step - top) / max(total - 1 - top, 1e-9), 1))


def _between(start: float, end: float, done: float) -> float:
    """From start to end along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
