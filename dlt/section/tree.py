"""Trees as flat sequences in pre-order, each item naming the index of its parent (-1: the root).

This is the canonical form of both files of an example: a JSON Schema can describe it, no depth of
nesting can exhaust the stack, and a node's index is its place in every label sequence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dlt.section.selector import format_key, parse_selector

Box = tuple[float, float, float, float]
"""x, y (top-left corner), width, height, as fractions of the screenshot."""


def inside_screenshot(box: Box) -> Box:
    """What of a box lies inside the screenshot."""
    x, y, width, height = box
    left, top, right, bottom = (min(max(v, 0.0), 1.0) for v in (x, y, x + width, y + height))
    return left, top, right - left, bottom - top


@dataclass(frozen=True, slots=True)
class Node:
    """One DOM node of a structure."""

    selector: str
    parent: int
    text: str = ""
    attrs: Mapping[str, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The tag name, as written."""
        return parse_selector(self.selector)[0]

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, escapes undone."""
        return parse_selector(self.selector)[1]


@dataclass(frozen=True)
class Structure:
    """The DOM tree of a section: its nodes in pre-order; the first is the root."""

    nodes: tuple[Node, ...]

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """Parent index of each node, -1 for the root."""
        return tuple(node.parent for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a layout: the DOM nodes that became it, by selector in pre-order."""

    role: str
    selectors: tuple[str, ...]
    parent: int

    @property
    def key(self) -> str:
        """The element's key in layout.json."""
        return format_key(self.role, self.selectors)


@dataclass(frozen=True)
class Layout:
    """A section layout: elements in pre-order, prop name → selector, a box per element or None."""

    elements: tuple[Element, ...]
    props: Mapping[str, str] = field(default_factory=dict)
    boxes: tuple[Box, ...] | None = None

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """Parent index of each element, -1 for a top element."""
        return tuple(element.parent for element in self.elements)


def subtree_ends(parents: Sequence[int]) -> list[int]:
    """For each item of a pre-order sequence, the index after the last item of its subtree."""
    ends = list(range(1, len(parents) + 1))
    for i in range(len(parents) - 1, 0, -1):
        if parents[i] >= 0:
            ends[parents[i]] = max(ends[parents[i]], ends[i])
    return ends


def depths(parents: Sequence[int]) -> list[int]:
    """Depth of each item of a pre-order sequence; a root has depth 0."""
    out: list[int] = []
    for parent in parents:
        out.append(out[parent] + 1 if parent >= 0 else 0)
    return out


def children(parents: Sequence[int]) -> list[list[int]]:
    """Children of each item of a pre-order sequence, in order."""
    out: list[list[int]] = [[] for _ in parents]
    for i, parent in enumerate(parents):
        if parent >= 0:
            out[parent].append(i)
    return out
