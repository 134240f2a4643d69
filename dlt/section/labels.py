"""The label law: a layout is a contraction of the DOM tree, written as two labels on each node.

A node's role label is a role (it starts an element), `merge` (it joins its parent's element) or
`drop` (it is absent). Its prop label says whether it is the background image, video or overlay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dlt.section.errors import SectionError
from dlt.section.matching import match_roles
from dlt.section.roles import DROP, MERGE, NO_PROP, NODE_PROPS, PROPS, ROLES, ROOT_ROLE
from dlt.section.tree import Box, Element, Layout, Structure


@dataclass(frozen=True)
class Labels:
    """A label sequence over the nodes of a structure in pre-order.

    `roles[i]` is one of NODE_ROLES, `props[i]` one of NODE_PROPS, `boxes[i]` the box of the element
    that node i starts, or None; `boxes` is None where the layout has no boxes at all.
    """

    roles: tuple[str, ...]
    props: tuple[str, ...]
    boxes: tuple[Box | None, ...] | None = None


def contract(structure: Structure, labels: Labels) -> Layout:
    """Build the layout that labels describe.

    Raises:
        SectionError: the labels break the law, as with a merge under a dropped parent.
    """
    if not len(structure) == len(labels.roles) == len(labels.props):
        raise SectionError(f"{len(labels.roles)} role labels for {len(structure)} nodes")
    owners = element_of_nodes(structure.parents, labels.roles)
    firsts = [i for i, role in enumerate(labels.roles) if role in ROLES]
    selectors: list[list[str]] = [[] for _ in firsts]
    for node, owner in zip(structure.nodes, owners.joined, strict=True):
        if owner >= 0:
            selectors[owner].append(node.selector)
    parents = [owners.enclosing[structure.parents[i]] if i else -1 for i in firsts]
    elements = tuple(
        Element(labels.roles[i], tuple(own), parent)
        for i, own, parent in zip(firsts, selectors, parents, strict=True)
    )
    props = _contract_props(structure, labels.props)
    return Layout(elements, props, _contract_boxes(labels, firsts))


@dataclass(frozen=True, slots=True)
class Owners:
    """For each node, the element it joined (-1: dropped) and the nearest enclosing element."""

    joined: tuple[int, ...]
    enclosing: tuple[int, ...]


def element_of_nodes(parents: Sequence[int], roles: Sequence[str]) -> Owners:
    """Follow role labels down the tree.

    Raises:
        SectionError: the root does not start a section, a merge stands under a dropped parent, or
            a label is unknown.
    """
    if roles[0] != ROOT_ROLE:
        raise SectionError(f"the root must start the {ROOT_ROLE}, its label is {roles[0]!r}")
    joined: list[int] = []
    enclosing: list[int] = []
    count = 0
    for i, role in enumerate(roles):
        if role in ROLES:
            joined.append(count)
            enclosing.append(count)
            count += 1
        elif role == MERGE:
            if joined[parents[i]] < 0:
                raise SectionError(f"node {i}: merge under a dropped parent")
            joined.append(joined[parents[i]])
            enclosing.append(joined[-1])
        elif role == DROP:
            joined.append(-1)
            enclosing.append(enclosing[parents[i]])
        else:
            raise SectionError(f"node {i}: unknown role label {role!r}")
    return Owners(tuple(joined), tuple(enclosing))


def node_boxes(parents: Sequence[int], labels: Labels) -> tuple[list[Box], list[Box | None]]:
    """The box and the content box of every node of labels that have boxes.

    A content box is the hull of the elements that start below a node; None where none do. The box is
    that of the element that starts at the node, else the content box, else that of the element that
    the node joined or that encloses it.

    Raises:
        SectionError: the labels break the label law.
    """
    assert labels.boxes is not None
    enclosing = element_of_nodes(parents, labels.roles).enclosing
    firsts = [box for box in labels.boxes if box is not None]
    contents: list[Box | None] = [None] * len(parents)
    for i in range(len(parents) - 1, 0, -1):
        if own := labels.boxes[i] or contents[i]:
            contents[parents[i]] = _hull(own, contents[parents[i]])
    boxes = [
        own or content or firsts[element]
        for own, content, element in zip(labels.boxes, contents, enclosing, strict=True)
    ]
    return boxes, contents


def _hull(a: Box, b: Box | None) -> Box:
    """The smallest box around both."""
    if b is None:
        return a
    x, y = min(a[0], b[0]), min(a[1], b[1])
    right, bottom = max(a[0] + a[2], b[0] + b[2]), max(a[1] + a[3], b[1] + b[3])
    return x, y, right - x, bottom - y


def labels(structure: Structure, layout: Layout) -> Labels:
    """Recover labels from which `contract` makes this layout.

    Raises:
        SectionError: the layout has no place in the structure, as for `match_roles`, or a role, a
            prop or a number of boxes is wrong; the message names the field.
    """
    _check_vocabulary(layout)
    roles = match_roles(structure, layout.elements)
    props = _match_props(structure, layout)
    return Labels(roles, props, _match_boxes(layout, roles))


def _check_vocabulary(layout: Layout) -> None:
    if [e.parent for e in layout.elements].count(-1) != 1 or layout.elements[0].role != ROOT_ROLE:
        raise SectionError(f"structure: one {ROOT_ROLE} expected at the top")
    for element in layout.elements:
        if element.role not in ROLES:
            raise SectionError(f"structure: {element.key!r}: unknown role {element.role!r}")
        if not element.selectors:
            raise SectionError(f"structure: {element.key!r}: names no DOM node")


# --- props and boxes ------------------------------------------------------------------------------


def _match_props(structure: Structure, layout: Layout) -> tuple[str, ...]:
    """Give each prop to the first node with its selector.

    Where two props name the same selector, the second one takes the next node that has it: so any
    labels that `contract` accepts come back as labels.
    """
    found = [NO_PROP] * len(structure)
    for prop in layout.props:
        if prop not in PROPS:
            raise SectionError(f"props: unknown prop {prop!r}")
    for prop in (prop for prop in PROPS if prop in layout.props):
        selector = layout.props[prop]
        named = [i for i, node in enumerate(structure.nodes) if node.selector == selector]
        if not named:
            raise SectionError(f"props: {prop}: {selector!r} is not in the DOM")
        free = [i for i in named if found[i] == NO_PROP]
        if not free:
            raise SectionError(f"props: {prop}: {selector!r} is {found[named[-1]]} already")
        found[free[0]] = prop
    return tuple(found)


def _contract_props(structure: Structure, props: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node, prop in zip(structure.nodes, props, strict=True):
        if prop not in NODE_PROPS:
            raise SectionError(f"unknown prop label {prop!r}")
        if prop in found:
            raise SectionError(f"prop {prop} stands on two nodes")
        if prop != NO_PROP:
            found[prop] = node.selector
    return {prop: found[prop] for prop in PROPS if prop in found}


def _match_boxes(layout: Layout, roles: Sequence[str]) -> tuple[Box | None, ...] | None:
    if layout.boxes is None:
        return None
    if len(layout.boxes) != len(layout.elements):
        raise SectionError(f"boxes: {len(layout.boxes)} for {len(layout.elements)} elements")
    boxes = iter(layout.boxes)
    return tuple(next(boxes) if role in ROLES else None for role in roles)


def _contract_boxes(labels: Labels, firsts: Sequence[int]) -> tuple[Box, ...] | None:
    if labels.boxes is None:
        return None
    boxes = [labels.boxes[i] for i in firsts]
    if any(box is None for box in boxes):
        raise SectionError("boxes: an element's first node has none")
    return tuple(box for box in boxes if box is not None)
