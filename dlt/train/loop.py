"""The training loop: joint diffusion losses, AdamW, warm-up and cosine, EMA, early stopping."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from dlt.data.batch import collate_inputs, collate_targets, drop_words, length_batches
from dlt.data.encode import Encoded
from dlt.model.diffusion import add_noise, draw_given, draw_times
from dlt.model.layout_model import LayoutModel
from dlt.model.losses import Losses, losses
from dlt.params import TrainParams
from dlt.section.roles import NODE_ROLES
from dlt.train.rate import learning_rate

VAL_SEED = 1  # the noise that val losses are measured with


@dataclass
class Run:
    """All that changes while training, and so all that a checkpoint holds."""

    model: LayoutModel
    average: AveragedModel
    optimizer: torch.optim.Optimizer
    epoch: int = 0  # finished epochs
    step: int = 0
    best: float = -math.inf  # val layout_accuracy
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)  # logged metrics by epoch

    _PLAIN = ("epoch", "step", "best", "best_epoch", "best_weights", "history")

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **{name: getattr(self, name) for name in self._PLAIN},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        for name in ("model", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        for name in self._PLAIN:
            setattr(self, name, state[name])


def new_run(model: LayoutModel, params: TrainParams) -> Run:
    """A run that has not begun."""
    decayed = [w for w in model.parameters() if w.ndim > 1]
    others = [w for w in model.parameters() if w.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": params.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=params.lr, betas=(0.9, 0.98), fused=True)
    average = AveragedModel(model, multi_avg_fn=_ema(params.ema_decay))
    return Run(model, average, optimizer)


def _ema(decay: float) -> Any:
    def update(averages: list[Tensor], weights: list[Tensor], count: Tensor) -> None:
        # early on the average must not cling to the initial weights
        rate = max(1 - decay, 9 / (10 + float(count)))
        torch._foreach_lerp_(averages, weights, rate)

    return update


def role_weights(sections: Sequence[Encoded], power: float) -> Tensor:
    """Loss weights [len(NODE_ROLES)]: frequency to the power of minus `power`, 1 on average."""
    counts = np.ones(len(NODE_ROLES))
    for section in sections:
        if section.targets:
            np.add.at(counts, section.targets.roles, 1)
    weights = (counts / counts.sum()) ** -power
    weights /= (weights * counts).sum() / counts.sum()
    return torch.tensor(weights, dtype=torch.float32)


def train_epoch(
    run: Run,
    sections: Sequence[Encoded],
    params: TrainParams,
    weights: Tensor,
    seed: int,
) -> dict[str, float]:
    """One pass over the training sections; returns the mean losses and the speed."""
    device = next(run.model.parameters()).device
    run.model.train()
    # all randomness of an epoch follows from the seed and its number: a resume changes nothing
    torch.manual_seed(seed * 1_000_003 + run.epoch)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + run.epoch)
    batches = _batches(sections, params.batch_size, seed, run.epoch)
    total_steps = len(batches) * params.epochs
    sums: dict[str, float] = {}
    started = time.perf_counter()
    bar = tqdm(batches, f"epoch {run.epoch + 1}/{params.epochs}", disable=None, leave=False)
    for batch in bar:
        for group in run.optimizer.param_groups:
            group["lr"] = learning_rate(run.step, total_steps, params)
        parts = _batch_losses(
            run.model, batch, params.class_dropout, params.text_dropout, weights, generator, device
        )
        loss = total_loss(parts, params.box_weight)
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), params.grad_clip)
        run.optimizer.step()
        run.average.update_parameters(run.model)
        run.step += 1
        _add(sums, parts, loss, len(batch))
        bar.set_postfix(loss=f"{loss.item():.3f}")
    seconds = time.perf_counter() - started
    run.epoch += 1
    means = {f"train/{name}": value / len(sections) for name, value in sums.items()}
    lr = run.optimizer.param_groups[0]["lr"]
    return {**means, "lr": lr, "samples_per_second": len(sections) / seconds}


@torch.inference_mode()
def val_losses(
    model: nn.Module, sections: Sequence[Encoded], params: TrainParams, weights: Tensor
) -> dict[str, float]:
    """Mean losses over the val sections, with the same noise every time."""
    device = weights.device
    model.eval()
    generator = torch.Generator().manual_seed(VAL_SEED)
    sums: dict[str, float] = {}
    for batch in _batches(sections, params.batch_size, VAL_SEED, 0):
        parts = _batch_losses(model, batch, 0.0, 0.0, weights, generator, device)
        _add(sums, parts, total_loss(parts, params.box_weight), len(batch))
    return {f"val/{name}": value / len(sections) for name, value in sums.items()}


def total_loss(parts: Losses, box_weight: float) -> Tensor:
    """The weighted sum that is minimised."""
    return parts.role + parts.prop + box_weight * parts.box


def _batches(
    sections: Sequence[Encoded], batch_size: int, seed: int, epoch: int
) -> list[list[Encoded]]:
    nodes, rows = [len(s.tags) for s in sections], [s.image_height for s in sections]
    order = length_batches(nodes, rows, batch_size, np.random.default_rng([seed, epoch]))
    return [[sections[i] for i in batch] for batch in order]


def _batch_losses(
    model: nn.Module,
    batch: Sequence[Encoded],
    class_dropout: float,
    text_dropout: float,
    weights: Tensor,
    generator: torch.Generator,
    device: torch.device,
) -> Losses:
    inputs, targets = collate_inputs(batch), collate_targets(batch)
    if class_dropout or text_dropout:
        inputs = drop_words(inputs, class_dropout, text_dropout, generator)
    given = draw_given(inputs.node_mask, generator)
    time_b = draw_times(len(batch), generator)
    state = add_noise(targets, given, time_b, generator)
    inputs, targets, state = inputs.to(device), targets.to(device), state.to(device)
    # half of the batches learn to begin, the other half to improve on a first estimate
    again = bool(torch.rand((), generator=generator) < 0.5)
    unroll_b = torch.rand(len(batch), generator=generator).to(device) if again else None
    estimate = model(inputs, state, time_b.to(device), unroll_b)
    return losses(estimate, state, targets, inputs, weights)


def _add(sums: dict[str, float], parts: Losses, loss: Tensor, count: int) -> None:
    values = {"loss": loss, "role_loss": parts.role, "prop_loss": parts.prop, "box_loss": parts.box}
    for name, value in values.items():
        sums[name] = sums.get(name, 0.0) + float(value.detach()) * count
