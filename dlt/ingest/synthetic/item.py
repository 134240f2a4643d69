"""A DOM node on its way to becoming an example, and the block layout that gives it a rectangle.

All lengths are pixels of the screenshot, which is drawn at half the nominal viewport width.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from dlt.ingest.synthetic.fonts import Font, line_height, text_width, wrap
from dlt.section.roles import DROP, MERGE, NO_PROP

Color = tuple[int, int, int]
Rect = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Flow:
    """How a node sizes itself and places its children.

    `kind` is one of stack (one below the other), row (side by side, equally high), line (as wide as
    their contents, wrapped), tiles (`columns` a row), packed (each to the shortest of `columns`)
    and free (where their `at` says: x, y, width as fractions of the parent).
    """

    kind: str = "stack"
    pad: tuple[float, float, float, float] = (0, 0, 0, 0)  # top, right, bottom, left
    gap: float = 0
    align: str = "left"
    middle: bool = False
    weights: tuple[float, ...] = ()
    columns: int = 1
    width: float = 0  # a fixed width; 0: all there is
    shrink: bool = False  # as wide as the contents
    height: float = 0  # the least height
    cover: bool = False  # out of the flow, over the whole parent
    at: tuple[float, float, float] = (0, 0, 1)


@dataclass(frozen=True, slots=True)
class Look:
    """What is painted: a box (fill, border), then a shape, then text in `font`."""

    fill: Color | None = None
    border: Color | None = None
    radius: int = 0
    shape: str = ""
    color: Color = (0, 0, 0)
    size: tuple[float, float] = (0, 0)  # a shape's own width and height
    ratio: float = 0  # a shape's height as a fraction of its width, instead of its own height
    seed: int = 0
    font: Font | None = None
    align: str = "left"


STACK, NOTHING = Flow(), Look()


@dataclass(slots=True)
class Item:
    """One DOM node: what structure.json says of it, its labels, its layout and its looks."""

    tag: str
    classes: tuple[str, ...] = ()
    children: list["Item"] = field(default_factory=list)
    text: str = ""
    attrs: dict[str, str] = field(default_factory=dict)
    role: str = DROP
    prop: str = NO_PROP
    flow: Flow = STACK
    look: Look = NOTHING
    rect: Rect = (0, 0, 0, 0)
    lines: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The text painted in this node: its own and that of what is inline in it."""
        return " ".join([self.text, *(child.words for child in self.children)]).strip()

    def walk(self) -> Iterator["Item"]:
        """Yield this node and all below it, in pre-order."""
        yield self
        for child in self.children:
            yield from child.walk()


def place(item: Item, x: float, y: float, width: float) -> float:
    """Give `item` and all below it their rectangles; returns the item's height."""
    flow = item.flow
    top, right, bottom, left = flow.pad
    inner = max(width - left - right, 1.0)
    content = _content(item, x + left, y + top, inner)
    height = max(content + top + bottom, flow.height)
    item.rect = (x, y, width, height)
    slack = height - content - top - bottom
    for child in item.children:
        if child.flow.cover:
            _cover(child, item.rect)
        elif flow.middle and slack > 0:
            _shift(child, slack / 2)
    return height


def natural_width(item: Item) -> float:
    """The width that an item's contents need on one line."""
    _, right, _, left = item.flow.pad
    return left + right + _natural_content(item)


def _natural_content(item: Item) -> float:
    if item.flow.width:
        return item.flow.width
    if item.look.font:
        return text_width(item.words, item.look.font) + 1
    if item.look.shape:
        return item.look.size[0]
    widths = [natural_width(child) for child in _flowing(item)]
    if item.flow.kind == "line":
        return sum(widths) + item.flow.gap * max(len(widths) - 1, 0)
    return max(widths, default=0)


def _flowing(item: Item) -> list[Item]:
    return [child for child in item.children if not child.flow.cover]


def _content(item: Item, x: float, y: float, width: float) -> float:
    if item.look.font:
        item.lines = wrap(item.words, item.look.font, width)
        return len(item.lines) * line_height(item.look.font)
    if item.look.shape and not _flowing(item):
        return width * item.look.ratio if item.look.ratio else item.look.size[1]
    children = _flowing(item)
    return _PLACERS[item.flow.kind](item.flow, children, x, y, width) if children else 0


def _stack(flow: Flow, children: list[Item], x: float, y: float, width: float) -> float:
    at = y
    for child in children:
        own = _own_width(child, width)
        at += place(child, x + _offset(flow.align, width - own), at, own) + flow.gap
    return at - y - flow.gap


def _row(flow: Flow, children: list[Item], x: float, y: float, width: float) -> float:
    weights = flow.weights or (1.0,) * len(children)
    unit = (width - flow.gap * (len(children) - 1)) / sum(weights)
    heights = []
    for child, weight in zip(children, weights, strict=True):
        heights.append(place(child, x, y, unit * weight))
        x += unit * weight + flow.gap
    for child in children:
        _stretch(child, max(heights))
    return max(heights)


def _line(flow: Flow, children: list[Item], x: float, y: float, width: float) -> float:
    rows: list[list[tuple[Item, float]]] = [[]]
    used = 0.0
    for child in children:
        own = min(natural_width(child), width)
        if rows[-1] and used + own > width + 0.5:
            rows.append([])
            used = 0.0
        rows[-1].append((child, own))
        used += own + flow.gap
    at = y
    for row in rows:
        left = x + _offset(flow.align, width - sum(w for _, w in row) - flow.gap * (len(row) - 1))
        heights = []
        for child, own in row:
            heights.append(place(child, left, at, own))
            left += own + flow.gap
        for (child, _), height in zip(row, heights, strict=True):
            _shift(child, (max(heights) - height) / 2)
        at += max(heights) + flow.gap
    return at - y - flow.gap


def _tiles(flow: Flow, children: list[Item], x: float, y: float, width: float) -> float:
    at = y
    for first in range(0, len(children), flow.columns):
        row = children[first : first + flow.columns]
        own = (width - flow.gap * (flow.columns - 1)) / flow.columns
        at += flow.gap + max(
            place(child, x + i * (own + flow.gap), at, own) for i, child in enumerate(row)
        )
    return at - y - flow.gap


def _packed(flow: Flow, children: list[Item], x: float, y: float, width: float) -> float:
    own = (width - flow.gap * (flow.columns - 1)) / flow.columns
    ends = [y] * flow.columns
    for child in children:
        column = ends.index(min(ends))
        ends[column] += place(child, x + column * (own + flow.gap), ends[column], own) + flow.gap
    return max(ends) - y - flow.gap


def _free(flow: Flow, children: list[Item], x: float, y: float, width: float) -> float:
    height = deepest = flow.height - flow.pad[0] - flow.pad[2]
    for child in children:
        left, top, share = child.flow.at
        below = top * height + place(child, x + left * width, y + top * height, share * width)
        deepest = max(deepest, below)
    return deepest


_PLACERS = {
    "stack": _stack,
    "row": _row,
    "line": _line,
    "tiles": _tiles,
    "packed": _packed,
    "free": _free,
}


def _own_width(item: Item, available: float) -> float:
    if item.flow.shrink:
        return min(natural_width(item), available)
    return min(item.flow.width, available) if item.flow.width else available


def _offset(align: str, slack: float) -> float:
    return {"left": 0.0, "center": slack / 2, "right": slack}[align]


def _shift(item: Item, down: float) -> None:
    for each in item.walk():
        x, y, w, h = each.rect
        each.rect = (x, y + down, w, h)


def _cover(item: Item, rect: Rect) -> None:
    for each in item.walk():
        each.rect = rect


def _stretch(item: Item, height: float) -> None:
    """Make an item higher, and with it the wrappers that merge into it."""
    x, y, w, h = item.rect
    item.rect = (x, y, w, height)
    children = _flowing(item)
    if len(children) == 1 and children[0].role == MERGE and item.flow.kind == "stack":
        top, _, bottom, _ = item.flow.pad
        _stretch(children[0], height - top - bottom)
    elif item.flow.middle:
        for child in children:
            _shift(child, (height - h) / 2)
