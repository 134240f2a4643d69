"""Views of labelled sections for training: other markup, other words, other colours, same layout."""

from collections.abc import Sequence

import numpy as np

from dlt.data.augment import augment
from dlt.data.augment_image import flip, recolour
from dlt.data.encode import Encoded, encode_view
from dlt.data.labelled import Labelled

FLIPPED = 0.1  # seldom: text is mirrored, too, and most pages begin on the left


def views(sections: Sequence[Labelled], factor: int, seed: int, epoch: int) -> list[Encoded]:
    """`factor` views of each section, drawn from (seed, epoch, number of the view).

    With a factor of 0 the sections are taken as they are.
    """
    if factor == 0:
        return [section.encoded for section in sections]
    many = [section for section in sections for _ in range(factor)]
    return [view(s, np.random.default_rng([seed, epoch, i])) for i, s in enumerate(many)]


def view(section: Labelled, rng: np.random.Generator) -> Encoded:
    """One view of a section."""
    structure, labels = augment(section.structure, section.truth, rng)
    seen = section.encoded
    pixels = recolour(seen.image[: seen.image_height], rng)
    if rng.random() < FLIPPED:
        labels, pixels = flip(labels, pixels)
    image = seen.image.copy()
    image[: seen.image_height] = pixels
    return encode_view(seen.name, structure, labels, image, seen.image_height)
