"""What the hardware decides: parameters that are `auto`, and numbers of less than 32 bits."""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch

from dlt.model.condition import Proposal
from dlt.model.denoiser import Estimate
from dlt.params import TrainParams
from dlt.process import cores
from dlt.train.distributed import Ranks

_MOST_WORKERS = 8
_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def settle(params: TrainParams, ranks: Ranks) -> TrainParams:
    """Decide what is `auto` by the hardware, and say why."""
    chosen: dict[str, Any] = {}
    if params.mixed_precision == "auto":
        chosen["mixed_precision"], why = _precision(ranks.device)
        ranks.say(f"mixed_precision {chosen['mixed_precision']}: {why}")
    if params.dataloader_num_workers == "auto":
        chosen["dataloader_num_workers"], why = _workers(ranks)
        ranks.say(f"dataloader_num_workers {chosen['dataloader_num_workers']}: {why}")
    if params.num_gpus == "auto":
        chosen["num_gpus"] = max(torch.cuda.device_count(), 1)
        ranks.say(f"num_gpus {chosen['num_gpus']}: {torch.cuda.device_count()} GPUs here")
    return params.model_copy(update=chosen)


def _precision(device: torch.device) -> tuple[str, str]:
    if device.type == "cpu":
        return "no", "on a CPU it is slower"
    if torch.cuda.get_device_capability(device) >= (8, 0):
        return "bf16", "this GPU computes with it"
    return "fp16", "this GPU has no bf16"


def _workers(ranks: Ranks) -> tuple[int, str]:
    if ranks.device.type == "cpu":
        return 0, "on a CPU the cores are busy with the model"
    share = local_cores()
    return min(max(share - 1, 0), _MOST_WORKERS), f"{share} cores for this GPU"


def local_cores() -> int:
    """The number of cores of this process, where ranks of one machine share them."""
    return max(cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")), 1)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """A context in which the model computes in `precision`: no, bf16 or fp16."""
    if precision == "no":
        return nullcontext()
    return torch.autocast(device.type, _TYPES[precision])


def in_float32(proposal: Proposal, estimate: Estimate | None) -> tuple[Proposal, Estimate | None]:
    """A model's answer as losses can be computed from without loss of precision."""
    proposal = _floats(proposal)
    if estimate is None:
        return proposal, None
    estimate = replace(
        estimate,
        role_logits=estimate.role_logits.float(),
        prop_logits=estimate.prop_logits.float(),
        owner_scores=estimate.owner_scores.float(),
        below_scores=estimate.below_scores.float(),
        placed=_floats(estimate.placed),
    )
    return proposal, estimate


def _floats(parts: Any) -> Any:
    """A named tuple of tensors, or of more such tuples, in float32."""
    return type(parts)(*(_floats(p) if isinstance(p, tuple) else p.float() for p in parts))
