"""Frames: sections, rows, columns and boxes in a site's markup dialect, with their labels."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from dlt.ingest.synthetic.classes import class_names
from dlt.ingest.synthetic.fonts import Font
from dlt.ingest.synthetic.item import Flow, Item, Look
from dlt.ingest.synthetic.style import BUILDER_DIALECTS, WIDTH, Site, Tone
from dlt.section.roles import DROP, MERGE

_INNER = 0.88  # the share of flexbox sections whose contents have a wrapper


class Composer:
    """Builds the DOM of one section: what the kinds write with.

    The dialect decides which wrappers stand around a thing. Labels follow the rules of
    `dlt.ingest.webpages.annotators.elementor`: wrappers of a lone column merge, wrappers of columns
    side by side are a grid.
    """

    def __init__(self, site: Site, kind: str, rng: Random):
        self.site = site
        self.kind = kind
        self.rng = rng
        self.builder = site.dialect in BUILDER_DIALECTS
        self.tone = site.dark if site.is_dark else site.light
        self.align = site.align
        self._serial = rng.randrange(1 << 30)

    def use(self, tone: Tone) -> None:
        """Take the colours of `tone` for what is built from here on."""
        self.tone = tone

    def node(
        self,
        tag: str,
        part: str,
        *children: Item,
        text: str = "",
        role: str = DROP,
        flow: Flow | None = None,
        look: Look | None = None,
        **attrs: str,
    ) -> Item:
        """One DOM node, its classes named by the site's habit."""
        self._serial += 1
        names = class_names(self.site, self.kind, part, self._serial) if part else ()
        item = Item(tag, names, list(children), text, attrs, role)
        item.flow, item.look = flow or item.flow, look or item.look
        return item

    def font(self, size: int, bold: bool = False) -> Font:
        """A font of the site's family."""
        return Font(self.site.family, size, bold)

    def widget(self, role: str, *cores: Item, shrink: bool = False) -> Item:
        """Wrap `cores` as the dialect wraps widgets and label it all.

        Wrappers merge into the element down to where the tree branches; what lies below is dropped.
        """
        flow = Flow(align=self.align, gap=4)
        if self.builder:
            item = self._chain("div", self._widget_parts(role), list(cores), flow)
        else:
            item = cores[0] if len(cores) == 1 else self.node("div", role, *cores, flow=flow)
        if shrink and not self.builder:
            item.flow = replace(item.flow, shrink=True)
        merge_chain(item, role)
        return item

    def composite(self, core: Item) -> Item:
        """Wrap a box whose parts are elements themselves: the wrapper is its first node only."""
        if not self.builder:
            core.role = "wrapper"
            return core
        box = self._chain("div", self._widget_parts("box"), [core], Flow(), DROP)
        box.role = "wrapper"
        return box

    # --- frames -----------------------------------------------------------------------------------

    def section(
        self,
        *items: Item,
        tag: str = "",
        width: float = 0,
        middle: bool = False,
        weights: Sequence[float] = (),
    ) -> Item:
        """A section of one column: its wrappers merge down to the elements.

        With `weights` these stand side by side, without columns.
        """
        parts = {
            "columns": ["container", *self._extra("row"), *self._column_parts()],
            "flex": self._root_parts(),
            "hand": ["container"],
            "soup": ["container"],
        }[self.site.dialect]
        own, flow = width or self.site.content, Flow(gap=self.site.gap, align=self.align)
        if weights:
            flow, inside = self._row_flow(weights, len(items)), list(items)
        else:
            inside = self._grouped(items, self.site.nested)
        if not parts:
            side = (WIDTH - own) / 2
            top = self.site.pad
            flow = replace(flow, pad=(top, side, top, side))
            return self._root(tag, inside, flow, middle, "full")
        inner = self._chain("div", parts, inside, replace(flow, pad=self._section_pad()))
        inner.flow = replace(inner.flow, width=own)
        return self._root(tag, [inner], Flow(align="center"), middle)

    def columns(
        self,
        *cells: Sequence[Item],
        weights: Sequence[float] = (),
        tag: str = "",
        middle: bool = True,
    ) -> Item:
        """A section of columns side by side: its inner wrapper is the grid."""
        if self.site.dialect == "flex" and self.rng.random() < self.site.nested / 2:
            return self.section(self.row(*cells, weights=weights, middle=middle), tag=tag)
        top = self.site.pad
        row = self._row_flow(weights, len(cells))
        columns = [self._column(cell, middle) for cell in cells]
        parts = {
            "columns": ["container", *self._extra("row")],
            "flex": self._root_parts(),
            "hand": ["container", "row"],
            "soup": ["container", "row"],
        }[self.site.dialect]
        side = (WIDTH - self.site.content) / 2
        if not parts:
            row = replace(row, pad=(top, side, top, side))
            return self._root(tag, columns, row, False, "full")
        grid = self._chain("div", parts, columns, row)
        grid.role = "grid"
        grid.flow = replace(grid.flow, width=float(self.site.content))
        return self._root(tag, [grid], Flow(align="center", pad=(top, 0, top, 0)), False)

    def row(
        self, *cells: Sequence[Item], weights: Sequence[float] = (), middle: bool = False
    ) -> Item:
        """Columns side by side inside a section: a grid."""
        flow = self._row_flow(weights, len(cells))
        columns = [self._column(cell, middle) for cell in cells]
        tag, parts = self._frame("row")
        grid = self._chain(tag, parts, columns, flow)
        grid.role = "grid"
        return grid

    def box(self, *items: Item, card: bool = True) -> Item:
        """Elements one below the other inside a section: a wrapper."""
        pad = float(self.site.card) if card else 0.0
        flow = Flow(pad=(pad, pad, pad, pad), gap=self.site.gap, align=self.align)
        return self._box(items, flow, card)

    def beside(self, *items: Item, weights: Sequence[float] = ()) -> Item:
        """Elements side by side without columns of their own: a wrapper, too."""
        return self._box(items, self._row_flow(weights, len(items)), card=False)

    def _box(self, items: Sequence[Item], flow: Flow, card: bool) -> Item:
        tag, parts = self._frame("box")
        if self.site.dialect == "columns":
            parts = [*parts, *self._column_parts()]
        box = self._chain(tag, parts, list(items), flow)
        box.role = "wrapper"
        if card:
            box.look = self.panel()
        return box

    def panel(self) -> Look:
        """The look of a card."""
        border = self.tone.line if self.site.outlined else None
        return Look(fill=self.tone.panel, border=border, radius=self.site.radius)

    def _grouped(self, items: Sequence[Item], chance: float) -> list[Item]:
        """Perhaps some neighbours among the elements, or all of them, in a box; or in box in box."""
        if not items or self.rng.random() >= chance:
            return list(items)
        first, end = 0, len(items)
        if self.rng.random() < 0.5:
            first = self.rng.randrange(end)
            end = self.rng.randint(first + 1, end)
        box = self.box(*self._grouped(items[first:end], chance / 2), card=self.rng.random() < 0.3)
        return [*items[:first], box, *items[end:]]

    def _unboxed(self, items: Sequence[Item]) -> list[Item]:
        """What a column holds: builders that have columns mostly do without boxes in them."""
        found = []
        for item in items:
            boxed = (
                self.site.dialect == "columns" and item.role == "wrapper" and item.tag == "section"
            )
            if boxed and self.rng.random() < 0.8:
                while item.children[0].role == MERGE:
                    item = item.children[0]
                found += item.children
            else:
                found.append(item)
        return found

    def _root(
        self, tag: str, children: list[Item], flow: Flow, middle: bool, part: str = "section"
    ) -> Item:
        root = self.node(tag or self.site.root_tag, part, *children, role="section", flow=flow)
        root.look = Look(fill=self.tone.back)
        if middle:
            root.flow = replace(root.flow, middle=True, height=float(self.rng.randint(180, 320)))
        return root

    def _column(self, items: Sequence[Item], middle: bool) -> Item:
        inset = float(self.site.inset)
        flow = Flow(pad=(inset,) * 4, gap=self.site.gap, align=self.align, middle=middle)
        items = self._grouped(self._unboxed(items), self.site.nested / 6)
        column = self._chain("div", self._column_parts(), items, flow)
        column.role = "column"
        return column

    def _frame(self, part: str) -> tuple[str, list[str]]:
        """The tag and the parts of the chain around a nested row or box."""
        if self.site.dialect == "columns":
            return "section", ["section", "container", *self._extra("row")]
        if self.site.dialect == "flex":
            return "div", self._column_parts()
        return "div", [part]

    def _chain(
        self, tag: str, parts: list[str], children: list[Item], flow: Flow, role: str = MERGE
    ) -> Item:
        """Nested wrappers, outermost first, that have one role; `flow` holds in the innermost."""
        *outer, last = parts
        item = self.node("div" if outer else tag, last, *children, role=role, flow=flow)
        for part in reversed(outer):
            item = self.node("div", part, item, role=role)
        item.tag = tag
        return item

    def _row_flow(self, weights: Sequence[float], count: int) -> Flow:
        gap = 0.0 if self.site.dialect == "columns" else float(self.site.gap)
        return Flow("row", gap=gap, weights=tuple(weights) or (1.0,) * count)

    def _section_pad(self) -> tuple[float, float, float, float]:
        return (self.site.pad, self.site.inset, self.site.pad, self.site.inset)

    def _column_parts(self) -> list[str]:
        if self.site.dialect == "columns":
            return ["column", *self._extra("populated"), "wrap"]
        if self.site.dialect == "flex":
            return ["box", "container"] if self.rng.random() < self.site.boxed else ["full"]
        return ["column"]

    def _root_parts(self) -> list[str]:
        """Between a flexbox section and what is in it: nothing where it is as wide as the page."""
        return ["container"] if self.rng.random() < _INNER else []

    def _widget_parts(self, role: str) -> list[str]:
        return [f"widget-{role}"] if self.site.bare else [f"widget-{role}", "inner"]

    def _extra(self, part: str) -> list[str]:
        return [part] if self.site.extra else []


Kind = Callable[[Composer], Item]
"""Makes an item: a section of one kind, or a widget."""


def drawn(c: Composer, makers: Sequence[tuple[int, Kind]], count: int) -> list[Item]:
    """So many items, of makers drawn by their weights."""
    chosen = c.rng.choices(makers, [weight for weight, _ in makers], k=count)
    return [make(c) for _, make in chosen]


def merge_chain(item: Item, role: str) -> None:
    """Label a widget: `role` on its first node, merge down to where it branches, drop below."""
    for each in item.walk():
        each.role = DROP
    item.role = role
    while len(item.children) == 1:
        item = item.children[0]
        item.role = MERGE
