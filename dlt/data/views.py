"""Views of labelled sections for training: other markup, other words, other colours, same layout."""

import numpy as np

from dlt.data.augment import augment
from dlt.data.augment_image import flip, recolour
from dlt.data.encode import Encoded, encode_view
from dlt.data.labelled import Labelled, Sections
from dlt.grounding.rectangles import mirrored

FLIPPED = 0.1  # seldom: text is mirrored, too, and most pages begin on the left


def numbered_view(sections: Sections, factor: int, number: int, seed: int, epoch: int) -> Encoded:
    """View `number` of an epoch's len(sections) · `factor`, drawn from (seed, epoch, number).

    With a factor of 0 there are the sections as they are.
    """
    if factor == 0:
        return sections.encoded(number)
    return view(sections[number // factor], np.random.default_rng([seed, epoch, number]))


def view(section: Labelled, rng: np.random.Generator) -> Encoded:
    """One view of a section."""
    structure, labels = augment(section.structure, section.truth, rng)
    seen = section.encoded
    pixels = recolour(seen.image[: seen.image_height], rng)
    blobs = seen.blobs
    if rng.random() < FLIPPED:
        labels, pixels = flip(labels, pixels)
        blobs = mirrored(blobs)
    image = seen.image.copy()
    image[: seen.image_height] = pixels
    return encode_view(seen.name, structure, labels, image, seen.image_height, blobs)
