"""Views of a screenshot for training; see `dlt.data.augment` for those of the tree."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import functional

from dlt.section.labels import Labels

Pixels = NDArray[np.uint8]  # [rows, width, 3], without the white below a screenshot

INVERTED = 0.1  # seldom: the negative of a photograph is no picture that a page has
TONED = 0.5  # of views, each: a half keeps the colours that real pages have
CONTRAST = (0.6, 1.3)
BRIGHTNESS = (0.7, 1.1)  # few above 1: most pages are white, and what is brighter is lost
CAST = 0.12  # the most that a channel is dimmed by: a tint of the page, not another hue


def flip(labels: Labels, screenshot: Pixels) -> tuple[Labels, Pixels]:
    """Mirror a section: columns of pixels reversed, boxes with them.

    The structure stays as it is, and is right so: a page for a script that runs from right to left
    has its nodes in reading order, too, while rows run from right to left.
    """
    if labels.boxes is None:
        return labels, screenshot[:, ::-1].copy()
    boxes = tuple(
        None if box is None else (max(1 - box[0] - box[2], 0.0), *box[1:]) for box in labels.boxes
    )
    return replace(labels, boxes=boxes), screenshot[:, ::-1].copy()


def recolour(screenshot: Pixels, rng: np.random.Generator) -> Pixels:
    """Change light and colours, each by chance: light ↔ dark, contrast, brightness, a colour cast."""
    invert, contrast, brightness, cast = rng.random(4)
    pixels = torch.tensor(screenshot).permute(2, 0, 1)
    if invert < INVERTED:
        pixels = functional.invert(pixels)
    if contrast < TONED:
        pixels = functional.adjust_contrast(pixels, rng.uniform(*CONTRAST))
    if brightness < TONED:
        pixels = functional.adjust_brightness(pixels, rng.uniform(*BRIGHTNESS))
    if cast < TONED:
        gains = rng.uniform(1 - CAST, 1, 3)
        tinted = [functional.adjust_brightness(p[None], g) for p, g in zip(pixels, gains)]
        pixels = torch.cat(tinted)
    return pixels.permute(1, 2, 0).contiguous().numpy()
