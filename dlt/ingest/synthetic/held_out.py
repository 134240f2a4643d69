"""The kinds of section that only validation and only test show: the same widgets, other trees."""

from dlt.ingest.synthetic import backdrop, rich
from dlt.ingest.synthetic import widgets as w
from dlt.ingest.synthetic.composer import Composer, Kind
from dlt.ingest.synthetic.item import Item
from dlt.ingest.synthetic.kinds import intro


def steps(c: Composer) -> Item:
    """Numbered steps side by side."""
    cells = []
    for i in range(c.rng.randint(3, 4)):
        cells.append([w.heading(c, 1, f"{i + 1}."), w.heading(c, 4), w.paragraph(c, 8, 16)])
    return c.section(*intro(c), c.row(*cells))


def quote(c: Composer) -> Item:
    """A quote with its icon, divider and author."""
    c.align = "center"
    return c.section(w.icon(c), w.paragraph(c, 20, 35), w.divider(c), w.person_name(c), w.note(c))


def services(c: Composer) -> Item:
    """Rows of an image box and an icon box."""
    rows = [c.row([rich.image_box(c, 0.6)], [rich.icon_box(c, link=True)]) for _ in range(2)]
    return c.section(w.heading(c, 2), *rows[: c.rng.randint(1, 2)])


def social_wall(c: Composer) -> Item:
    """Networks above a gallery."""
    c.use(c.site.accented)
    return c.section(w.heading(c, 2), rich.social(c, c.rng.randint(4, 6)), rich.gallery(c, 8, 4))


def media_tabs(c: Composer) -> Item:
    """A video beside tabs."""
    return c.columns([w.video(c)], [w.heading(c, 3), rich.tabs(c, 3)], middle=False)


def event_list(c: Composer) -> Item:
    """Rows of icon, event and button, with dividers between."""
    c.align = "left"
    items = [w.heading(c, 2)]
    for _ in range(c.rng.randint(2, 4)):
        about = [w.heading(c, 4), w.note(c)]
        items += [c.row([w.icon(c, 22)], about, [w.button(c)], weights=(1, 4, 2)), w.divider(c)]
    return c.section(*items)


def app_promo(c: Composer) -> Item:
    """A picture beside text, a list, and a QR code beside its button."""
    codes = c.row([w.qr(c)], [w.note(c), w.button(c)], weights=(1, 1))
    return c.columns([w.image(c, 1.0)], [w.heading(c, 2), rich.bullets(c, 3), codes], middle=False)


def visit_us(c: Composer) -> Item:
    """A map above three ways to come, and networks."""
    cells = [[w.icon(c), w.heading(c, 4), w.note(c)] for _ in range(3)]
    return c.section(w.map_view(c, 0.3), c.row(*cells), rich.social(c, 4))


def story_stats(c: Composer) -> Item:
    """Text with a row of counters in it, beside a picture."""
    numbers = c.row(*[[w.counter(c)] for _ in range(c.rng.randint(2, 3))])
    text = [w.heading(c, 2), w.paragraph(c, 15, 30), numbers, w.button(c)]
    root = c.columns(text, [w.image(c, 1.1)], weights=(3, 2))
    return backdrop.overlay(c, root) if c.rng.random() < 0.3 else root


def voices_split(c: Composer) -> Item:
    """Text beside a carousel of what people said, on a picture."""
    c.use(c.site.dark)
    left = [w.heading(c, 2), w.divider(c), w.paragraph(c, 8, 16)]
    root = c.columns(left, [rich.carousel(c, rich.voice, 1, 3)], weights=(2, 3))
    return backdrop.picture(c, root, veiled=True)


def showcase(c: Composer) -> Item:
    """Tabs above pictures."""
    tabs = rich.tabs(c, 4)
    shots = rich.gallery(c, 6, 3) if c.rng.random() < 0.5 else rich.masonry(c, 8, 4)
    return c.section(w.heading(c, 2), tabs, w.heading(c, 3), shots)


def footer_bar(c: Composer) -> Item:
    """Logo, links, networks and a note below each other."""
    c.use(c.site.dark)
    c.align = "center"
    items = [w.logo(c), rich.links(c, 4, line=True), w.divider(c), rich.social(c, 4), w.note(c)]
    return c.section(*items, tag="footer")


def launch(c: Composer) -> Item:
    """Title, button and a running band over a video."""
    c.use(c.site.dark)
    c.align = "center"
    band = rich.marquee(c, logos=False)
    root = c.section(w.heading(c, 1), w.button(c), band, middle=True)
    return backdrop.video(c, root, veiled=c.rng.random() < 0.5)


def collage(c: Composer) -> Item:
    """A picture and a video that overlap, above an accordion."""
    c.align = "left"
    free = rich.freedom(
        c,
        float(c.rng.randint(220, 280)),
        (w.image(c, 1.0), (0.05, 0.08, 0.4)),
        (w.video(c), (0.4, 0.3, 0.55)),
        (w.heading(c, 3), (0.5, 0.1, 0.4)),
    )
    return c.section(w.heading(c, 2), free, rich.accordion(c, c.rng.randint(2, 3)))


VALIDATION: dict[Kind, int] = {steps: 3, quote: 2, services: 2, social_wall: 1, media_tabs: 1}
TEST: dict[Kind, int] = {
    event_list: 3,
    app_promo: 2,
    visit_us: 2,
    story_stats: 3,
    voices_split: 2,
    showcase: 2,
    footer_bar: 3,
    launch: 2,
    collage: 2,
}
