"""From noise to a layout in a few steps.

Axis suffixes: b section, n node.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dlt.data.batch import Inputs, TargetTensors
from dlt.model.boxes import scale_boxes, whole
from dlt.model.denoiser import MASK_PROP, MASK_ROLE, State, coordinates
from dlt.model.diffusion import first_guess, reverse_step, root_only
from dlt.model.layout_model import LayoutModel


class Sampled(NamedTuple):
    """Clean labels as probabilities, and boxes."""

    role_probs: Tensor  # float [B, N, NUM_ROLES]
    prop_probs: Tensor  # float [B, N, NUM_PROPS]
    boxes: Tensor  # float [B, N, 4]: centre and size as fractions


@torch.inference_mode()
def sample(
    model: LayoutModel,
    inputs: Inputs,
    steps: int,
    seed: int,
    known: tuple[TargetTensors, Tensor] | None = None,
) -> Sampled:
    """Predict B sections.

    Boxes begin as seeded noise, labels masked; each step sees the estimate of the one before, and the
    last estimate is the result.

    Args:
        known: labels and boxes, and which of them are given [B, N, 4]; they come back unchanged.
    """
    memory = model.denoiser.remember(model.encoder(inputs))
    state = _start(inputs, seed, known)
    free = tuple(~state.given[..., i] & inputs.node_mask for i in range(2))
    times = torch.linspace(1, 0, steps + 1, device=state.boxes.device)
    for time_b, then_b in pairwise(times[:, None].expand(-1, len(state.roles))):
        estimate = model.denoiser(state, time_b, memory)
        state = reverse_step(state, estimate, free, time_b, then_b, then_b)
    return Sampled(
        _settled(root_only(estimate.role_logits), state.roles, state.given[..., 0]),
        _settled(estimate.prop_logits, state.props, state.given[..., 1]),
        estimate.boxes.clamp(0, 1),
    )


def _settled(logits: Tensor, labels: Tensor, given: Tensor) -> Tensor:
    """Probabilities; of what is given, 1."""
    certain = F.one_hot(labels.masked_fill(~given, 0), logits.shape[-1])
    return torch.where(given[..., None], certain, logits.softmax(-1))


def _start(inputs: Inputs, seed: int, known: tuple[TargetTensors, Tensor] | None) -> State:
    shape = inputs.tags.shape
    device = inputs.tags.device
    # the same noise for every section, whatever the length of its batch; torch's own generator
    # would begin otherwise for another length
    draw = np.random.default_rng(seed).standard_normal((shape[1], 4), dtype=np.float32)
    noise = torch.from_numpy(draw).to(device).expand(*shape, 4)
    roles = torch.full(shape, MASK_ROLE, device=device)
    props = torch.full(shape, MASK_PROP, device=device)
    if known is None:
        given = torch.zeros(*shape, 4, dtype=torch.bool, device=device)
        return State(roles, props, noise, given, whole(noise))
    labels, given = known
    return State(
        roles=torch.where(given[..., 0], labels.roles, roles),
        props=torch.where(given[..., 1], labels.props, props),
        boxes=torch.where(coordinates(given), scale_boxes(labels.boxes), noise),
        given=given,
        guess=first_guess(labels.boxes, given),
    )
