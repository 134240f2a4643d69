"""The leaves of a DOM: nodes that show something of their own."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from dlt.section.tree import Structure, children, depths, subtree_ends

_PICTURE_TAGS = frozenset("img picture video iframe canvas object embed figure".split())
_FIELD_TAGS = frozenset("input textarea select".split())
_UNSEEN_TAGS = frozenset("br source script style track option".split())
_BOLD_TAGS = frozenset("h1 h2 h3 h4 h5 h6 b strong th".split())
_INLINE_TAGS = frozenset("span sup sub small b strong i em".split())
_NUMBER = re.compile(r"[.,\s]*\d[\d.,\s]*")
_SIGN = 2  # characters that what stands right beside a number has at most: %, +, €, km
_COPIED = 3  # texts that what stands there twice, word for word, has at least
_CUT = (159, 160)  # characters: longer texts of pages are cut to so many, with or without a blank
_LINK_LEVELS = 4  # a link's text lies at most so deep in it


class Leaf(NamedTuple):
    """A node that shows something of its own."""

    node: int
    kind: str  # text, link, picture, icon, field, rule, or blank: a box with nothing in it
    text: str  # that of inline children included
    bold: bool  # by its tag or one around it
    cut: bool  # the source kept only the beginning of the text
    copy: bool  # in a subtree that another before it is like, word for word
    repeated: bool  # begins another item like the one that the leaf before it was in
    shared: int  # how many of the nodes from the root to it are those of the leaf before it, too
    depth: int  # how many there are, itself included
    look: int  # leaves of one kind whose nodes and parents have the same selectors look alike


def find_leaves(structure: Structure) -> list[Leaf]:
    """The leaves in pre-order; a text is one leaf with all that is inside it."""
    kids = children(structure.parents)
    owners: dict[int, int] = {}  # of nodes within a leaf
    kinds: dict[int, str] = {}
    texts: dict[int, list[str]] = {}
    bold: set[int] = set()
    for i, (node, parent) in enumerate(zip(structure.nodes, structure.parents, strict=True)):
        text = node.text.strip()
        if node.tag in _BOLD_TAGS or parent in bold:
            bold.add(i)
        if parent in owners:
            owners[i] = owners[parent]
            texts[owners[i]].append(text)
        elif i - 1 in owners and _is_sign(structure, i):
            owners[i] = owners[i - 1]
            texts[owners[i]].append(text)
        elif kind := _kind(node.tag, text, not kids[i]):
            owners[i], kinds[i], texts[i] = i, kind, [text]
            if kind == "text" and _is_link(structure, i):
                kinds[i] = "link"
    return list(_leaves(structure, kinds, texts, bold))


def _leaves(
    structure: Structure,
    kinds: Mapping[int, str],
    texts: Mapping[int, Sequence[str]],
    bold: Collection[int],
) -> Iterator[Leaf]:
    """The leaves at the nodes that have a kind."""
    levels, copies = depths(structure.parents), _copies(structure)
    looks: dict[tuple[str, ...], int] = {}
    before = None
    for node, kind in kinds.items():
        look = (kind, *(structure.nodes[n].selector for n in (node, structure.parents[node])))
        a, b = (0, 0) if before is None else _part(structure.parents, levels, before, node)
        yield Leaf(
            node=node,
            kind=kind,
            text=" ".join(filter(None, texts[node])),
            bold=node in bold,
            cut=any(len(text) in _CUT for text in texts[node]),
            copy=node in copies,
            repeated=a != b and structure.nodes[a].selector == structure.nodes[b].selector,
            shared=levels[b],
            depth=levels[node] + 1,
            look=looks.setdefault(look, len(looks)),
        )
        before = node


def _copies(structure: Structure) -> set[int]:
    """The nodes of subtrees that stand there a second time, as do slides that run in a loop and menus
    for small screens."""
    kids, ends = children(structure.parents), subtree_ends(structure.parents)
    forms: dict[tuple[object, ...], int] = {}
    form, texts = [0] * len(ends), [0] * len(ends)
    copies: set[int] = set()
    first: dict[int, int] = {}
    for i in reversed(range(len(ends))):
        node = structure.nodes[i]
        text = node.text.strip()
        form[i] = forms.setdefault((node.tag, text, *(form[kid] for kid in kids[i])), len(forms))
        texts[i] = bool(text) + sum(texts[kid] for kid in kids[i])
    for i, end in enumerate(ends):
        if texts[i] >= _COPIED and first.setdefault(form[i], i) < i:
            copies.update(range(i, end))
    return copies


def _kind(tag: str, text: str, childless: bool) -> str | None:
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


def _is_sign(structure: Structure, node: int) -> bool:
    """Whether a node and the one before it are a number and a sign right beside it: 99 %, € 5."""
    if node == 0 or structure.parents[node - 1] != structure.parents[node]:
        return False
    pair = structure.nodes[node - 1 : node + 1]
    signs = [text for each in pair if not _NUMBER.fullmatch(text := each.text.strip())]
    inline = all(each.tag in _INLINE_TAGS for each in pair)
    return inline and len(signs) == 1 and 0 < len(signs[0]) <= _SIGN


def _is_link(structure: Structure, node: int) -> bool:
    for _ in range(_LINK_LEVELS):
        if node >= 0 and structure.nodes[node].tag in ("a", "button"):
            return True
        node = structure.parents[node] if node >= 0 else node
    return False


def _part(parents: Sequence[int], levels: Sequence[int], a: int, b: int) -> tuple[int, int]:
    """The siblings below which two nodes are."""
    while parents[a] != parents[b]:
        a, b = (parents[a], b) if levels[a] >= levels[b] else (a, parents[b])
    return a, b
