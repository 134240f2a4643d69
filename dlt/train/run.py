"""All that changes while training, and so all that a checkpoint holds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from dlt.model.layout_model import LayoutModel
from dlt.params import TrainParams
from dlt.train.distributed import Ranks

_FULL = StateDictOptions(full_state_dict=True)  # whole tensors, however many ranks share them


@dataclass
class Run:
    """A model in training."""

    model: LayoutModel
    average: AveragedModel
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler  # of losses, for fp16 gradients; otherwise without effect
    ranks: Ranks
    forward: nn.Module  # what a step calls: the model, or DDP around it
    step_size: int  # examples a step, over all ranks; kept where a run goes on with other ranks
    order: str = ""  # what else decides which examples `batch` has counted
    epoch: int = 0  # finished epochs
    batch: int = 0  # finished steps of the epoch after these
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)  # losses and tokens of the epoch so far
    first_loss: float = 0.0  # see `dlt.train.health`
    recent_loss: float = 0.0
    best: float = -math.inf  # by early_stopping.metric
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)  # logged metrics by epoch

    _PLAIN = (
        *("step_size", "order", "epoch", "batch", "step", "sums", "first_loss", "recent_loss"),
        *("best", "best_epoch", "best_weights", "history"),
    )

    def state_dict(self) -> dict[str, Any]:
        """Whole tensors and plain values. All ranks must call it."""
        return {
            "model": get_model_state_dict(self.model, options=_FULL),
            "average": get_model_state_dict(self.average, options=_FULL),
            "optimizer": get_optimizer_state_dict(self.model, self.optimizer, options=_FULL),
            "scaler": self.scaler.state_dict(),
            **{name: getattr(self, name) for name in self._PLAIN},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned, with the optimiser's parameters of this run."""
        own = [group["weight_decay"] for group in self.optimizer.param_groups]
        set_model_state_dict(self.model, state["model"], options=_FULL)
        set_model_state_dict(self.average, state["average"], options=_FULL)
        set_optimizer_state_dict(self.model, self.optimizer, state["optimizer"], options=_FULL)
        if self.scaler.is_enabled() and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        for group, weight_decay in zip(self.optimizer.param_groups, own, strict=True):
            group["weight_decay"] = weight_decay
        for name in self._PLAIN:
            setattr(self, name, state[name])

    def average_weights(self) -> dict[str, Tensor]:
        """The averaged weights, whole, as a plain model takes them. All ranks must call it."""
        weights: Any = get_model_state_dict(self.average.module, options=_FULL)
        return dict(weights)


def new_run(model: LayoutModel, params: TrainParams, ranks: Ranks) -> Run:
    """A run that has not begun, of a model that lies on the rank's device."""
    average = AveragedModel(model, multi_avg_fn=_ema(params.ema_decay))
    forward: nn.Module = model
    if ranks.world > 1 and params.shard_model:
        for whole in (model, average.module):
            _shard(whole)
    elif ranks.world > 1:
        # while the model only proposes, the denoiser has no gradients
        forward = DistributedDataParallel(model, find_unused_parameters=params.proposal_epochs > 0)
    for part in (model.encoder, model.denoiser):
        part.recompute = params.gradient_checkpointing
    if params.compile_model:  # blocks, which is where the time goes: their shapes are simple
        for block in (*model.encoder.blocks, *model.denoiser.blocks):
            block.compile(dynamic=True)
    # the default scale overflows in the first steps, which are then left out
    fp16 = params.mixed_precision == "fp16"
    scaler = torch.amp.GradScaler(ranks.device.type, init_scale=2.0**10, enabled=fp16)
    step_size = params.examples_a_step * ranks.world
    return Run(model, average, _optimizer(model, params), scaler, ranks, forward, step_size)


def _shard(model: Any) -> None:
    """Divide the weights among the ranks, block by block (FSDP2)."""
    for block in (*model.encoder.blocks, *model.denoiser.blocks):
        fully_shard(block)
    fully_shard(model)


def _optimizer(model: nn.Module, params: TrainParams) -> torch.optim.Optimizer:
    groups = [
        {
            "params": [w for w in model.parameters() if w.ndim > 1],
            "weight_decay": params.weight_decay,
        },
        {"params": [w for w in model.parameters() if w.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=params.lr, betas=(0.9, 0.98), fused=True)
    # checkpoints hold the state of all weights, also of those without gradients so far
    for weight in model.parameters():
        optimizer.state[weight] = {
            "step": torch.zeros((), device=weight.device),
            "exp_avg": torch.zeros_like(weight),
            "exp_avg_sq": torch.zeros_like(weight),
        }
    return optimizer


def _ema(decay: float) -> Any:
    def update(averages: list[Tensor], weights: list[Tensor], count: Tensor) -> None:
        """Draw the averages towards the weights, in place."""
        # early on the average must not cling to the initial weights
        rate = max(1 - decay, 9 / (10 + float(count)))
        torch._foreach_lerp_([_local(t) for t in averages], [_local(t) for t in weights], rate)

    return update


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
