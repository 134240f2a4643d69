"""From noise to a layout in a few steps.

Axis suffixes: b section, n node.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dlt.data.batch import Inputs, TargetTensors
from dlt.model.boxes import scale_boxes, signal
from dlt.model.denoiser import (
    MASK_PROP,
    MASK_ROLE,
    NUM_PROPS,
    NUM_ROLES,
    Estimate,
    State,
    coordinates,
    unrevised,
)
from dlt.model.diffusion import reverse_step, root_only
from dlt.model.layout_model import LayoutModel
from dlt.params import Sample


class Sampled(NamedTuple):
    """Clean labels, and boxes. What is known counts in none but the last two."""

    role_scores: Tensor  # float [B, N, NUM_ROLES]: log-probabilities, and what the draw adds
    prop_scores: Tensor  # float [B, N, NUM_PROPS]
    owner_scores: Tensor  # float [B, N, NUM_OWNERS]: see dlt.model.crf
    below_scores: Tensor  # float [B, NUM_OWNERS, NUM_LINKS]
    boxes: Tensor  # float [B, N, 4]: centre and size as fractions
    role_probs: Tensor  # float [B, N, NUM_ROLES]: what the model believes, whatever was drawn


@torch.inference_mode()
def sample(
    model: LayoutModel,
    inputs: Inputs,
    settings: Sample,
    known: tuple[TargetTensors, Tensor] | None = None,
) -> Sampled:
    """Predict B sections.

    Boxes begin as seeded noise, labels masked; each step sees the estimate of the one before, and the
    last estimate is the result; without any step, it is what the encoder proposes. With a temperature
    above 0 labels are drawn instead of taken.

    Args:
        known: labels and boxes, and which of them are given [B, N, 4]; they come back unchanged.
    """
    views = (inputs,) if settings.guidance == 1 else (inputs, without_words(inputs))
    memories = [model.denoiser.remember(model.encoder(view)) for view in views]
    state = _start(inputs, settings.seed, known)
    open_role, open_prop = (~state.given[..., i] & inputs.node_mask for i in range(2))
    if not settings.steps:
        proposed = [unrevised(memory.condition, state) for memory in memories]
        estimate = _guided(proposed, settings.guidance)
        drawn = _draw(estimate, settings, 0)
    times = torch.linspace(1, 0, settings.steps + 1, device=state.boxes.device)
    for step, (time_b, then_b) in enumerate(pairwise(times[:, None].expand(-1, len(state.roles)))):
        estimates = [model.denoiser(state, time_b, memory) for memory in memories]
        estimate = _guided(estimates, settings.guidance)
        drawn = _draw(estimate, settings, step)
        state = reverse_step(state, drawn, (open_role, open_prop), time_b, then_b, then_b)
        state = _stir(state, estimate, settings, step, then_b)
    return Sampled(
        drawn.role_logits.log_softmax(-1),
        drawn.prop_logits.log_softmax(-1),
        estimate.owner_scores,
        estimate.below_scores.expand(len(inputs.tags), -1, -1),
        estimate.boxes.clamp(0, 1),
        _settled(root_only(estimate.role_logits), state.roles, state.given[..., 0]),
    )


def without_words(inputs: Inputs) -> Inputs:
    """The same sections without class names and words, as training shows some of them."""
    return replace(
        inputs,
        class_tokens=torch.zeros_like(inputs.class_tokens),
        text_tokens=torch.zeros_like(inputs.text_tokens),
    )


def _guided(estimates: Sequence[Estimate], guidance: float) -> Estimate:
    """The first estimate; with guidance its label logits, moved away from the second, without words.

    Classifier-free guidance (Ho & Salimans 2022): without + guidance · (with − without), of
    log-probabilities. Boxes are those of the full condition.
    """
    estimate, *without = estimates
    if not without:
        return estimate
    roles, props, owners = (
        torch.lerp(low.log_softmax(-1), high.log_softmax(-1), guidance)
        for low, high in (
            (without[0].role_logits, estimate.role_logits),
            (without[0].prop_logits, estimate.prop_logits),
            (without[0].owner_scores, estimate.owner_scores),
        )
    )
    return replace(estimate, role_logits=roles, prop_logits=props, owner_scores=owners)


def _draw(estimate: Estimate, settings: Sample, step: int) -> Estimate:
    """Labels at random: the largest of logits with Gumbel noise is a draw from their softmax.

    The noise is multiplied by the temperature, for the choice and for its confidence alike, as in
    MaskGIT (Chang et al. 2022). The likeliest lawful labels of noisy logits are a draw from the
    lawful ones (perturb-and-MAP, Papandreou & Yuille 2011).
    """
    if not settings.temperature:
        return estimate
    nodes, device = estimate.boxes.shape[1], estimate.boxes.device
    # node by node, so that the length of the batch changes nothing
    generator = np.random.default_rng([settings.seed, step, 0])
    gumbel = settings.temperature * generator.gumbel(size=(nodes, NUM_ROLES + NUM_PROPS))
    roles, props = torch.from_numpy(gumbel).float().to(device).split([NUM_ROLES, NUM_PROPS], -1)
    return replace(
        estimate,
        role_logits=estimate.role_logits.log_softmax(-1) + roles,
        prop_logits=estimate.prop_logits.log_softmax(-1) + props,
    )


def _stir(state: State, estimate: Estimate, settings: Sample, step: int, then_b: Tensor) -> State:
    """Mix fresh noise into that of the boxes, whose variance stays; at temperature 0 nothing.

    So DDIM becomes stochastic, as with its η above 0 (Song et al. 2021).
    """
    if not settings.temperature:
        return state
    generator = np.random.default_rng([settings.seed, step, 1])
    normal = generator.standard_normal((state.boxes.shape[1], 4), dtype=np.float32)
    fresh = settings.temperature * torch.from_numpy(normal).to(state.boxes.device)
    alpha = signal(then_b)[:, None, None]
    mean = alpha * scale_boxes(estimate.boxes.clamp(0, 1))
    noise = state.boxes - mean + (1 - alpha**2).clamp(min=0).sqrt() * fresh
    mixed = mean + noise / math.hypot(1, settings.temperature)
    return replace(state, boxes=torch.where(coordinates(state.given), state.boxes, mixed))


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
        return State(roles, props, noise, given)
    labels, given = known
    return State(
        roles=torch.where(given[..., 0], labels.roles, roles),
        props=torch.where(given[..., 1], labels.props, props),
        boxes=torch.where(coordinates(given), scale_boxes(labels.boxes), noise),
        given=given,
    )
