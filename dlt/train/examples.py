"""What an epoch trains on."""

from collections.abc import Sequence

from dlt.params import TrainParams
from dlt.train.curriculum import admitted


def epoch_examples(difficulties: Sequence[int], params: TrainParams, epoch: int) -> Sequence[int]:
    """The numbers of the views of an epoch, in any order (see `dlt.data.views.numbered_view`).

    Number n is a view of section n // max(augmentation_factor, 1). `difficulties`: one a section.
    """
    factor = max(params.augmentation_factor, 1)
    if not params.curriculum.enabled:
        return range(len(difficulties) * factor)
    found = admitted(difficulties, epoch / params.epochs, params.curriculum)
    return [number for i in found for number in range(i * factor, (i + 1) * factor)]
