"""The val split, shared by the ranks: losses with the same noise every time, and predictions."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dlt.data.batch import length_batches
from dlt.data.dice import Dice
from dlt.data.labelled import Labelled
from dlt.evaluate.metrics import Pair
from dlt.evaluate.pairs import predict_pairs
from dlt.model.layout_model import LayoutModel
from dlt.params import TrainParams
from dlt.predict import Predictor
from dlt.train.batches import Limits, coin, make_part
from dlt.train.distributed import Ranks
from dlt.train.loop import LOSSES, part_losses, total_loss

VAL_SEED = 1  # the noise that val losses are measured with


@torch.inference_mode()
def val_losses(
    model: LayoutModel,
    val_set: Sequence[Labelled],
    params: TrainParams,
    limits: Limits,
    weights: Tensor,
    ranks: Ranks,
) -> dict[str, float]:
    """Mean losses over the val sections."""
    sections = [s.encoded for s in val_set]
    nodes, rows = [len(s.tags) for s in sections], [s.image_height for s in sections]
    batches = length_batches(nodes, rows, params.examples_a_step, np.random.default_rng(VAL_SEED))
    model.eval()
    sums = np.zeros(1 + len(LOSSES))
    for number, batch in enumerate(batches):
        if number % ranks.world != ranks.rank:
            continue
        for indices in limits.split([sections[i] for i in batch]):
            chosen = [batch[i] for i in indices]
            dice = Dice(VAL_SEED, 0, chosen)
            part = make_part([sections[i] for i in chosen], dice, coin(VAL_SEED, 0, number))
            found = part_losses(model, part.to(weights.device), params, weights)
            total = total_loss(found, params.box_weight)
            sums += np.array([total.item(), *found.tolist()]) * len(chosen)
    means = ranks.gather(sums.tolist()).sum(0) / len(sections)
    return dict(zip((f"val/{name}" for name in ("loss", *LOSSES)), means.tolist(), strict=True))


def val_pairs(predictor: Predictor, val_set: Sequence[Labelled], ranks: Ranks) -> list[Pair]:
    """Predictions of all val sections beside the truth; every rank predicts its share."""
    shares = ranks.gather_objects(predict_pairs(predictor, val_set[ranks.rank :: ranks.world]))
    return [shares[i % ranks.world][i // ranks.world] for i in range(len(val_set))]
