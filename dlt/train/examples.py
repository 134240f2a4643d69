"""What an epoch trains on."""

from collections.abc import Sequence

from dlt.data.labelled import Labelled
from dlt.params import TrainParams


def epoch_examples(
    train_set: Sequence[Labelled], params: TrainParams, seed: int, epoch: int
) -> Sequence[int]:
    """The numbers of the views of an epoch, in any order (see `dlt.data.views.numbered_view`).

    Number n is a view of section n // max(augmentation_factor, 1).
    """
    return range(len(train_set) * max(params.augmentation_factor, 1))
