"""The plan of a run: how many epochs, at which rate, and what each of them trains on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dlt.data.labelled import Sections
from dlt.params import TrainParams
from dlt.train.curriculum import admitted, difficulties, mean_count
from dlt.train.rate import scaled


@dataclass(frozen=True)
class Plan:
    """The epochs of a run."""

    params: TrainParams  # with the rate, the epochs and the pauses between evaluations of this run
    numbers: Sequence[Sequence[int]]  # of each epoch's views, as from `epoch_examples`
    step_size: int

    @classmethod
    def of(cls, sections: Sections, params: TrainParams, usual: int, step_size: int) -> "Plan":
        """That of training on sections, `step_size` examples a step, where the phase has `usual`."""
        params = scaled(params, usual, step_size)
        found = difficulties(sections, params.curriculum)
        params = _enough_epochs(params, mean_count(found, params.curriculum), step_size)
        numbers = [epoch_examples(found, params, epoch) for epoch in range(params.epochs)]
        return cls(params, numbers, step_size)

    def span(self, epoch: int) -> tuple[int, int]:
        """The steps over which the rate rises and falls: once for the proposal, once for the model."""
        counts = [math.ceil(len(numbers) / self.step_size) for numbers in self.numbers]
        proposing = sum(counts[: self.params.proposal_epochs])
        proposes = epoch < self.params.proposal_epochs
        return (0, proposing) if proposes else (proposing, sum(counts))


def _enough_epochs(params: TrainParams, examples: int, step_size: int) -> TrainParams:
    """As many times the epochs as it takes to train `min_steps`, evaluating as much less often.

    The epochs that are returned begin with `proposal_epochs`.
    """
    views = examples * max(params.augmentation_factor, 1)
    steps = (params.proposal_epochs + params.epochs) * math.ceil(views / step_size)
    factor = max(params.min_steps / steps, 1.0)
    first = round(params.proposal_epochs * factor)
    return params.model_copy(
        update={
            "proposal_epochs": first,
            "epochs": first + math.ceil(params.epochs * factor),
            "eval_every": round(params.eval_every * factor),
        }
    )


def epoch_examples(found: Sequence[int], params: TrainParams, epoch: int) -> Sequence[int]:
    """The numbers of the views of an epoch, in any order (see `dlt.data.views.numbered_view`).

    Number n is a view of section n // max(augmentation_factor, 1).

    Args:
        found: the difficulty of each section.
    """
    factor = max(params.augmentation_factor, 1)
    if not params.curriculum.enabled:
        return range(len(found) * factor)
    chosen = admitted(found, epoch / params.epochs, params.curriculum)
    return [number for i in chosen for number in range(i * factor, (i + 1) * factor)]
