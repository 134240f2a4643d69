"""What an epoch trains on."""

from collections.abc import Sequence

from dlt.data.labelled import Labelled
from dlt.params import TrainParams
from dlt.train.curriculum import admitted


def epoch_examples(
    train_set: Sequence[Labelled], params: TrainParams, seed: int, epoch: int
) -> Sequence[int]:
    """The numbers of the views of an epoch, in any order (see `dlt.data.views.numbered_view`).

    Number n is a view of section n // max(augmentation_factor, 1).
    """
    factor = max(params.augmentation_factor, 1)
    if not params.curriculum.enabled:
        return range(len(train_set) * factor)
    found = admitted(train_set, epoch / params.epochs, params.curriculum)
    return [number for i in found for number in range(i * factor, (i + 1) * factor)]
