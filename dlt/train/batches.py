"""The batches of an epoch: which examples a step sees, and this rank's share of them as tensors.

A step's examples follow from seed and epoch alone. How they are divided into ranks, and a rank's
share into parts that are computed one after the other, changes nothing but the order of sums.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dlt.data.batch import (
    Inputs,
    Movable,
    TargetTensors,
    collate_inputs,
    collate_targets,
    drop_images,
    drop_words,
    length_batches,
)
from dlt.data.dice import Dice
from dlt.data.encode import Encoded
from dlt.data.labelled import Sections
from dlt.data.views import numbered_view
from dlt.errors import DltError
from dlt.model.denoiser import MASK_PROP, MASK_ROLE, State, coordinates
from dlt.model.diffusion import add_noise, draw_given, draw_times
from dlt.params import ModelParams, TrainParams
from dlt.train.distributed import Ranks


@dataclass(frozen=True)
class Part(Movable):
    """Examples that are computed at once, noised."""

    inputs: Inputs
    targets: TargetTensors
    state: State
    time_b: Tensor
    unroll_b: Tensor | None  # see LayoutModel
    counts: tuple[float, ...]  # what each of the mean losses is a mean over
    tokens: tuple[int, ...]  # see `count_tokens`
    proposal_only: bool = False  # see TrainParams.proposal_epochs

    def idle(self) -> "Part":
        """The same without weight: what a rank computes while others have more to do."""
        return replace(self, counts=(0.0,) * len(self.counts), tokens=(0,) * len(self.tokens))


def make_part(
    sections: Sequence[Encoded],
    dice: Dice,
    improve: bool,
    class_dropout: float = 0.0,
    text_dropout: float = 0.0,
    image_dropout: float = 0.0,
    proposal_only: bool = False,
) -> Part:
    """Collate and noise sections, each with its own dice.

    Args:
        improve: learn to improve on a first estimate, not to begin.
        proposal_only: learn to propose, and no more.
    """
    inputs, targets = collate_inputs(sections), collate_targets(sections)
    unroll_b = dice.uniform() if improve else None
    if class_dropout or text_dropout:
        inputs = drop_words(inputs, class_dropout, text_dropout, dice)
    if image_dropout:
        drop_images(inputs, image_dropout, dice)
    given = draw_given(inputs.node_mask, dice)
    time_b = draw_times(dice)
    state = add_noise(targets, given, time_b, dice)
    count = float(len(sections))
    noised = (0.0, 0.0, 0.0) if proposal_only else _counts(state, targets, inputs.node_mask)
    counts = (count, *noised, count)
    tokens = count_tokens(sections)
    return Part(inputs, targets, state, time_b, unroll_b, counts, tokens, proposal_only)


def count_tokens(sections: Sequence[Encoded]) -> tuple[int, int, int, int]:
    """The nodes of a batch and the places for them, padding included; the same of rows of patches,
    in px."""
    nodes = [len(section.tags) for section in sections]
    rows = [section.image.shape[0] for section in sections]
    return sum(nodes), len(nodes) * max(nodes), sum(rows), len(rows) * max(rows)


def _counts(state: State, targets: TargetTensors, node_mask: Tensor) -> tuple[float, float, float]:
    """What `dlt.model.losses` divides the losses of the denoiser by."""
    role = ((state.roles == MASK_ROLE) & node_mask).any(1).sum()
    prop = ((state.props == MASK_PROP) & node_mask).any(1).sum()
    box = (targets.box_weights * node_mask * ~coordinates(state.given).all(-1)).sum()
    return float(role), float(prop), float(box)


def coin(seed: int, epoch: int, batch: int) -> bool:
    """Heads or tails for all of a step."""
    return bool(Dice(seed, epoch, [-1 - batch]).uniform() < 0.5)


@dataclass(frozen=True)
class Limits:
    """How much is computed at once."""

    examples: int
    tokens: int  # nodes and patches, padding included; 0: no limit
    patch_size: tuple[int, int]

    @classmethod
    def of(cls, model: ModelParams, train: TrainParams) -> "Limits":
        """Those of a run."""
        return cls(train.batch_size, train.max_tokens_per_batch, model.patch_size)

    def split(self, sections: Sequence[Encoded]) -> Iterator[list[int]]:
        """Indices of sections in parts within the limits; one section alone may be over them."""
        order = sorted(range(len(sections)), key=lambda i: len(sections[i].tags))
        part: list[int] = []
        for i in order:
            if part and not self._fits([sections[k] for k in (*part, i)]):
                yield part
                part = []
            part.append(i)
        yield part

    def _fits(self, sections: Sequence[Encoded]) -> bool:
        height, width = self.patch_size
        nodes = max(len(s.tags) for s in sections)
        patches = max(s.image.shape[0] // height * (s.image.shape[1] // width) for s in sections)
        tokens = len(sections) * (nodes + patches)
        return len(sections) <= self.examples and (not self.tokens or tokens <= self.tokens)


class Steps(Dataset[list[Part]]):
    """The steps of an epoch, each as this rank's parts, at least one."""

    def __init__(
        self,
        sections: Sections,
        numbers: Sequence[int],
        params: TrainParams,
        limits: Limits,
        seed: int,
        epoch: int,
        ranks: Ranks,
        step_size: int,
    ):
        """`numbers` as from `dlt.train.plan`; `step_size` examples a step, over all ranks."""
        self.sections, self.params, self.limits = sections, params, limits
        self.seed, self.epoch = seed, epoch
        self.rank, self.world = ranks.rank, ranks.world
        own = np.asarray(numbers) // max(params.augmentation_factor, 1)
        nodes, rows = sections.nodes[own].tolist(), sections.rows[own].tolist()
        order = length_batches(nodes, rows, step_size, np.random.default_rng([seed, epoch]))
        self.batches = [[numbers[i] for i in batch] for batch in order]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> list[Part]:
        batch = self.batches[index]
        own = batch[self.rank :: self.world] or batch[:1]
        parts = list(self._parts(own, coin(self.seed, self.epoch, index)))
        return parts if self.rank < len(batch) else [parts[0].idle()]

    def _parts(self, numbers: Sequence[int], improve: bool) -> Iterator[Part]:
        factor, hidden = self.params.augmentation_factor, self.params
        sections = [numbered_view(self.sections, factor, n, self.seed, self.epoch) for n in numbers]
        for part in self.limits.split(sections):
            dice = Dice(self.seed, self.epoch, [numbers[i] for i in part])
            chosen = [sections[i] for i in part]
            shares = (hidden.class_dropout, hidden.text_dropout, hidden.image_dropout)
            only = self.epoch < hidden.proposal_epochs
            yield make_part(chosen, dice, improve, *shares, proposal_only=only)


class _Caught(Dataset[list[Part] | Exception]):
    """The same steps, with the fault in place of one that cannot be made.

    Raised in a worker process, its one line would come out among those of a traceback.
    """

    def __init__(self, steps: Steps):
        self.steps = steps

    def __getitem__(self, index: int) -> list[Part] | Exception:
        try:
            return self.steps[index]
        except (DltError, OSError) as fault:
            return fault


def load_steps(steps: Steps, first: int, workers: int) -> Iterator[list[Part]]:
    """The steps from number `first` on, made ready by `workers` processes, or by this one at 0.

    Raises:
        DltError, OSError: an example cannot be read, as where it is read in this process.
    """
    loader = DataLoader(
        _Caught(steps),
        batch_size=None,
        sampler=range(first, len(steps)),
        num_workers=workers,
        collate_fn=_as_it_is,
    )
    for made in loader:
        if isinstance(made, Exception):
            raise made
        yield made


def _as_it_is(made: list[Part] | Exception) -> list[Part] | Exception:
    return made
