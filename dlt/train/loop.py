"""The training loop: joint diffusion losses over all ranks and parts, clipping, AdamW, EMA."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from dlt.data.encode import Encoded
from dlt.model.losses import losses
from dlt.params import TrainParams
from dlt.section.roles import NODE_ROLES
from dlt.train.batches import Part, Steps, load_steps
from dlt.train.hardware import autocast, in_float32
from dlt.train.health import check_loss, warn_of_idle_gpu
from dlt.train.rate import learning_rate
from dlt.train.run import Run

LOSSES = ("proposal_loss", "role_loss", "prop_loss", "box_loss", "proposed_box_loss")
TOKENS = ("nodes", "node_places", "patches", "patch_places")  # as `count_tokens` counts them


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
    steps: Steps,
    params: TrainParams,
    weights: Tensor,
    span: tuple[int, int],
    save: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """The steps that are left of an epoch; returns the mean losses, the shares of nodes and patches
    that were padding, and the speed.

    Args:
        weights: of the roles, as from `role_weights`.
        span: the steps over which the learning rate rises and falls: its first, and the one after.
        save: writes a checkpoint; called in the midst of the epoch every `checkpoint_minutes`.
    """
    run.forward.train()
    workers = params.dataloader_num_workers
    left = load_steps(steps, run.batch, workers if workers != "auto" else 0)
    title = f"epoch {run.epoch + 1}/{params.epochs}"
    hidden = None if run.ranks.first else True
    bar = tqdm(left, title, total=len(steps), disable=hidden, initial=run.batch, leave=False)
    started = saved = ready = time.monotonic()
    seen, waited = 0, 0.0
    for parts in bar:
        waited += time.monotonic() - ready
        for group in run.optimizer.param_groups:
            step, total = run.step - span[0], span[1] - span[0]
            group["lr"] = learning_rate(step, total, params, run.epoch)
        late = time.monotonic() - saved > 60 * params.checkpoint_minutes
        examples = len(steps.batches[run.batch])
        loss, norm, late = _step(run, parts, examples, late, params, weights, steps.seed)
        check_loss(run, loss, norm, run.step - span[0])
        seen += examples
        bar.set_postfix(loss=f"{loss:.3f}")
        if late:
            save()
            saved = time.monotonic()
        ready = time.monotonic()
    seconds = time.monotonic() - started
    warn_of_idle_gpu(run.ranks, waited / seconds)
    return {**_finish_epoch(run, steps), "samples_per_second": seen / seconds}


def _finish_epoch(run: Run, steps: Steps) -> dict[str, float]:
    """Go on to the next epoch; the mean losses and the padding of this one."""
    count = sum(map(len, steps.batches))
    nodes, node_places, patches, patch_places = (run.sums.pop(name) for name in TOKENS)
    padding = {
        "train/node_padding": 1 - nodes / node_places,
        "train/patch_padding": 1 - patches / patch_places,
    }
    means = {f"train/{name}": value / count for name, value in run.sums.items()}
    run.epoch, run.batch, run.sums = run.epoch + 1, 0, {}
    return {**means, **padding, "lr": run.optimizer.param_groups[0]["lr"]}


def _step(
    run: Run,
    parts: Sequence[Part],
    examples: int,
    late: bool,
    params: TrainParams,
    weights: Tensor,
    seed: int,
) -> tuple[float, float, bool]:
    """One step of the optimiser; returns the loss, the norm of its gradients, and whether the first
    rank is `late` to save."""
    counts = np.sum([part.counts for part in parts], axis=0)
    tokens = np.sum([part.tokens for part in parts], axis=0)
    table = run.ranks.gather([len(parts), late, *counts, *tokens])
    totals, places = table[:, 2:].sum(0).split([len(LOSSES), len(TOKENS)])
    idle = [parts[-1].idle()] * (int(table[:, 0].max()) - len(parts))
    run.optimizer.zero_grad(set_to_none=True)
    own = torch.zeros(len(LOSSES), dtype=torch.float64)
    for i, part in enumerate(work := [*parts, *idle]):
        _seed_dropout(run, seed, i)
        with _gradients_stay_here(run.forward) if i + 1 < len(work) else nullcontext():
            own += _backward(run, part, totals, params, weights)
    norm = _update(run, params)
    mean = run.ranks.gather(own.tolist()).sum(0)
    loss = float(total_loss(mean, params.box_weight))
    measured = zip(("loss", *LOSSES), (loss, *mean.tolist()), (1, *totals.tolist()), strict=True)
    for name, value, count in measured:
        if count:
            run.sums[name] = run.sums.get(name, 0.0) + value * examples
    for name, value in zip(TOKENS, places.tolist(), strict=True):
        run.sums[name] = run.sums.get(name, 0.0) + value
    run.batch, run.step = run.batch + 1, run.step + 1
    return loss, norm, bool(table[0, 1])


def _backward(run: Run, part: Part, totals: Tensor, params: TrainParams, weights: Tensor) -> Tensor:
    """Add a part's gradients; returns its share of the mean losses: [len(LOSSES)]."""
    part = part.to(run.ranks.device)
    share = torch.tensor(part.counts, dtype=torch.float64) / totals.clamp(min=1e-6)
    mean = part_losses(run.forward, part, params, weights) * share.to(weights)
    loss = total_loss(mean, params.box_weight)
    # DDP and FSDP take the mean over ranks, but the sum is what is wanted
    run.scaler.scale(loss * run.ranks.world).backward()
    return mean.detach().double().cpu()


def part_losses(model: nn.Module, part: Part, params: TrainParams, weights: Tensor) -> Tensor:
    """The mean losses of a part: [len(LOSSES)]."""
    noised = None if part.proposal_only else part.state
    with autocast(weights.device, params.mixed_precision):
        answer = model(part.inputs, noised, part.time_b, part.unroll_b)
    found = losses(*in_float32(*answer), part.state, part.targets, part.inputs, weights)
    return torch.stack([found.proposal, found.role, found.prop, found.box, found.proposed_box])


def total_loss(parts: Tensor, box_weight: float) -> Tensor:
    """What is minimised, of the means [len(LOSSES)]."""
    return parts[:3].sum() + box_weight * parts[3:].sum()


def _update(run: Run, params: TrainParams) -> float:
    """Clip the gradients, step, average; returns the norm that the gradients had."""
    run.scaler.unscale_(run.optimizer)
    norm: Any = nn.utils.clip_grad_norm_(run.model.parameters(), params.grad_clip)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.average.update_parameters(run.model)
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)


def _gradients_stay_here(model: Any) -> Any:
    """A context in which ranks do not add up their gradients: there are more to come."""
    return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()


def _seed_dropout(run: Run, seed: int, part: int) -> None:
    """Dropout follows from the step, so that a resume in the midst of an epoch changes nothing."""
    place = np.random.SeedSequence([seed, run.step, part, run.ranks.rank])
    torch.manual_seed(int(place.generate_state(1)[0]))
