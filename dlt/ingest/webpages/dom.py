"""A rendered page as plain data: its DOM nodes in pre-order, as one browser call returned them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from dlt.section.tree import children, subtree_ends

MIN_SEEN = 1.5  # CSS pixels; what is thinner is no thing of its own

Rect = tuple[float, float, float, float]
"""x, y (top-left corner), width, height, in CSS pixels of the page."""


@dataclass(frozen=True, slots=True)
class DomNode:
    """One rendered DOM node.

    `attrs` are its attributes as they stand in the page, `text` its own text nodes with white space
    collapsed, `visible` whether it and what holds it let it be seen, `background` the address of
    its CSS background picture, "" where it has none.
    """

    tag: str
    parent: int
    attrs: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    rect: Rect = (0.0, 0.0, 0.0, 0.0)
    visible: bool = True
    background: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in the order of the page, each once."""
        return tuple(dict.fromkeys(self.attrs.get("class", "").split()))

    @property
    def area(self) -> float:
        """Area of its rectangle in square pixels."""
        return self.rect[2] * self.rect[3]


@dataclass(frozen=True)
class Dom:
    """DOM nodes in pre-order, each naming the index of its parent; the first is the root."""

    nodes: tuple[DomNode, ...]

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def children(self) -> list[list[int]]:
        """Children of each node, in order."""
        return children([node.parent for node in self.nodes])

    @cached_property
    def ends(self) -> list[int]:
        """For each node, the index after the last node of its subtree."""
        return subtree_ends([node.parent for node in self.nodes])

    def below(self, i: int) -> range:
        """The nodes under node i, in pre-order."""
        return range(i + 1, self.ends[i])

    def subtree(self, root: int) -> "Dom":
        """Node `root` and all below it, as a DOM of its own."""
        return self._select(range(root, self.ends[root]))

    def seen(self) -> "Dom":
        """Without the nodes in whose subtree nothing can be seen; the root always stays."""
        keep = [node.visible and min(node.rect[2:]) >= MIN_SEEN for node in self.nodes]
        for i in range(len(self) - 1, 0, -1):
            keep[self.nodes[i].parent] |= keep[i]
        return self._select([i for i in range(len(self)) if keep[i] or i == 0])

    def _select(self, kept: Sequence[int]) -> "Dom":
        places = {old: new for new, old in enumerate(kept)}
        return Dom(
            tuple(
                replace(self.nodes[i], parent=places[self.nodes[i].parent] if new else -1)
                for new, i in enumerate(kept)
            )
        )


def walk(dom: Dom, root: int, enter: Callable[[int], bool]) -> list[int]:
    """Nodes below `root` in pre-order; the subtree of a node that `enter` refuses is left out."""
    found: list[int] = []
    stack = list(reversed(dom.children[root]))
    while stack:
        i = stack.pop()
        found.append(i)
        if enter(i):
            stack.extend(reversed(dom.children[i]))
    return found


def dom_from_rows(rows: Sequence[Sequence[Any]]) -> Dom:
    """A DOM from the rows that snapshot.js returns."""
    return Dom(
        tuple(
            DomNode(tag, parent, attrs, text, (x, y, w, h), visible, background)
            for tag, parent, attrs, text, (x, y, w, h), visible, background in rows
        )
    )
