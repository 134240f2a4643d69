"""What an epoch trains on."""

from collections.abc import Sequence

from dlt.data.encode import Encoded
from dlt.data.labelled import Labelled
from dlt.data.views import views
from dlt.params import TrainParams


def epoch_examples(
    train_set: Sequence[Labelled], params: TrainParams, seed: int, epoch: int
) -> list[Encoded]:
    """The sections of an epoch, or views of them; their order is the loop's affair."""
    return views(train_set, params.augmentation_factor, seed, epoch)
