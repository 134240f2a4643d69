"""Encoding: the numbers that say where a node stands among its siblings, and its words."""

import numpy as np
from numpy.typing import NDArray

from dlt.data.encode import (
    CLASS_NUMBERS,
    MAX_TEXT_TOKENS,
    NUM_NUMBERS,
    RELATIONS,
    Floats,
    _class_overlap,
    _numbers,
    _relations,
    _text_tokens,
)
from dlt.section.tree import Node, Structure


def encoded(structure: Structure) -> tuple[Floats, NDArray[np.uint8]]:
    """Numbers and relations of a structure."""
    overlap, shared = _class_overlap(structure)
    return _numbers(structure, shared), _relations(structure, overlap)


def test_places_and_numbers_of_siblings() -> None:
    #                 ul: li li b, the second li holds one u
    selectors, parents = ("ul", "li", "li", "u", "b"), (-1, 0, 0, 2, 0)
    structure = Structure(tuple(map(Node, selectors, parents)))
    numbers, _ = encoded(structure)
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


def test_class_names_tell_what_is_alike_whatever_they_are() -> None:
    #                   root, its wrapper, a container in that, two headings in it, one with a link
    selectors = ("div.e.a.box", "div.in", "div.e.b.box", "h2.e.c.head", "h2.e.d.head", "a")
    structure = Structure(tuple(map(Node, selectors, (-1, 0, 1, 2, 2, 4))))
    numbers, relations = encoded(structure)
    expected = [
        [1, 0, 2 / 4, 1 / 5, 1 / 5, 0],  # with the root
        [1, 0, 0, 1 / 5, 1 / 5, 0],  # with the parent
        [1, 0, 2 / 4, 0, 0, 0],  # with the parent's parent
        [4 / 6, 1 / 6, 4 / 6, 4 / 6, 4 / 6, 0],
    ]
    assert np.allclose(numbers[:, CLASS_NUMBERS], np.array(expected).T)
    alike = relations >= len(RELATIONS)
    assert [tuple(map(int, pair)) for pair in np.argwhere(np.triu(alike, 1))] == [(0, 2), (3, 4)]


def test_without_class_names_none_are_shared() -> None:
    numbers, relations = encoded(Structure((Node("div", -1), Node("div", 0), Node("p", 1))))
    assert not numbers[:, CLASS_NUMBERS].any()
    alike = relations >= len(RELATIONS)
    assert alike.tolist() == [[True, True, False], [True, True, False], [False, False, True]]


def test_digits_count_by_their_shape() -> None:
    assert _text_tokens("from 24.99") == _text_tokens("FROM 10.50") != _text_tokens("from 4.99")
    assert len(_text_tokens("")) == len(_text_tokens("a " * 50)) == MAX_TEXT_TOKENS
