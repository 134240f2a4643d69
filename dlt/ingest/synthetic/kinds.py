"""The kinds of section that training shows, each a tree shape of its own."""

from dlt.ingest.synthetic import backdrop, rich
from dlt.ingest.synthetic import widgets as w
from dlt.ingest.synthetic.composer import Composer, Kind
from dlt.ingest.synthetic.item import Item
from dlt.ingest.synthetic.mixed import mixed_boxes, mixed_columns, mixed_rows, mixed_stack
from dlt.ingest.synthetic.prose import prose
from dlt.ingest.synthetic.words import phrase


def intro(c: Composer, level: int = 2) -> list[Item]:
    """A heading, often with a line above and a paragraph or a divider below."""
    items = [w.heading(c, level)]
    if c.rng.random() < 0.25:
        items.insert(0, w.heading(c, 4, phrase(c.rng, c.site.language, 1, 2).upper()))
    if c.rng.random() < 0.2:
        items.append(w.divider(c))
    if c.rng.random() < 0.5:
        items.append(w.paragraph(c, 10, 25))
    return items


def hero_center(c: Composer) -> Item:
    """Title, text and up to two buttons in the middle of a picture."""
    c.use(c.site.dark)
    c.align = "center"
    items = [
        w.heading(c, 1),
        w.paragraph(c, 8, 18),
        *(w.button(c) for _ in range(c.rng.randint(0, 2))),
    ]
    root = c.section(*items, middle=True)
    return backdrop.picture(c, root, veiled=c.rng.random() < 0.5)


def hero_split(c: Composer) -> Item:
    """Title and text beside a picture."""
    text = [*intro(c, 1), w.button(c)][: c.rng.randint(2, 5)]
    if c.rng.random() < 0.4:
        text = [c.box(*text, card=c.rng.random() < 0.5)]
    side = [w.image(c, c.rng.choice((0.7, 0.9, 1.0)))]
    cells = [text, side] if c.rng.random() < 0.5 else [side, text]
    root = c.columns(*cells, weights=c.rng.choice(((1, 1), (3, 2), (2, 3))))
    return backdrop.overlay(c, root) if c.rng.random() < 0.15 else root


def hero_video(c: Composer) -> Item:
    """Title, text and a button over a video."""
    c.use(c.site.dark)
    root = c.section(w.heading(c, 1), w.paragraph(c, 8, 16), w.button(c), middle=True)
    return backdrop.video(c, root, veiled=c.rng.random() < 0.5)


def page_title(c: Composer) -> Item:
    """The title of a page, over a picture."""
    c.use(c.site.dark)
    items = [w.heading(c, 1)] if c.rng.random() < 0.6 else [w.heading(c, 1), w.note(c)]
    root = c.section(*items, middle=True)
    return backdrop.picture(c, root, veiled=c.rng.random() < 0.3)


def text_block(c: Composer) -> Item:
    """Paragraphs, mostly with a heading."""
    items = [w.paragraph(c, 20, 60, c.rng.randint(1, 5))]
    if c.rng.random() < 0.7:
        items.insert(0, w.heading(c, 2))
    if c.rng.random() < 0.15:
        items.append(w.spacer(c))
    return c.section(*items)


def text_page(c: Composer) -> Item:
    """One long text with titles and lists of its own, sometimes below a heading."""
    items = [prose(c, 12)]
    if c.rng.random() < 0.4:
        items.insert(0, w.heading(c, c.rng.randint(1, 2)))
    return c.section(*items)


def article(c: Composer) -> Item:
    """Headings, each with its paragraphs."""
    items = []
    for _ in range(c.rng.randint(2, 4)):
        items += [w.heading(c, 3), w.paragraph(c, 25, 60, c.rng.randint(1, 2))]
    return c.section(*items)


def one_heading(c: Composer) -> Item:
    """Nothing but a heading."""
    return c.section(w.heading(c, c.rng.randint(1, 3)))


def feature_grid(c: Composer) -> Item:
    """Three or four icon boxes side by side, in one row or two."""
    count = c.rng.randint(3, 4)
    link = c.rng.random() < 0.3
    cells = [[rich.icon_box(c, link)] for _ in range(count)]
    if c.rng.random() < 0.3:
        return c.columns(*cells, middle=False)
    rows = [c.row(*cells)]
    if c.rng.random() < 0.3:
        rows.append(c.row(*[[rich.icon_box(c)] for _ in range(count)]))
    return c.section(*intro(c), *rows)


def pricing(c: Composer) -> Item:
    """Cards with a price, a list and a button."""
    cells = []
    for _ in range(c.rng.randint(2, 4)):
        plan = [w.heading(c, 4), w.price(c), rich.bullets(c, c.rng.randint(3, 5))]
        cells.append([c.box(*plan, w.button(c))])
    return c.section(*intro(c), c.row(*cells))


def faq(c: Composer) -> Item:
    """An accordion, mostly below a heading."""
    items = intro(c) if c.rng.random() < 0.7 else []
    return c.section(*items, rich.accordion(c, c.rng.randint(3, 10)))


def faq_split(c: Composer) -> Item:
    """An accordion beside its heading."""
    left = [w.heading(c, 2), w.paragraph(c, 10, 20)]
    return c.columns(left, [rich.accordion(c, c.rng.randint(1, 5))], weights=(2, 3), middle=False)


def testimonials(c: Composer) -> Item:
    """A carousel of what people said."""
    shown = c.rng.randint(1, 3)
    return c.section(*intro(c), rich.carousel(c, rich.voice, shown, shown + c.rng.randint(1, 4)))


def gallery(c: Composer) -> Item:
    """Pictures in rows of equal ones."""
    columns = c.rng.randint(3, 5)
    items = intro(c) if c.rng.random() < 0.7 else []
    return c.section(*items, rich.gallery(c, columns * c.rng.randint(1, 3), columns))


def masonry_wall(c: Composer) -> Item:
    """Pictures in packed columns."""
    columns = c.rng.randint(3, 4)
    items = [w.heading(c, 2)] if c.rng.random() < 0.8 else []
    return c.section(*items, rich.masonry(c, columns * 2 + c.rng.randint(0, 4), columns))


def footer_columns(c: Composer) -> Item:
    """A brand with its networks, and columns of links."""
    c.use(c.site.dark)
    c.align = "left"
    brand = [w.logo(c), w.paragraph(c, 8, 16), rich.social(c, c.rng.randint(3, 5))]
    cells = [brand]
    for _ in range(c.rng.randint(1, 3)):
        cells.append([w.heading(c, 4), rich.links(c, c.rng.randint(3, 9))])
    root = c.columns(*cells, tag=c.rng.choice(("footer", "")), middle=False)
    return backdrop.overlay(c, root) if c.rng.random() < 0.2 else root


def contact_map(c: Composer) -> Item:
    """Address and networks beside a map."""
    text = [w.heading(c, 2), w.paragraph(c, 8, 20), rich.bullets(c, 3), rich.social(c, 3)]
    cells = [text[: c.rng.randint(2, 4)], [w.map_view(c, c.rng.choice((0.6, 0.8)))]]
    if c.rng.random() < 0.5:
        cells.reverse()
    return c.columns(*cells, middle=False)


def counters(c: Composer) -> Item:
    """Numbers side by side, sometimes below icons."""
    cells = [[w.counter(c)] for _ in range(c.rng.randint(3, 4))]
    if c.rng.random() < 0.5:
        c.use(c.site.accented)
        return c.columns(*cells)
    if c.rng.random() < 0.5:
        cells = [[w.icon(c), *cell] for cell in cells]
    return c.section(*intro(c), c.row(*cells))


def tab_panel(c: Composer) -> Item:
    """Tabs."""
    return c.section(*intro(c), rich.tabs(c, c.rng.randint(2, 5)))


def video_block(c: Composer) -> Item:
    """One video."""
    items = intro(c) if c.rng.random() < 0.7 else []
    return c.section(*items, w.video(c), width=c.rng.choice((0, 380)))


def video_row(c: Composer) -> Item:
    """Videos side by side, each below its heading."""
    cells = [[w.heading(c, 4), w.video(c)] for _ in range(c.rng.randint(2, 3))]
    return c.columns(*cells, middle=False)


def logo_marquee(c: Composer) -> Item:
    """A band of logos or words that runs."""
    items = [w.heading(c, 3)] if c.rng.random() < 0.6 else []
    return c.section(*items, rich.marquee(c, c.rng.random() < 0.6))


def qr_promo(c: Composer) -> Item:
    """Text beside a QR code."""
    if c.rng.random() < 0.5:
        c.use(c.site.accented)
    text = [w.heading(c, 2), w.paragraph(c, 10, 20), rich.bullets(c, 3)]
    return c.columns(text[: c.rng.randint(2, 3)], [w.qr(c), w.note(c)], weights=(2, 1))


def team(c: Composer) -> Item:
    """Portraits with names side by side."""
    cells = []
    for _ in range(c.rng.randint(3, 4)):
        person = [w.image(c, 1.0), w.person_name(c), w.note(c)]
        cells.append([*person, rich.social(c, 3)] if c.rng.random() < 0.4 else person)
    return c.section(*intro(c), c.row(*cells))


def timeline(c: Composer) -> Item:
    """Years, each beside what happened."""
    c.align = "left"
    rows = []
    for _ in range(c.rng.randint(2, 4)):
        year = w.heading(c, 3, str(c.rng.randint(1950, 2025)))
        rows.append(c.row([year], [w.heading(c, 4), w.paragraph(c, 8, 20)], weights=(1, 4)))
    return c.section(w.heading(c, 2), *rows)


def blog_cards(c: Composer) -> Item:
    """Pictures side by side, each above a card of text."""
    cells = []
    for _ in range(c.rng.randint(2, 3)):
        post = [w.heading(c, 4), w.note(c), w.paragraph(c, 8, 16)]
        cells.append([w.image(c, 0.6), c.box(*post[: c.rng.randint(2, 3)])])
    return c.section(w.heading(c, 2), c.row(*cells))


def cta_band(c: Composer) -> Item:
    """A line and a button on an accented ground."""
    c.use(c.site.accented)
    if c.rng.random() < 0.5:
        return c.columns([w.heading(c, 2)], [w.button(c)], weights=(3, 1))
    if c.site.dialect == "flex" and c.rng.random() < 0.5:
        text = c.rng.choice((w.heading, w.paragraph))(c)
        return c.section(text, w.button(c), weights=(c.rng.choice((2, 3, 4)), 1))
    return c.section(w.heading(c, 2), w.paragraph(c, 6, 14), w.button(c))


def newsletter(c: Composer) -> Item:
    """A form below a line of text."""
    c.use(c.rng.choice((c.site.accented, c.tone)))
    return c.section(w.heading(c, 2), w.paragraph(c, 6, 16), w.form(c))


def split_rows(c: Composer) -> Item:
    """Rows of picture and text, in turns."""
    rows = []
    for i in range(c.rng.randint(1, 3)):
        cells = [[w.image(c, 0.66)], [w.heading(c, 3), w.paragraph(c, 15, 35)]]
        if i % 2:
            cells.reverse()
        rows.append(c.row(*cells, middle=True))
    return c.section(w.heading(c, 2), *rows)


def header_nav(c: Composer) -> Item:
    """Logo, links and sometimes a button on one line."""
    c.align = "left"
    links = rich.menu if c.rng.random() < 0.5 else rich.links
    cells = [[w.logo(c)], [links(c, c.rng.randint(4, 8), line=True)]]
    weights: tuple[float, ...] = (1, 4)
    if c.rng.random() < 0.5:
        cells.append([w.button(c)])
        weights = (2, 5, 1.5)
    return c.columns(*cells, weights=weights, tag=c.rng.choice(("header", "")))


def freeform(c: Composer) -> Item:
    """Pictures and texts placed freely."""
    c.align = "left"
    parts = [
        (w.image(c, 0.7), (0.02, 0.05, 0.45)),
        (w.image(c, 0.9), (0.55, 0.25, 0.4)),
        (w.heading(c, 1), (0.25, 0.12, 0.5)),
        (w.note(c), (0.05, 0.86, 0.4)),
    ]
    return c.section(rich.freedom(c, float(c.rng.randint(250, 340)), *parts[: c.rng.randint(3, 4)]))


def free_hero(c: Composer) -> Item:
    """Title, text, icon and button placed freely on a picture."""
    c.use(c.site.dark)
    c.align = "left"
    free = rich.freedom(
        c,
        float(c.rng.randint(200, 260)),
        (w.heading(c, 1), (0.04, 0.15, 0.6)),
        (w.paragraph(c, 8, 14), (0.1, 0.55, 0.45)),
        (w.icon(c), (0.8, 0.2, 0.12)),
        (w.button(c), (0.62, 0.75, 0.3)),
    )
    return backdrop.picture(c, c.section(free), veiled=True)


def divided_title(c: Composer) -> Item:
    """A heading between dividers, sometimes with a paragraph."""
    items = [w.heading(c, 2), w.divider(c)]
    if c.rng.random() < 0.4:
        items.insert(0, w.divider(c))
    if c.rng.random() < 0.5:
        items.append(w.paragraph(c, 15, 40))
    return c.section(*items)


def comparison(c: Composer) -> Item:
    """Two sides of headings with icons, and lists."""
    sides = []
    for _ in range(2):
        rows = [c.row([w.icon(c, 18)], [w.heading(c, 4)], weights=(1, 4)) for _ in range(2)]
        sides.append([w.heading(c, 3), *rows, rich.bullets(c, c.rng.randint(2, 4))])
    return c.columns(*sides, middle=False)


def picture_slider(c: Composer) -> Item:
    """A carousel of pictures."""
    shown = c.rng.randint(2, 5)
    items = [w.heading(c, 2), c.rng.choice((w.divider, w.paragraph))(c)]
    slider = rich.carousel(c, rich.photo, shown, shown + c.rng.randint(2, 5))
    return c.section(*items[: c.rng.randint(1, 2)], slider)


def cards_wrapped(c: Composer) -> Item:
    """A picture beside one or two cards of text."""
    c.align = "left"
    boxes = [
        c.box(w.heading(c, 3), w.paragraph(c, 12, 30), w.button(c))
        for _ in range(c.rng.randint(1, 2))
    ]
    return c.columns([w.image(c, 0.9)], boxes, middle=False)


TRAINING: dict[Kind, int] = {
    mixed_stack: 18,
    mixed_columns: 26,
    mixed_rows: 18,
    mixed_boxes: 18,
    hero_center: 3,
    hero_split: 3,
    hero_video: 2,
    page_title: 5,
    text_block: 8,
    text_page: 5,
    article: 4,
    one_heading: 5,
    feature_grid: 2,
    pricing: 2,
    faq: 5,
    faq_split: 2,
    testimonials: 2,
    gallery: 1,
    masonry_wall: 2,
    footer_columns: 3,
    contact_map: 2,
    counters: 2,
    tab_panel: 2,
    video_block: 1,
    video_row: 1,
    logo_marquee: 2,
    qr_promo: 2,
    team: 2,
    timeline: 2,
    blog_cards: 2,
    cta_band: 3,
    newsletter: 1,
    split_rows: 5,
    header_nav: 3,
    freeform: 3,
    free_hero: 2,
    divided_title: 4,
    comparison: 1,
    picture_slider: 1,
    cards_wrapped: 2,
}
