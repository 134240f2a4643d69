"""From a page's DOM snapshot to sections with labels: what becomes an example, before its picture."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256

from dlt.ingest.webpages.annotators.base import Annotator, NoLabels
from dlt.ingest.webpages.dom import Dom, DomNode, Rect
from dlt.section.errors import SectionError
from dlt.section.labels import Labels, contract, labels
from dlt.section.roles import ROLES
from dlt.section.selector import format_selector
from dlt.section.tree import Box, Layout, Node, Structure

MIN_WIDTH = 512  # CSS pixels
MIN_HEIGHT = 24
MAX_ASPECT = 8.0  # height to width
MAX_NODES = 160
MAX_CLASSES = 4  # of a node, the first ones
MAX_TEXT = 160  # characters of a node
MAX_ATTRIBUTE = 500
ATTRIBUTES = ("src", "href", "alt", "poster")

_DIGITS = 4


@dataclass(frozen=True)
class Section:
    """A section with its layout; `rect` is the part of the page that its screenshot shows."""

    structure: Structure
    layout: Layout
    rect: Rect

    @property
    def digest(self) -> str:
        """The same for sections that are alike but for class names, attributes and boxes."""
        nodes = [(node.tag, node.parent, node.text) for node in self.structure.nodes]
        elements = [(element.role, element.parent) for element in self.layout.elements]
        return sha256(repr((nodes, elements)).encode()).hexdigest()[:10]


@dataclass(frozen=True)
class Naming:
    """How a DOM node is written down: its class names, and an address among its attributes."""

    classes: Callable[[tuple[str, ...]], tuple[str, ...]]
    address: Callable[[str], str]


def cut_section(
    page: Dom, root: int, annotator: Annotator, naming: Naming, viewport: int
) -> Section:
    """The section with this root node.

    Raises:
        NoLabels: it can't become an example; the message is the reason.
    """
    rect = _on_page(page.nodes[root].rect, viewport)
    _check_size(rect)
    dom = page.subtree(root).seen()
    if len(dom) > MAX_NODES:
        raise NoLabels(f"{len(dom)} nodes, more than {MAX_NODES}")
    found = annotator.label(dom)
    structure = Structure(tuple(_node(node, naming) for node in dom.nodes))
    layout = _layout(structure, replace(found, boxes=_boxes(dom, found, rect)))
    return Section(structure, layout, rect)


def _layout(structure: Structure, found: Labels) -> Layout:
    """The layout of the labels, if the label law leads back from it."""
    try:
        layout = contract(structure, found)
        if contract(structure, labels(structure, layout)) == layout:
            return layout
    except SectionError as error:
        raise NoLabels(str(error)) from None
    raise NoLabels("its layout has no unique labels")


def _on_page(rect: Rect, viewport: int) -> Rect:
    left, top = max(rect[0], 0.0), max(rect[1], 0.0)
    right, bottom = min(rect[0] + rect[2], float(viewport)), rect[1] + rect[3]
    return left, top, max(right - left, 0.0), max(bottom - top, 0.0)


def _check_size(rect: Rect) -> None:
    if rect[2] < MIN_WIDTH:
        raise NoLabels(f"{rect[2]:.0f} px wide, less than {MIN_WIDTH}")
    if rect[3] < MIN_HEIGHT:
        raise NoLabels(f"{rect[3]:.0f} px high, less than {MIN_HEIGHT}")
    if rect[3] > MAX_ASPECT * rect[2]:
        raise NoLabels(f"{rect[3] / rect[2]:.0f} times as high as wide")


def _boxes(dom: Dom, found: Labels, frame: Rect) -> tuple[Box | None, ...]:
    return tuple(
        _fractions(node.rect, frame) if role in ROLES else None
        for node, role in zip(dom.nodes, found.roles, strict=True)
    )


def _fractions(rect: Rect, frame: Rect) -> Box:
    """`rect` clipped to `frame`, as fractions of it."""
    x0, x1 = (
        (min(max(x - frame[0], 0.0), frame[2])) / frame[2] for x in (rect[0], rect[0] + rect[2])
    )
    y0, y1 = (
        (min(max(y - frame[1], 0.0), frame[3])) / frame[3] for y in (rect[1], rect[1] + rect[3])
    )
    x, y = round(x0, _DIGITS), round(y0, _DIGITS)
    width, height = min(round(x1 - x0, _DIGITS), 1 - x), min(round(y1 - y0, _DIGITS), 1 - y)
    return x, y, round(width, _DIGITS), round(height, _DIGITS)


def _node(node: DomNode, naming: Naming) -> Node:
    classes = naming.classes(node.classes)[:MAX_CLASSES]
    found = {name: _attribute(name, node.attrs.get(name, ""), naming) for name in ATTRIBUTES}
    attrs = {name: value for name, value in found.items() if value}
    return Node(format_selector(node.tag, classes), node.parent, node.text[:MAX_TEXT], attrs)


def _attribute(name: str, value: str, naming: Naming) -> str:
    value = value.strip()
    if name == "alt":
        return value[:MAX_ATTRIBUTE]
    if value.lower().startswith(("data:", "blob:", "javascript:")):
        return ""
    return naming.address(value)[:MAX_ATTRIBUTE]
