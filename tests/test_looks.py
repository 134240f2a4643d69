"""How nodes look, on screenshots painted for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt.grounding.looks import NUM_LOOKS, find_looks
from dlt.grounding.rectangles import WIDTH

PARENTS = (-1, 0, 1)  # a section, a card in it, a text in the card
BOXES = np.array([[100, 50, 300, 90], [100, 50, 300, 90], [100, 50, 300, 90]], float)


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
    plain, photo = (find_looks(painted(p)[::step, ::step], BOXES, PARENTS) for p in (False, True))
    assert plain.shape == (3, NUM_LOOKS)
    there, light, _, _, flat, sharp = plain[0]
    assert there == 1 and light > 0.8 and flat > 0.9 and sharp < 0.1
    assert photo[0, 4] < 0.2 and photo[0, 5] > 0.5
    assert not plain[1].any()  # the card shows nothing that its text does not


def test_a_fill_by_hand() -> None:
    page = np.full((40, WIDTH, 3), 255, np.uint8)
    page[10:30, 100:300] = [0, 0, 255]  # a blue box, and nothing in it
    found = find_looks(page, np.array([[0, 0, WIDTH, 40], [100, 10, 300, 30]], float), (-1, 0))
    assert found[1] == pytest.approx([1, 1 / 3, 0, 1, 1 - 219 / 4000, 219 / 4000], abs=0.02)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_looks_are_finite_and_between_0_and_1(height: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-20, 1.2 * WIDTH, (count, 2, 2))
    boxes = np.hstack([corners.min(1), corners.max(1)])
    boxes[rng.random(count) < 0.3] = np.nan
    parents = [-1, *(int(rng.integers(i)) for i in range(1, count))]
    pixels = rng.integers(0, 256, (height, 32, 3), dtype=np.uint8)
    found = find_looks(pixels, boxes, parents)
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
