"""Widgets of many parts: lists, carousels, tabs ...; their parts lie below the branch, dropped."""

from dataclasses import replace

from dlt.ingest.synthetic import widgets as w
from dlt.ingest.synthetic.composer import Composer, Kind, merge_chain
from dlt.ingest.synthetic.item import Flow, Item, Look
from dlt.ingest.synthetic.prose import blocks
from dlt.ingest.synthetic.words import person, phrase, sentences
from dlt.section.roles import DROP, MERGE

HIDDEN = Flow(cover=True)


def bullets(c: Composer, count: int) -> Item:
    """A list with a mark before each item."""
    items = []
    linked = c.rng.random() < 0.4
    for _ in range(count):
        label = w.text_node(c, "span", "item-text", phrase(c.rng, c.site.language, 2, 4))
        parts = [c.node("span", "item-icon", w.glyph(c, 7)), label]
        if linked:
            parts = [c.node("a", "link", *parts, flow=Flow("line", gap=5))]
        items.append(_item(c, *parts))
    return _list(c, items, Flow(gap=4, align=c.align))


def links(c: Composer, count: int, line: bool = False) -> Item:
    """A list of links, one below the other or in a line (a menu)."""
    words = c.rng.sample(c.site.language.menu, count)
    tag = "span" if c.site.list_tag == "div" and c.rng.random() < 0.5 else "a"
    items = [_item(c, w.text_node(c, tag, "link", word)) for word in words]
    return _list(c, items, _of_links(c, line), nav=line)


def menu(c: Composer, count: int, line: bool = True) -> Item:
    """A navigation: some links open further ones, and all may be there again for small screens.

    Pages that leave out what is not seen have none of the further ones.
    """
    entries, kept = [], c.rng.random() < 0.3
    for word in c.rng.sample(c.site.language.menu, count):
        entry = _item(c, w.text_node(c, "a", "link", word))
        if c.rng.random() < 0.3:
            entry.children[0].children = [c.node("span", "opens", flow=HIDDEN)]
            if kept:
                words = c.rng.sample(c.site.language.menu, c.rng.randint(2, 4))
                further = [_item(c, w.text_node(c, "a", "link", each)) for each in words]
                entry.children.append(_unseen(c.node("ul", "menu-below", *further)))
        entries.append(entry)
    core = c.node(c.site.list_tag, "list", *entries, flow=_of_links(c, line))
    nav = c.node("nav", "menu", core)
    if c.rng.random() < 0.5:
        return c.widget("list", nav)
    opener = c.node("div", "opener", w.glyph(c, 8), c.node("span", "", text="Menu"))
    return c.widget("list", nav, _unseen(opener), _unseen(nav))


def _of_links(c: Composer, line: bool) -> Flow:
    return Flow("line", gap=14, align=c.align) if line else Flow(gap=4, align=c.align)


def _item(c: Composer, *parts: Item) -> Item:
    tag = "li" if c.site.list_tag == "ul" else "div"
    return c.node(tag, "item", *parts, flow=Flow("line", gap=5, shrink=True))


def _list(c: Composer, items: list[Item], flow: Flow, nav: bool = False) -> Item:
    core = c.node(c.site.list_tag, "list", *items, flow=flow)
    if nav:
        core = c.node("nav", "menu", core, flow=Flow(align=c.align))
    return c.widget("list", core)


def social(c: Composer, count: int) -> Item:
    """A line of round links to other sites."""
    items = []
    for _ in range(count):
        mark = w.glyph(c, 9)
        mark.look = replace(mark.look, shape="mark", color=c.tone.back)
        look = Look(fill=c.tone.accent, radius=c.rng.choice((0, 9)))
        link = c.node("a", "social-link", mark, flow=Flow(pad=(4, 4, 4, 4), width=17), look=look)
        items.append(c.node("span", "social-item", link) if c.builder else link)
    core = c.node("div", "social", *items, flow=Flow("line", gap=5, align=c.align))
    return c.widget("social", core)


def accordion(c: Composer, count: int) -> Item:
    """Questions that unfold; the first may be open, hidden answers may be there or not."""
    rows = []
    opened, plain, kept = (c.rng.random() < share for share in (0.3, 0.75, 0.3))
    for i in range(count):
        question = phrase(c.rng, c.site.language, 4, 8) + "?"
        label = w.text_node(c, c.rng.choice(("a", "span")), "question-text", question)
        label.look = replace(label.look, align="left", color=c.tone.ink)
        sign = _sign(c)
        border = Look(border=c.tone.line, fill=c.tone.panel)
        flow = Flow("line", gap=6, pad=(6, 8, 6, 8))
        parts = [c.node("div", "question", sign, label, flow=flow, look=border)]
        if i == 0 and opened:
            parts.append(_answer(c, plain))
        elif kept:
            parts.append(_unseen(_answer(c, plain)))
        rows.append(c.node("div", "entry", *parts))
    return c.widget("accordion", c.node("div", "accordion", *rows, flow=Flow(gap=3)))


def _sign(c: Composer) -> Item:
    """What shows that a question unfolds; often another for when it is."""
    look = Look(shape="plus", size=(7, 7), color=c.tone.ink)
    if c.rng.random() < 0.5:
        return c.node("span", "question-icon", look=look)
    marks = [c.node(c.site.icon_tag, "glyph") for _ in range(2)]
    states = [c.node("span", f"sign-{i}", mark, flow=HIDDEN) for i, mark in enumerate(marks)]
    return c.node("span", "question-icon", *states, look=look, flow=Flow(width=7, height=7))


def _answer(c: Composer, plain: bool) -> Item:
    flow = Flow(pad=(6, 8, 6, 8), gap=4)
    if plain:
        text = w.text_node(c, "div", "answer", sentences(c.rng, c.site.language, 12, 30))
        text.flow = flow
        return text
    return c.node("div", "answer", *blocks(c, c.rng.randint(1, 2)), flow=flow)


def tabs(c: Composer, count: int) -> Item:
    """Labels in a line and, below, the panel of the chosen one."""
    labels = []
    for i, word in enumerate(c.rng.sample(c.site.language.menu, count)):
        label = w.text_node(c, c.rng.choice(("button", "div")), "tab-label", word)
        fill, color = (c.tone.accent, c.tone.back) if i == 0 else (c.tone.panel, c.tone.ink)
        label.look = replace(label.look, fill=fill, color=color, border=c.tone.line)
        label.flow = Flow(pad=(5, 10, 5, 10))
        labels.append(label)
    head = c.node("div", "tab-list", *labels, flow=Flow("line", gap=0))
    panels = [_panel(c)]
    if c.rng.random() < 0.5:
        panels += [_unseen(_panel(c)) for _ in range(count - 1)]
    return c.widget("tab", c.node("div", "tabs", head, *panels))


def _panel(c: Composer) -> Item:
    text = w.text_node(c, "p", "tab-text", sentences(c.rng, c.site.language, 20, 45))
    parts = [text] if c.rng.random() < 0.5 else blocks(c, c.rng.randint(1, 3))
    flow, look = Flow(pad=(10, 10, 10, 10), gap=4), Look(border=c.tone.line)
    return c.node("div", "tab-panel", *parts, flow=flow, look=look)


def add_on(c: Composer) -> Item:
    """What no role fits, such as posts or prices of an add-on: dropped with all its parts."""
    makers: tuple[Kind, ...] = (
        lambda c: w.bold_node(c, c.rng.choice(("h3", "h4", "span")), "", person(c.rng)),
        lambda c: w.text_node(
            c, c.rng.choice(("p", "div")), "", phrase(c.rng, c.site.language, 2, 9)
        ),
        lambda c: w.text_node(c, "a", "", c.rng.choice(c.site.language.actions)),
        lambda c: w.picture(c, 0.7, width=80),
        lambda c: c.node(c.rng.choice(("div", "span")), "", w.glyph(c, 14)),
    )
    chosen = c.rng.choices(makers, k=c.rng.randint(1, 3))
    entries = [
        c.node("div", "add-on-item", *(make(c) for make in chosen), flow=Flow(gap=3))
        for _ in range(c.rng.randint(1, 4))
    ]
    core = c.node("div", "add-on-list", *entries, flow=Flow(gap=4))
    return w.dropped(c.widget("add-on", c.node("div", "add-on", core)))


def carousel(c: Composer, slide: Kind, shown: int, count: int) -> Item:
    """Slides of which `shown` are seen, with dots or without."""
    slides = [slide(c) for _ in range(count)]
    for hidden in slides[shown:]:
        hidden.flow = replace(hidden.flow, cover=True)
        for each in hidden.walk():
            each.look = Look()
    track = c.node("div", "track", *slides, flow=Flow("tiles", columns=shown, gap=10))
    dots = [
        c.node(
            "span",
            "dot",
            look=Look(shape="dot", size=(5, 5), color=c.tone.accent if i == 0 else c.tone.line),
        )
        for i in range(min(count, 5))
    ]
    steps = c.node("div", "dots", *dots, flow=Flow("line", gap=5, align="center", pad=(8, 0, 4, 0)))
    parts = [track, steps] if c.rng.random() < 0.6 else [track]
    return c.widget("carousel", c.node("div", "carousel", *parts))


def voice(c: Composer) -> Item:
    """A slide with what somebody said."""
    quote = w.text_node(c, "div", "quote", f"“{sentences(c.rng, c.site.language, 10, 20)}”")
    face = w.picture(c, 1.0, width=22)
    face.look = replace(face.look, radius=11)
    name = w.bold_node(c, "div", "author", person(c.rng))
    flow = Flow(gap=5, align=c.align, pad=(8, 8, 8, 8))
    return c.node("div", "slide", quote, face, name, flow=flow, look=c.panel())


def photo(c: Composer) -> Item:
    """A slide with a picture."""
    return c.node("div", "slide", c.node("figure", "slide-figure", w.picture(c, 0.66, missing=0)))


def offer(c: Composer) -> Item:
    """A slide with a picture, a title, a text and perhaps a button."""
    parts = [w.picture(c, 0.6), *blocks(c, c.rng.randint(1, 3))]
    if c.rng.random() < 0.5:
        parts.append(w.button(c))
    flow = Flow(gap=5, align=c.align, pad=(6, 6, 6, 6))
    inner = c.node("div", "slide-inner", *parts, flow=flow)
    return c.node("div", "slide", inner, look=c.panel())


def gallery(c: Composer, count: int, columns: int) -> Item:
    """Equally large pictures in rows."""
    tiles = []
    for _ in range(count):
        link = c.node("a", "tile-link", w.picture(c, 0.75, missing=0))
        tiles.append(c.node("figure", "tile", link))
    return c.widget(
        "gallery", c.node("div", "gallery", *tiles, flow=Flow("tiles", columns=columns, gap=5))
    )


def masonry(c: Composer, count: int, columns: int) -> Item:
    """Pictures of different heights, packed."""
    bricks = [
        c.node("div", "brick", w.picture(c, c.rng.choice((0.6, 0.9, 1.2, 1.5)), missing=0))
        for _ in range(count)
    ]
    return c.widget(
        "masonry", c.node("div", "masonry", *bricks, flow=Flow("packed", columns=columns, gap=5))
    )


def marquee(c: Composer, logos: bool) -> Item:
    """A band that runs: its contents stand there twice."""
    marks = []
    for _ in range(c.rng.randint(4, 6)):
        if logos:
            look = Look(
                shape="logo", size=(52, 18), color=c.tone.soft, seed=c.rng.randrange(1 << 16)
            )
            marks.append(c.node("img", "logo", look=look, flow=Flow(width=52)))
        else:
            text = phrase(c.rng, c.site.language, 1, 2)
            marks.append(w.bold_node(c, "span", "run-text", text, 3))
    track = c.node("div", "run", *marks, flow=Flow("line", gap=24, align="center"))
    again = c.node("div", "run", *(_unseen(mark) for mark in marks), flow=HIDDEN)
    core = c.node("div", "marquee", track, again, flow=Flow(pad=(8, 0, 8, 0)))
    return c.widget("marquee", core)


def _unseen(item: Item) -> Item:
    """A copy that takes no room and is not painted."""
    parts = [_unseen(child) for child in item.children]
    return Item(item.tag, item.classes, parts, item.text, dict(item.attrs), flow=HIDDEN)


def freedom(c: Composer, height: float, *placed: tuple[Item, tuple[float, float, float]]) -> Item:
    """Elements where they please: a frame whose children stand at (x, y, width)."""
    for item, at in placed:
        item.flow = replace(item.flow, at=at, width=0, shrink=False)
    layers = [item for item, _ in placed]
    stage = c.node("div", "stage", *layers, role=MERGE, flow=Flow("free", height=height))
    return c.node("div", "free", stage, role="freedom")


def icon_box(c: Composer, link: bool = False) -> Item:
    """An icon, a title and a text in one box."""
    drawing = w.glyph(c, c.rng.randint(18, 26))
    if c.builder and c.rng.random() < 0.6:
        drawing = c.node(c.rng.choice(("span", "a")), "icon", drawing, flow=Flow(align=c.align))
    mark = c.node("div", "box-icon", drawing, flow=Flow(align=c.align))
    merge_chain(mark, "icon")
    bare = c.rng.random() if c.builder else 1.0
    if bare < 0.1:  # the icon alone
        return c.composite(mark)
    if bare < 0.25:  # no icon
        texts = c.node("div", "box-content", *_box_texts(c, link), flow=Flow(gap=5, align=c.align))
        return c.composite(c.node("div", "box-wrap", texts))
    return _boxed(c, mark, *_box_texts(c, link))


def image_box(c: Composer, ratio: float, link: bool = False) -> Item:
    """A picture, a title and a text in one box."""
    figure = c.node("figure", "box-image", w.picture(c, ratio), flow=Flow(align=c.align))
    merge_chain(figure, "image")
    return _boxed(c, figure, *_box_texts(c, link))


def testimonial(c: Composer) -> Item:
    """What somebody said, with face, name and job: elements of one box."""
    quote = w.text_node(c, "div", "quote", f"“{sentences(c.rng, c.site.language, 10, 25)}”")
    face = w.picture(c, 1.0, width=26)
    face.look = replace(face.look, radius=13)
    face = c.node("div", "face", face, flow=Flow(align=c.align))
    name = w.bold_node(c, "div", "author", person(c.rng))
    job = w.text_node(c, "div", "job", phrase(c.rng, c.site.language, 1, 3))
    roles = ("paragraph", "image", "heading", "paragraph")
    for part, role in zip((quote, face, name, job), roles, strict=True):
        merge_chain(part, role)
    role, flow = DROP if c.builder else MERGE, Flow(gap=2, align=c.align)
    who = c.node("div", "author-lines", name, job, role=role, flow=flow)
    about = c.node("div", "author-box", face, who, role=role, flow=replace(flow, gap=5))
    return c.composite(c.node("div", "voice", quote, about, flow=replace(flow, gap=6)))


def _box_texts(c: Composer, link: bool) -> list[Item]:
    level = 4 if c.builder else 3
    title = w.bold_node(
        c, c.site.heading_tag or f"h{level}", "box-title", phrase(c.rng, c.site.language, 2, 4)
    )
    if c.rng.random() < 0.4:
        w.enclose(c, title)
    text = w.text_node(c, c.site.text_tag, "box-text", sentences(c.rng, c.site.language, 8, 16))
    merge_chain(title, "heading")
    merge_chain(text, "paragraph")
    texts = [title, text]
    if link:
        texts.append(w.button(c))
    return texts


def _boxed(c: Composer, first: Item, title: Item, *texts: Item) -> Item:
    """Builders drop what lies between a box and its parts, hand-made boxes merge with it."""
    flow = Flow(gap=5, align=c.align)
    if c.builder:
        content = c.node("div", "box-content", title, *texts, flow=flow)
        if first.role == "icon" and c.rng.random() < 0.25:  # some add-ons call all of it an icon
            whole = c.node("div", "box-icon", first, content, flow=flow)
            merge_chain(whole, "icon")
            return c.composite(c.node("div", "box-wrap", whole))
        return c.composite(c.node("div", "box-wrap", first, content, flow=flow))
    if len(texts) == 1:
        content = c.node("div", "box-content", title, *texts, role=MERGE, flow=flow)
        return c.composite(c.node("div", "box", first, content, flow=flow))
    head = c.node("div", "box-head", first, title, role=MERGE, flow=flow)
    body = c.node("div", "box-body", *texts, role=MERGE, flow=flow)
    return c.composite(c.node("div", "box", head, body, flow=flow))
