"""Encoding: the numbers that say where a node stands among its siblings, and its words."""

import numpy as np

from dlt.data.encode import MAX_TEXT_TOKENS, NUM_NUMBERS, _numbers, _text_tokens
from dlt.section.tree import Node, Structure


def test_places_and_numbers_of_siblings() -> None:
    #                 ul: li li b, the second li holds one u
    selectors, parents = ("ul", "li", "li", "u", "b"), (-1, 0, 0, 2, 0)
    structure = Structure(tuple(map(Node, selectors, parents)))
    numbers = _numbers(structure)
    assert numbers.shape == (5, NUM_NUMBERS)
    place, siblings = np.array([0, 0, 1, 0, 2]), np.array([1, 3, 3, 1, 3])
    alike, children = np.array([1, 2, 2, 1, 1]), np.array([3, 0, 1, 0, 0])
    sizes, leaves = np.array([5, 1, 2, 1, 1]), np.array([3, 1, 1, 1, 1])
    expected = [
        np.array([0, 1, 1, 2, 1]) / 8,
        np.log1p(place) / 2,
        np.log1p(siblings) / 2,
        place / siblings,
        place == 0,
        place == siblings - 1,
        np.log1p(alike) / 2,
        np.log1p(children) / 2,
        children == 1,
        np.array([1, 0, 0, 0, 0]),  # two children share a selector
        np.log1p(sizes) / 4,
        np.zeros(5),  # no texts
        np.zeros(5),
        np.log1p(leaves) / 3,
    ]
    assert np.allclose(numbers[:, :14], np.column_stack(expected), atol=1e-6)
    assert np.allclose(numbers[:, 17], np.array([0, 0, 1, 1, 2]) / 3), "one line to each leaf"
    assert np.allclose(numbers[:, 18], np.array([3, 1, 2, 2, 3]) / 3)


def test_digits_count_by_their_shape() -> None:
    assert _text_tokens("from 24.99") == _text_tokens("FROM 10.50") != _text_tokens("from 4.99")
    assert len(_text_tokens("")) == len(_text_tokens("a " * 50)) == MAX_TEXT_TOKENS
