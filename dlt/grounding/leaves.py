"""The leaves of a DOM: nodes that show something of their own."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from dlt.section.tree import Structure, children, depths

_PICTURE_TAGS = frozenset("img picture video iframe canvas object embed figure".split())
_FIELD_TAGS = frozenset("input textarea select".split())
_UNSEEN_TAGS = frozenset("br source script style track option".split())
_LINK_LEVELS = 4  # a link's text lies at most so deep in it


class Leaf(NamedTuple):
    """A node that shows something of its own."""

    node: int
    kind: str  # text, link, picture, icon, field, rule, or blank: a box with nothing in it
    characters: int  # of its text, that of inline children included
    repeated: bool  # begins another item like the one that the leaf before it was in


def find_leaves(structure: Structure) -> list[Leaf]:
    """The leaves in pre-order; a text is one leaf with all that is inside it."""
    kids = children(structure.parents)
    owners: dict[int, int] = {}  # of nodes within a leaf
    kinds: dict[int, str] = {}
    characters: dict[int, int] = {}
    for i, (node, parent) in enumerate(zip(structure.nodes, structure.parents, strict=True)):
        text = len(node.text.strip())
        if parent in owners:
            owners[i] = owners[parent]
            characters[owners[i]] += text + 1 if text else 0
        elif kind := _kind(node.tag, text, not kids[i]):
            owners[i], kinds[i], characters[i] = i, kind, text
            if kind == "text" and _is_link(structure, i):
                kinds[i] = "link"
    repeats = _repeats(structure, list(kinds))
    return [
        Leaf(i, kind, characters[i], repeated)
        for (i, kind), repeated in zip(kinds.items(), repeats, strict=True)
    ]


def _kind(tag: str, text: int, childless: bool) -> str | None:
    """What a node shows; None if it is no leaf, or never to be seen."""
    if tag == "svg":
        return "icon"
    if tag in _UNSEEN_TAGS:
        return None
    if tag in _FIELD_TAGS:
        return "field"
    if text:
        return "text"
    if not childless:
        return None
    if tag in _PICTURE_TAGS:
        return "picture"
    return {"i": "icon", "hr": "rule"}.get(tag, "blank")


def _is_link(structure: Structure, node: int) -> bool:
    for _ in range(_LINK_LEVELS):
        if node >= 0 and structure.nodes[node].tag in ("a", "button"):
            return True
        node = structure.parents[node] if node >= 0 else node
    return False


def _repeats(structure: Structure, nodes: Sequence[int]) -> list[bool]:
    """Whether each node and the one before it are in siblings of the same selector."""
    parents, levels = structure.parents, depths(structure.parents)
    out = [False] * min(len(nodes), 1)
    for a, b in pairwise(nodes):
        while parents[a] != parents[b]:
            a, b = (parents[a], b) if levels[a] >= levels[b] else (a, parents[b])
        out.append(structure.nodes[a].selector == structure.nodes[b].selector)
    return out
