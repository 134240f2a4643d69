"""How what lies behind a section looks, on screenshots painted for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt.grounding.looks import NUM_LOOKS, find_looks
from dlt.grounding.rectangles import WIDTH


def painted(photo: bool) -> np.ndarray:
    """A white page or a photo, on it a blue button with white stripes for a text."""
    rng = np.random.default_rng(0)
    page = np.full((200, WIDTH, 3), 255, np.uint8)
    if photo:
        page[:] = rng.integers(0, 256, page.shape)
    page[30:110, 80:320] = [0, 0, 255]
    page[50:90, 100:300:4] = 255
    return page


@pytest.mark.parametrize("width", [WIDTH, WIDTH // 2])
def test_a_photo_behind_a_section_is_seen(width: int) -> None:
    step = WIDTH // width
    plain, photo = (find_looks(painted(p)[::step, ::step]) for p in (False, True))
    assert plain == pytest.approx([1, 0, 0, 1, 0]), "what lies inside the section is not looked at"
    assert photo[3] < 0.1 and photo[4] > 0.5


def test_two_margins_by_hand() -> None:
    page = np.full((40, WIDTH, 3), 255, np.uint8)
    page[:, WIDTH // 2 :] = [0, 0, 255]  # the right half is blue
    assert find_looks(page) == pytest.approx([2 / 3, 1 / 3, 0.5, 1, 0])


def test_a_photo_that_hardly_wavers_is_not_flat() -> None:
    page = np.full((100, WIDTH, 3), 100, np.uint8)
    page[::2] += 2
    assert find_looks(page)[3:] == pytest.approx([0, 0])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_looks_are_finite_and_between_0_and_1(height: int, width: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = find_looks(pixels)
    assert found.shape == (NUM_LOOKS,)
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
