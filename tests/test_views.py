"""Views for training: drawn from a seed, of the same layout, never of the wrong shape."""

import numpy as np
import pytest

from dlt.data.encode import Encoded
from dlt.data.labelled import Sections
from dlt.data.views import numbered_view
from tests.test_model import TINY, sections


@pytest.fixture(scope="module")
def labelled() -> Sections:
    """A few synthetic sections with their labels."""
    return Sections(sections(6))


def views(labelled: Sections, factor: int, seed: int, epoch: int) -> list[Encoded]:
    """All views of an epoch."""
    count = len(labelled) * max(factor, 1)
    return [numbered_view(labelled, factor, number, seed, epoch) for number in range(count)]


def test_a_view_follows_from_seed_epoch_and_number(labelled: Sections) -> None:
    first, again, next_epoch = (views(labelled, 2, 0, epoch) for epoch in (1, 1, 2))
    assert len(first) == 2 * len(labelled)
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.image, b.image) and np.array_equal(a.numbers, b.numbers)
    assert any(not np.array_equal(a.image, b.image) for a, b in zip(first, next_epoch, strict=True))


def test_a_view_keeps_the_elements_and_the_size_of_the_picture(labelled: Sections) -> None:
    for section, view in zip(labelled, views(labelled, 1, 0, 0), strict=True):
        assert section.encoded.targets and view.targets
        assert view.image.shape == section.encoded.image.shape
        assert view.image.shape[0] % TINY.patch_size[0] == 0
        assert (view.image[view.image_height :] == 255).all()
        starts = [t.box_weights == 1 for t in (section.encoded.targets, view.targets)]
        assert starts[0].sum() == starts[1].sum()


def test_a_factor_of_zero_takes_sections_as_they_are(labelled: Sections) -> None:
    assert all(
        section.encoded is view
        for section, view in zip(labelled, views(labelled, 0, 0, 0), strict=True)
    )
