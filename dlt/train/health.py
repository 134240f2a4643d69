"""Runs that cannot go well: each ends with one line that says what to change."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from dlt.errors import DltError
from dlt.params import TrainParams
from dlt.paths import main_checkout
from dlt.train.checkpoint import newest_checkpoint
from dlt.train.distributed import Ranks
from dlt.train.run import Run

_FIRST_STEPS = 20  # whose mean loss is what later ones are compared with
_EXPLODED = 5  # times that
_EXPLODED_AT_FIRST = 50  # times the loss of the first step, among these: single batches differ much
_SMALL = 1.0  # what a loss begins with at least, for that: a trained model's may rise several times
_MOST_WAITING = 0.3  # share of an epoch
_ALLOCATORS = ("DefaultCPUAllocator", "can't allocate memory", "Cannot allocate memory")


class LossFault(DltError):
    """A loss with which training cannot go on."""


def check_loss(run: Run, loss: float, norm: float, since: int) -> None:
    """Take up the loss of the step just done, over all ranks, and the norm of its gradients.

    Args:
        since: the number of the step, from 1, among those that sum the same losses.

    Raises:
        LossFault: one of them is no number, or the loss has risen far above where it began.
    """
    if math.isfinite(loss):  # the mean of the first steps, then a running one
        run.recent_loss += max(1 / since, 1 / _FIRST_STEPS) * (loss - run.recent_loss)
        if since in (1, _FIRST_STEPS):
            run.first_loss = run.recent_loss
    # scaled fp16 gradients overflow now and then: the scaler leaves such a step out
    broken = not math.isfinite(loss) or (not math.isfinite(norm) and not run.scaler.is_enabled())
    limit = _EXPLODED_AT_FIRST if since < _FIRST_STEPS else _EXPLODED
    if broken or run.recent_loss > limit * max(run.first_loss, _SMALL):
        what = f"is {loss}" if broken else f"exploded to {run.recent_loss:.3g}"
        raise LossFault(
            f"step {run.step}: the loss {what}, gradient norm {norm:.3g}, learning rate "
            f"{run.optimizer.param_groups[0]['lr']:.2g}; set train.lr lower, train.warmup_steps "
            "higher or train.grad_clip lower"
        )


@contextmanager
def way_back(folder: Path) -> Iterator[None]:
    """Add to the line of a LossFault which checkpoint of the run, in `folder`, is the newest."""
    try:
        yield
    except LossFault as error:
        path = newest_checkpoint(folder)
        if path is None:
            raise
        resume = f"train.resume_from={path.relative_to(main_checkout())}"
        raise DltError(f"{error}; {resume} goes on from the last checkpoint") from None


def warn_of_idle_gpu(ranks: Ranks, share: float) -> None:
    """Say so where a GPU has waited for batches for too large a `share` of an epoch."""
    if ranks.device.type == "cuda" and share > _MOST_WAITING:
        ranks.say(
            f"the GPU waited for batches {share:.0%} of the time: set "
            "train.dataloader_num_workers higher"
        )


@contextmanager
def memory_in_one_line(params: TrainParams) -> Iterator[None]:
    """Turn a lack of memory into a line that says which parameters need less.

    Raises:
        DltError: there is not enough memory.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_lack_of_memory(error):
            raise
        raise DltError(f"not enough memory: set {' or '.join(_remedies(params))}") from None


def _is_lack_of_memory(error: RuntimeError) -> bool:
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or any(name in text for name in _ALLOCATORS)


def _remedies(params: TrainParams) -> Iterator[str]:
    """What is not in use yet, the least harmful first."""
    if not params.gradient_checkpointing:
        yield "train.gradient_checkpointing=true"
    if params.mixed_precision == "no" and torch.cuda.is_available():
        yield "train.mixed_precision=bf16"
    if params.batch_size > 1:
        total = params.examples_a_step
        half = params.batch_size // 2
        yield f"train.batch_size={half} with train.gradient_accumulation={total // half}"
    limited = params.max_tokens_per_batch > 0
    yield "train.max_tokens_per_batch" + (" lower" if limited else ", such as 4096")
    yield "a lower model.image_width"
