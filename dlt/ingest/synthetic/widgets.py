"""Single widgets: texts, buttons, pictures and the like, each one element (or dropped)."""

from dataclasses import replace

from dlt.ingest.synthetic.composer import Composer
from dlt.ingest.synthetic.item import Flow, Item, Look
from dlt.ingest.synthetic.words import date, person, phrase, sentences
from dlt.section.roles import DROP


def text_node(c: Composer, tag: str, part: str, text: str, *children: Item) -> Item:
    """A node that paints its own text at body size, as a part inside a widget."""
    look = Look(font=c.font(c.site.body), color=c.tone.soft, align=c.align)
    return c.node(tag, part, *children, text=text, look=look)


def running_text(c: Composer, part: str, text: str) -> Item:
    """The same as a paragraph of its own, with the site's margin below it."""
    item = text_node(c, c.site.text_tag, part, text)
    item.flow = Flow(pad=(0, 0, c.site.margin, 0))
    return item


def bold_node(c: Composer, tag: str, part: str, text: str, level: int = 4) -> Item:
    """The same in bold and in the size of a heading of `level`."""
    look = Look(font=c.font(c.site.titles[level - 1], True), color=c.tone.ink, align=c.align)
    return c.node(tag, part, text=text, look=look)


def heading(c: Composer, level: int = 2, text: str = "") -> Item:
    """A heading; level 4 is the size of a card's title."""
    text = text or phrase(c.rng, c.site.language, *((3, 7) if level < 3 else (2, 4)))
    core = bold_node(c, c.site.heading_tag or f"h{level}", "title", text, level)
    if c.rng.random() < 0.1:
        enclose(c, core)
    return c.widget("heading", core)


def enclose(c: Composer, item: Item) -> None:
    """Put an item's own text in an inline child, and now and then that in another."""
    text, item.text = item.text, ""
    inline = c.node(c.rng.choice(("span", "strong", "b", "a", "em")), "", text=text)
    inline.flow = Flow(cover=True)
    if c.rng.random() < 0.3:
        inline = c.node(c.rng.choice(("span", "strong")), "", inline, flow=inline.flow)
    item.children.insert(0, inline)


def price(c: Composer) -> Item:
    """A heading that is an amount."""
    return heading(c, 1, f"{c.rng.choice('$€£')}{c.rng.choice((9, 19, 29, 49, 99, 149))}")


def paragraph(c: Composer, least: int = 10, most: int = 30, count: int = 1) -> Item:
    """Running text of one or more paragraphs."""
    texts = [sentences(c.rng, c.site.language, least, most) for _ in range(count)]
    parts = [running_text(c, "text", text) for text in texts]
    for part in parts:
        if c.rng.random() < 0.3:
            emphasise(c, part)
    if c.builder and c.site.extra:
        parts = [c.node("div", "texts", *parts, flow=Flow(gap=4))]
    if c.builder and c.rng.random() < 0.1:  # pasted from elsewhere, wrappers and all
        named = c.rng.random() < 0.6
        for i in range(c.rng.choice((1, 2, 3, 4, 4, 8, 12))):
            parts = [c.node("div", f"pasted-{i}" if named else "", *parts, flow=Flow(gap=4))]
    return c.widget("paragraph", *parts)


def emphasise(c: Composer, text: Item) -> None:
    """Put a few inline nodes beside an item's own text."""
    for _ in range(c.rng.choice((1, 2, 2, 3))):
        tag = c.rng.choice(("strong", "em", "a", "b"))
        inline = c.node(tag, "", text=phrase(c.rng, c.site.language, 1, 2).lower())
        inline.flow = Flow(cover=True)
        text.children.append(inline)


def note(c: Composer) -> Item:
    """A short line of running text: a date, a job title, an address."""
    text = f"{date(c.rng)} · {phrase(c.rng, c.site.language, 2, 3)}"
    return c.widget("paragraph", text_node(c, c.site.text_tag, "text", text))


def button(c: Composer) -> Item:
    """A link that looks like a button."""
    words = c.rng.choice(c.site.language.actions)
    ink = c.tone.accent if c.site.outlined else c.tone.back
    label = Look(font=c.font(c.site.body, bold=not c.site.outlined), color=ink, align="center")
    look = Look(
        fill=None if c.site.outlined else c.tone.accent,
        border=c.tone.accent,
        radius=min(c.site.radius, 8),
    )
    flow = Flow(pad=(5, 12, 5, 12), shrink=True, align="center")
    tag = c.site.button_tag
    if not c.builder and c.rng.random() < 0.8:
        core = c.node(tag, "button", text=words, flow=flow, look=replace(look, font=label.font))
        core.look = replace(core.look, color=ink, align="center")
        return c.widget("button", core, shrink=True)
    content = c.node("span", "label", text=words, look=label)
    if c.rng.random() < 0.2:
        flow = replace(flow, kind="line", gap=4)
        core = c.node(tag, "button", glyph(c, 8), content, flow=flow, look=look)
    else:
        inner = c.node("span", "content", content) if c.builder else content
        core = c.node(tag, "button", inner, flow=flow, look=look)
    if not c.builder:
        return c.widget("button", core, shrink=True)
    return c.widget("button", c.node("div", "button-wrap", core, flow=Flow(align=c.align)))


def glyph(c: Composer, size: float) -> Item:
    """The drawing inside an icon."""
    look = Look(shape="icon", size=(size, size), color=c.tone.accent, seed=c.rng.randrange(1 << 16))
    return c.node(c.site.icon_tag, "glyph", flow=Flow(width=size), look=look)


def icon(c: Composer, size: float = 0) -> Item:
    """A lone icon."""
    mark = glyph(c, size or c.rng.randint(18, 28))
    tag = c.rng.choice(("div", "div", "span", "a"))
    core = c.node(tag, "icon", mark, flow=Flow(align=c.align))
    if c.builder:
        core = c.node("div", "icon-wrap", core, flow=Flow(align=c.align))
    return c.widget("icon", core)


def logo(c: Composer) -> Item:
    """A picture that is a name and a sign."""
    width = float(c.rng.randint(52, 80))
    look = Look(shape="logo", size=(width, 0), ratio=0.32, color=c.tone.accent)
    look = replace(look, seed=c.rng.randrange(1 << 16))
    core = c.node("img", "image", flow=Flow(width=width), look=look, src="logo.png", alt="Logo")
    link = c.node("a", "home", core, flow=Flow(align=c.align), href="/")
    return c.widget("image", link)


def picture(c: Composer, ratio: float, width: float = 0, missing: float = 0.05) -> Item:
    """An `img` node, sometimes of a file that is not there."""
    alt = phrase(c.rng, c.site.language, 2, 4)
    seed = c.rng.randrange(1 << 16)
    if c.rng.random() < missing:
        look = Look(shape="missing", size=(width or 80, 14), color=c.tone.soft)
    else:
        look = Look(shape="picture", ratio=ratio, size=(width or 120, 0), seed=seed)
    src = f"image-{seed}.jpg"
    return c.node("img", "image", flow=Flow(width=width), look=look, src=src, alt=alt)


def image(c: Composer, ratio: float = 0, caption: bool = False) -> Item:
    """A picture, perhaps with a caption."""
    core = picture(c, ratio or c.rng.choice((0.5, 0.56, 0.66, 0.75, 1.0)))
    if caption:
        below = text_node(c, "figcaption", "caption", phrase(c.rng, c.site.language, 2, 4))
        core = c.node("figure", "figure", core, below, flow=Flow(gap=2, align=c.align))
    else:
        if c.site.image_wrapper != "a" and c.rng.random() < 0.25:
            core = c.node("a", "image-link", core, flow=Flow(align=c.align))
        if c.site.image_wrapper:
            core = c.node(c.site.image_wrapper, "figure", core, flow=Flow(align=c.align))
    return c.widget("image", core)


def divider(c: Composer) -> Item:
    """A line across, with the space that belongs to it."""
    width = c.rng.choice((0.0, 0.0, 60.0, 120.0))
    rule = Look(shape="rule", size=(width or 100, 1.0), color=c.tone.line)
    flow = Flow(pad=(7, 0, 7, 0), align=c.align)
    if c.builder and c.rng.random() < 0.4:  # drawn by the style sheet
        own = replace(flow, width=width)
        return c.widget("divider", c.node("div", "divider", look=rule, flow=own))
    if c.builder or c.rng.random() < 0.5:
        line = c.node("span", "rule", look=rule, flow=Flow(width=width))
        return c.widget("divider", c.node("div", "divider", line, flow=flow))
    return c.widget("divider", c.node("hr", "rule", look=rule, flow=replace(flow, width=0.0)))


def spacer(c: Composer) -> Item:
    """Empty space, or a place that links lead to: dropped."""
    if c.builder and c.rng.random() < 0.25:
        return dropped(c.widget("anchor", c.node("div", "anchor")))
    gap = c.node("div", "spacer-inner", flow=Flow(height=float(c.rng.randint(10, 30))))
    return dropped(c.widget("spacer", c.node("div", "spacer", gap)) if c.builder else gap)


def script(c: Composer) -> Item:
    """What is never seen: dropped."""
    tag = c.rng.choice(("script", "style", "template", "noscript"))
    return dropped(c.node(tag, "", flow=Flow(cover=True)))


def form(c: Composer) -> Item:
    """A line of input fields with a button: no role fits, dropped."""
    look = Look(fill=c.tone.panel, border=c.tone.line, radius=min(c.site.radius, 4))
    fields = [
        c.node("input", "field", look=replace(look, shape="input", size=(110, 18)))
        for _ in range(c.rng.randint(1, 2))
    ]
    send = text_node(c, "button", "submit", c.rng.choice(c.site.language.actions))
    send.flow = Flow(pad=(4, 8, 4, 8))
    send.look = replace(send.look, fill=c.tone.panel, border=c.tone.line)
    core = c.node("form", "form", *fields, send, flow=Flow("line", gap=5, align=c.align))
    return dropped(c.node("div", "widget-form", core, flow=Flow(align=c.align)))


def dropped(item: Item) -> Item:
    """The same, with nothing in it an element."""
    for each in item.walk():
        each.role = DROP
    return item


def counter(c: Composer) -> Item:
    """A number that counts up, with what it counts."""
    look = Look(font=c.font(c.site.titles[0], True), color=c.tone.accent, align=c.align)
    number = str(c.rng.choice((12, 45, 87, 120, 350, 999, 1500)))
    digits = [c.node("span", "number", text=number, look=look)]
    if c.rng.random() < 0.6:
        digits.append(c.node("span", "suffix", text=c.rng.choice("+%k"), look=look))
    figure = c.node("div", "number-wrap", *digits, flow=Flow("line", gap=1, align=c.align))
    parts = [figure]
    if c.rng.random() < 0.6:
        parts.append(text_node(c, "div", "number-title", phrase(c.rng, c.site.language, 1, 3)))
    return c.widget("counter", c.node("div", "counter", *parts, flow=Flow(gap=2, align=c.align)))


def qr(c: Composer) -> Item:
    """A QR code that a script draws. One in an `img` is a picture to a page builder, as any other."""
    size = float(c.rng.randint(64, 110))
    look = Look(shape="qr", size=(size, size), seed=c.rng.randrange(1 << 16))
    code = c.node(c.rng.choice(("svg", "canvas")), "code", look=look, flow=Flow(width=size))
    return c.widget("qr", c.node("div", "code-wrap", code, flow=Flow(align=c.align)))


def map_view(c: Composer, ratio: float = 0.6) -> Item:
    """A street map in a frame."""
    look = Look(shape="map", ratio=ratio, size=(200, 0), seed=c.rng.randrange(1 << 16))
    frame = c.node("iframe", "frame", look=look)
    return c.widget("map", c.node("div", "map-wrap", frame))


def video(c: Composer, ratio: float = 0.56) -> Item:
    """A video with a play button on it."""
    look = Look(shape="video", ratio=ratio, size=(200, 0), seed=c.rng.randrange(1 << 16))
    if c.builder and c.rng.random() < 0.3:  # a script puts in what plays
        return c.widget("video", c.node("div", "player", look=look))
    tag = c.rng.choice(("iframe", "video", "video"))
    return c.widget("video", c.node("div", "player", c.node(tag, "frame", look=look)))


def person_name(c: Composer) -> Item:
    """A heading that is a name."""
    return heading(c, 4, person(c.rng))
