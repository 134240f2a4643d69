"""The learning rate of a step."""

import math

from dlt.params import TrainParams


def learning_rate(step: int, total: int, params: TrainParams) -> float:
    """Linear warm-up, then a cosine to 1 % of the peak."""
    if step < params.warmup_steps:
        return params.lr * (step + 1) / params.warmup_steps
    done = (step - params.warmup_steps) / max(total - params.warmup_steps, 1)
    return params.lr * (0.01 + 0.99 * (1 + math.cos(math.pi * min(done, 1))) / 2)
