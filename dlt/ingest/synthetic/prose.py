"""What people write in a text editor: titles, paragraphs, lists and tables, all one element."""

from dataclasses import replace

from dlt.ingest.synthetic import widgets as w
from dlt.ingest.synthetic.composer import Composer, Kind, drawn
from dlt.ingest.synthetic.item import Flow, Item
from dlt.ingest.synthetic.words import phrase, sentences


def prose(c: Composer, most: int = 6) -> Item:
    """A paragraph element of up to `most` blocks."""
    parts = blocks(c, c.rng.randint(1, most))
    if c.rng.random() < 0.15:  # pasted with the boxes it came in
        parts = [c.node("div", "", *parts, flow=Flow(gap=4))]
        if c.rng.random() < 0.5:
            parts += [c.node("div", "", *blocks(c, c.rng.randint(1, 2)), flow=Flow(gap=4))]
    if c.site.extra or len(parts) == 1:
        parts = [c.node("div", "texts", *parts, flow=Flow(gap=4))]
    return c.widget("paragraph", *parts)


def blocks(c: Composer, count: int) -> list[Item]:
    """Parts of a text, one below the other."""
    return drawn(c, _BLOCKS, count)


def _text(c: Composer) -> Item:
    text = sentences(c.rng, c.site.language, 6, 40)
    if c.rng.random() < 0.1:
        return _marked(c, w.text_node(c, "div", "", text))
    return _marked(c, w.running_text(c, "", text))


def _line(c: Composer) -> Item:
    return _marked(c, w.running_text(c, "", phrase(c.rng, c.site.language, 2, 6)))


def _title(c: Composer) -> Item:
    level = c.rng.randint(2, 6)
    tag = c.site.heading_tag or f"h{level}"
    item = w.bold_node(c, tag, "", phrase(c.rng, c.site.language, 2, 7), min(level, 4))
    return _marked(c, item)


def _list(c: Composer) -> Item:
    items = []
    for _ in range(c.rng.randint(2, 6)):
        text = sentences(c.rng, c.site.language, 3, 12)
        items.append(_marked(c, w.text_node(c, "li", "", text)))
        items[-1].flow = Flow(pad=(0, 0, 0, 14))
    return c.node(c.rng.choice(("ul", "ul", "ol")), "", *items, flow=Flow(gap=2))


def _table(c: Composer) -> Item:
    columns = c.rng.randint(2, 3)
    rows = []
    for _ in range(c.rng.randint(2, 4)):
        cells = [
            w.text_node(c, "td", "", phrase(c.rng, c.site.language, 1, 3)) for _ in range(columns)
        ]
        rows.append(c.node("tr", "", *cells, flow=Flow("row", weights=(1.0,) * columns)))
    return c.node("table", "", c.node("tbody", "", *rows, flow=Flow(gap=3)))


def _figure(c: Composer) -> Item:
    return c.node("p", "", w.picture(c, c.rng.choice((0.5, 0.66, 0.75)), width=120))


def _marked(c: Composer, item: Item) -> Item:
    """Some of it bold, linked or in a span."""
    chance = c.rng.random()
    if chance < 0.3:
        w.enclose(c, item)
    elif chance < 0.5:
        w.emphasise(c, item)
    if c.rng.random() < 0.3:
        item.look = replace(item.look, color=c.tone.ink)
    return item


_BLOCKS: tuple[tuple[int, Kind], ...] = (
    (10, _text),
    (4, _line),
    (5, _title),
    (3, _list),
    (1, _table),
    (1, _figure),
)
