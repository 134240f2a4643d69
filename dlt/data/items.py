"""A labelled structure as a tree that can be changed in place."""

from collections.abc import Mapping
from dataclasses import dataclass

from dlt.section.labels import Labels
from dlt.section.tree import Box, Node, Structure


@dataclass(slots=True, eq=False)
class Item:
    """A node with its labels in a tree that can be changed."""

    selector: str
    text: str
    attrs: Mapping[str, str]
    role: str
    prop: str
    box: Box | None
    children: list["Item"]


def to_items(structure: Structure, labels: Labels) -> Item:
    """The root of a new tree."""
    boxes = labels.boxes or (None,) * len(structure)
    items = [
        Item(node.selector, node.text, node.attrs, role, prop, box, [])
        for node, role, prop, box in zip(
            structure.nodes, labels.roles, labels.props, boxes, strict=True
        )
    ]
    for item, parent in zip(items[1:], structure.parents[1:], strict=True):
        items[parent].children.append(item)
    return items[0]


def from_items(root: Item, boxed: bool) -> tuple[Structure, Labels]:
    """The structure and the labels of a tree; boxes only if `boxed`."""
    nodes: list[Node] = []
    items: list[Item] = []
    stack = [(root, -1)]
    while stack:
        item, parent = stack.pop()
        stack.extend((child, len(nodes)) for child in reversed(item.children))
        nodes.append(Node(item.selector, parent, item.text, item.attrs))
        items.append(item)
    labels = Labels(
        tuple(item.role for item in items),
        tuple(item.prop for item in items),
        tuple(item.box for item in items) if boxed else None,
    )
    return Structure(tuple(nodes)), labels


def preorder(root: Item) -> list[Item]:
    """All items of a tree."""
    order, stack = [], [root]
    while stack:
        item = stack.pop()
        order.append(item)
        stack.extend(reversed(item.children))
    return order
