"""Encoded sections as padded tensors.

Axes: B sections, N nodes (padded to the longest), Y and X pixels.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from dlt.data.dice import Dice
from dlt.data.encode import (
    CLASS_BUCKETS,
    CLASS_NUMBERS,
    NUM_PLACES,
    TEXT_BUCKETS,
    TEXT_NUMBERS,
    Encoded,
)

_HIDDEN_OVERLAP = 0.5  # share of the sections
_SIZE_NOISE = 0.03  # of the logarithms of sizes that decide what is batched together


@dataclass(frozen=True)
class Movable:
    """Tensors that move to a device together."""

    def to(self, device: torch.device) -> Self:
        """The same on another device; fields that are no tensors, nor hold any, stay as they are."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{k: v.to(device) for k, v in values.items() if hasattr(v, "to")})


@dataclass(frozen=True)
class Inputs(Movable):
    """What the model may see of B sections."""

    node_mask: Tensor  # bool [B, N]: a node, not padding
    tags: Tensor  # int64 [B, N]
    class_tokens: Tensor  # int64 [B, N, MAX_CLASS_TOKENS]
    text_tokens: Tensor  # int64 [B, N, MAX_TEXT_TOKENS]
    numbers: Tensor  # float32 [B, N, NUM_NUMBERS]
    relations: Tensor  # int64 [B, N, N]
    parents: Tensor  # int64 [B, N]: the root is its own, padding is the root's child
    grounding: Tensor  # float32 [B, N, NUM_GROUNDING]: see dlt.data.encode.Encoded
    looks: Tensor  # float32 [B, NUM_LOOKS]: see dlt.grounding.looks
    images: Tensor  # uint8 [B, Y, X, 3]
    image_heights: Tensor  # float32 [B], px: the rows below are padding

    @property
    def aspects(self) -> Tensor:
        """Heights of the screenshots in units of their widths: float32 [B]."""
        return self.image_heights / self.images.shape[2]

    @property
    def places(self) -> Tensor:
        """The boxes that grounding knows, float32 [B, N, NUM_PLACES, 5]: whether there is one, and its
        left, top, right and bottom edge as fractions of the screenshot."""
        return self.grounding[..., : 5 * NUM_PLACES].unflatten(-1, (NUM_PLACES, 5))


@dataclass(frozen=True)
class TargetTensors(Movable):
    """The labels of B sections; see `dlt.data.encode.Targets`."""

    roles: Tensor  # int64 [B, N]
    owners: Tensor  # int64 [B, N]
    props: Tensor  # int64 [B, N]
    boxes: Tensor  # float32 [B, N, 4]: centre, size
    box_weights: Tensor  # float32 [B, N]
    contents: Tensor  # float32 [B, N, 4]: centre, size
    content_weights: Tensor  # float32 [B, N]


def collate_inputs(sections: Sequence[Encoded]) -> Inputs:
    """Pad sections into one batch."""
    counts = torch.tensor([len(section.tags) for section in sections])
    length = int(counts.max())
    return Inputs(
        node_mask=torch.arange(length) < counts[:, None],
        tags=_pad([s.tags for s in sections]),
        class_tokens=_pad([s.class_tokens for s in sections]),
        text_tokens=_pad([s.text_tokens for s in sections]),
        numbers=_pad([s.numbers for s in sections]),
        relations=_pad([s.relations for s in sections]).long(),
        parents=_pad([s.parents for s in sections]),
        grounding=_pad([s.grounding for s in sections]),
        looks=torch.from_numpy(np.stack([s.looks for s in sections])),
        images=_pad([section.image for section in sections], fill=255),
        image_heights=torch.tensor([float(s.image_height) for s in sections]),
    )


def collate_targets(sections: Sequence[Encoded]) -> TargetTensors:
    """Pad the targets of sections into one batch; every section must have some."""
    targets = [section.targets for section in sections]
    return TargetTensors(
        roles=_pad([t.roles for t in targets if t]),
        owners=_pad([t.owners for t in targets if t]),
        props=_pad([t.props for t in targets if t]),
        boxes=_pad([t.boxes for t in targets if t]),
        box_weights=_pad([t.box_weights for t in targets if t]),
        contents=_pad([t.contents for t in targets if t]),
        content_weights=_pad([t.content_weights for t in targets if t]),
    )


def hide(inputs: Inputs, parts: Collection[str]) -> Inputs:
    """The same without some parts: `image` (a white one of the same height), `text` (words and
    numbers that tell of text lengths) and `classes` (names, and numbers that tell which nodes share
    some). Grounding needs both image and text."""
    if "image" in parts or "text" in parts:
        nothing = torch.zeros_like(inputs.grounding), torch.zeros_like(inputs.looks)
        inputs = replace(inputs, grounding=nothing[0], looks=nothing[1])
    if "image" in parts:
        inputs = replace(inputs, images=torch.full_like(inputs.images, 255))
    if "classes" in parts:
        names = torch.zeros_like(inputs.class_tokens)
        inputs = replace(inputs, class_tokens=names, numbers=_without(inputs, CLASS_NUMBERS))
    if "text" in parts:
        numbers = _without(inputs, TEXT_NUMBERS)
        words = torch.zeros_like(inputs.text_tokens)
        inputs = replace(inputs, text_tokens=words, numbers=numbers)
    return inputs


def _without(inputs: Inputs, numbers: Sequence[int]) -> Tensor:
    """The numbers of nodes with some of them 0: [B, N, NUM_NUMBERS]."""
    out = inputs.numbers.clone()
    out[..., numbers] = 0
    return out


def drop_images(inputs: Inputs, share: float, dice: Dice) -> None:
    """Hide the image, and with it grounding and looks, of such a share of the sections.

    In place, one by one: a copy of all images, or a mask over them, would take as long as collating.
    """
    for b in (dice.uniform() < share).nonzero()[:, 0].tolist():
        inputs.images[b], inputs.grounding[b], inputs.looks[b] = 255, 0, 0


def drop_words(inputs: Inputs, class_share: float, text_share: float, dice: Dice) -> Inputs:
    """Hide shares of the class and of the text tokens, each token everywhere in its section, and
    all of them in such a share of the sections: words must not be all that the model goes by. Nor
    which nodes share classes: wherever class names are hidden, half of the sections do not show it."""
    numbers = inputs.numbers.clone()
    if class_share:
        shown = dice.uniform() >= _HIDDEN_OVERLAP
        numbers[..., CLASS_NUMBERS] *= shown[:, None, None]
    return replace(
        inputs,
        numbers=numbers,
        class_tokens=_drop(inputs.class_tokens, class_share, CLASS_BUCKETS, dice),
        text_tokens=_drop(inputs.text_tokens, text_share, TEXT_BUCKETS, dice),
    )


def _drop(tokens: Tensor, share: float, buckets: int, dice: Dice) -> Tensor:
    hidden = dice.uniform(buckets) < share
    hidden |= dice.uniform(1) < share
    return tokens.masked_fill(hidden.gather(1, tokens.flatten(1)).view(tokens.shape), 0)


def _pad(arrays: Sequence[np.ndarray], fill: int = 0) -> Tensor:
    """Stack arrays, the first axes padded to the longest; a square array pads both its axes."""
    shape = np.max([array.shape for array in arrays], axis=0)
    out = np.full((len(arrays), *shape), fill, arrays[0].dtype)
    for row, array in zip(out, arrays, strict=True):
        row[tuple(slice(n) for n in array.shape)] = array
    return torch.from_numpy(out)


def length_batches(
    nodes: Sequence[int], rows: Sequence[int], batch_size: int, generator: np.random.Generator
) -> list[list[int]]:
    """Indices in shuffled batches of similar numbers of nodes and of rows of pixels.

    So little of a batch is padding. As in a k-d tree (Bentley 1975), the sections are parted by the
    number in which most of them are far from the largest, until a part is a batch. Numbers are taken
    a few per cent off, anew for each generator, so that sections do not always meet the same others.
    """
    sizes = np.log(np.column_stack([nodes, rows]))
    sizes += generator.uniform(-_SIZE_NOISE, _SIZE_NOISE, sizes.shape)
    batches = []
    open_parts = [np.arange(len(sizes))]
    while open_parts:
        part = open_parts.pop()
        if len(part) <= batch_size:
            batches.append(part.tolist())
            continue
        own = sizes[part]
        by_most = part[np.argsort(own[:, (own.max(0) - own.mean(0)).argmax()], kind="stable")]
        large = max(len(part) // batch_size // 2, 1) * batch_size  # what is left over is small
        open_parts += [by_most[:-large], by_most[-large:]]
    return [batches[b] for b in generator.permutation(len(batches))]
