"""From noise to a layout in a few steps: DDIM for boxes, confidence-ordered unmasking for labels.

Axis suffixes: b section, n node.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dlt.data.batch import Inputs, TargetTensors
from dlt.model.denoiser import (
    MASK_PROP,
    MASK_ROLE,
    NUM_PROPS,
    NUM_ROLES,
    Estimate,
    State,
    coordinates,
    no_guess,
    scale_boxes,
    unscale_boxes,
)
from dlt.model.diffusion import signal
from dlt.model.layout_model import LayoutModel
from dlt.section.roles import NODE_ROLES, ROOT_ROLE

_SECTION = NODE_ROLES.index(ROOT_ROLE)


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

    Boxes follow the deterministic DDIM (Song et al. 2021, η = 0) from seeded noise, and each step
    sees the estimate of the one before (self-conditioning, Chen et al. 2023, Analog Bits). Labels are
    unmasked as in MaskGIT (Chang et al. 2022): each step fixes the most confident ones, as many as
    the linear schedule says.

    Args:
        known: labels and boxes, and which of them are given [B, N, 4]; they come back unchanged.
    """
    memory = model.denoiser.remember(model.encoder(inputs))
    state = _start(inputs, seed, known)
    roles_seen = torch.zeros(*state.roles.shape, NUM_ROLES, device=state.boxes.device)
    props_seen = torch.zeros(*state.props.shape, NUM_PROPS, device=state.boxes.device)
    times = torch.linspace(1, 0, steps + 1, device=state.boxes.device)
    for time, then in pairwise(times):
        estimate = model.denoiser(state, time.expand(len(state.roles)), memory)
        role_probs = _root_only(estimate.role_logits).softmax(-1)
        prop_probs = estimate.prop_logits.softmax(-1)
        roles, roles_seen = _unmask(
            state.roles, role_probs, roles_seen, inputs.node_mask, then, MASK_ROLE
        )
        props, props_seen = _unmask(
            state.props, prop_probs, props_seen, inputs.node_mask, then, MASK_PROP
        )
        boxes = _ddim(state, estimate, time, then)
        state = State(roles, props, boxes, state.given, guess=estimate.boxes.clamp(0, 1))
    return Sampled(roles_seen, props_seen, unscale_boxes(state.boxes))


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
        return State(roles, props, noise, given, no_guess(noise))
    labels, given = known
    return State(
        roles=torch.where(given[..., 0], labels.roles, roles),
        props=torch.where(given[..., 1], labels.props, props),
        boxes=torch.where(coordinates(given), scale_boxes(labels.boxes), noise),
        given=given,
        guess=no_guess(noise),
    )


def _root_only(logits: Tensor) -> Tensor:
    """The root, and no other node, is the section."""
    allowed = torch.zeros_like(logits, dtype=torch.bool)
    allowed[:, 0, _SECTION] = True
    allowed[:, 1:] = torch.arange(logits.shape[-1], device=logits.device) != _SECTION
    return logits.masked_fill(~allowed, float("-inf"))


def _unmask(
    labels: Tensor, probs: Tensor, seen: Tensor, node_mask: Tensor, then: Tensor, mask: int
) -> tuple[Tensor, Tensor]:
    """Fix the most confident masked labels until a share `then` of all nodes is masked.

    Returns the labels and, by node, the probabilities at the moment it was fixed.
    """
    confidence, best = probs.max(-1)
    masked = (labels == mask) & node_mask
    keep = (then * node_mask.sum(1)).floor()
    order = confidence.masked_fill(~masked, float("inf")).argsort(dim=1).argsort(dim=1)
    fixed = masked & (order >= keep[:, None])
    clean = torch.nn.functional.one_hot(labels.clamp(max=probs.shape[-1] - 1), probs.shape[-1])
    seen = torch.where(((labels != mask) & (seen.sum(-1) == 0))[..., None], clean.float(), seen)
    return torch.where(fixed, best, labels), torch.where(fixed[..., None], probs, seen)


def _ddim(state: State, estimate: Estimate, time: Tensor, then: Tensor) -> Tensor:
    clean = scale_boxes(estimate.boxes.clamp(0, 1))
    alpha, alpha_then = signal(time), signal(then)
    noise = (state.boxes - alpha * clean) / (1 - alpha**2).sqrt()
    moved = alpha_then * clean + (1 - alpha_then**2).clamp(min=0).sqrt() * noise
    return torch.where(coordinates(state.given), state.boxes, moved)
