"""How much of a batch is computed at once: as much as there is memory for.

The batch of a step stays what it is, so that what a model learns does not depend on the machine.
"""

import os

import psutil
import torch
from torch import Tensor

from dlt.data.dice import Dice
from dlt.data.labelled import Sections
from dlt.model.layout_model import LayoutModel, count_parameters
from dlt.params import Phase, TrainParams
from dlt.section.roles import NODE_ROLES
from dlt.train.batches import make_part
from dlt.train.distributed import Ranks
from dlt.train.loop import part_losses

ROOM = 1 / 3  # of the free memory, for what a forward pass keeps; a step on a CPU takes twice that
BYTES_A_WEIGHT = 20  # itself, gradient, two moments, average
GIB = 2**30


def divide_batch(chosen: Phase, sections: Sections, ranks: Ranks) -> TrainParams:
    """Decide `gradient_accumulation` where it is auto: the fewest equal parts that fit. Says why.

    `chosen.train` must have no other auto in it. All ranks must call it: they divide alike.
    """
    params = chosen.train
    if params.gradient_accumulation != "auto":
        return params
    free = free_bytes(ranks.device)
    model = LayoutModel(chosen.model).to(ranks.device)
    each = kept_bytes(model, params, sections)
    room = int(ROOM * (free - BYTES_A_WEIGHT * count_parameters(model)))
    parts = int(ranks.gather([fewest_parts(params.batch_size, each, room)]).max())
    size = params.batch_size // parts
    ranks.say(
        f"gradient_accumulation {parts}, of {size} examples: one of the largest size keeps"
        f" {each / GIB:.3f} GiB, {free / GIB:.1f} GiB are free"
    )
    return params.model_copy(update={"batch_size": size, "gradient_accumulation": parts})


def fewest_parts(batch: int, each: int, room: int) -> int:
    """The fewest equal parts of a batch of which one fits; the whole number where none does."""
    fitting = (n for n in range(1, batch) if batch % n == 0 and batch // n * each <= room)
    return next(fitting, batch)


def free_bytes(device: torch.device) -> int:
    """The memory that this process may take: what is free, shared with other ranks on a CPU."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    available: int = psutil.virtual_memory().available
    return available // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def kept_bytes(model: LayoutModel, params: TrainParams, sections: Sections) -> int:
    """What a forward pass keeps for the backward one, for an example as large as the largest.

    Measured with two sections, that of most nodes and that with the highest screenshot, padded to
    both as in the worst of batches.
    """
    largest = [int(sections.nodes.argmax()), int(sections.rows.argmax())]
    weights = next(model.parameters())
    part = make_part([sections[i].encoded for i in largest], Dice(0, 0, largest), improve=True)
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}  # held, so that no place is given away twice

    def count(tensor: Tensor) -> Tensor:
        """Note the storage of a tensor that is kept for the gradients."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor.detach()

    for block in (model.encoder, model.denoiser):
        block.recompute = params.gradient_checkpointing
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        part_losses(model, part.to(weights.device), params, weights.new_ones(len(NODE_ROLES)))
    return sum(storage.nbytes() for storage in kept.values()) // len(largest)
