"""Sections of whatever there is: kinds for training that put any widget beside any other."""

from functools import wraps

from dlt.ingest.synthetic import backdrop, rich
from dlt.ingest.synthetic import widgets as w
from dlt.ingest.synthetic.composer import Composer, Kind, drawn
from dlt.ingest.synthetic.item import Item
from dlt.ingest.synthetic.prose import prose

_PARTS: tuple[tuple[int, Kind], ...] = (
    (10, lambda c: w.heading(c, c.rng.randint(2, 4))),
    (8, lambda c: w.paragraph(c, 8, 30, c.rng.choice((1, 1, 2, 3, 4)))),
    (5, prose),
    (2, w.note),
    (2, w.button),
    (5, w.image),
    (1, lambda c: w.image(c, caption=True)),
    (3, w.divider),
    (2, w.icon),
    (3, w.counter),
    (3, w.spacer),
    (2, lambda c: rich.bullets(c, c.rng.randint(3, 7))),
    (3, lambda c: rich.links(c, c.rng.randint(4, 9), line=c.rng.random() < 0.5)),
    (2, lambda c: rich.menu(c, c.rng.randint(3, 7), line=c.rng.random() < 0.7)),
    (2, lambda c: rich.social(c, c.rng.randint(2, 7))),
    (2, lambda c: rich.icon_box(c, link=c.rng.random() < 0.5)),
    (1, lambda c: rich.image_box(c, 0.7, link=c.rng.random() < 0.5)),
    (1, rich.testimonial),
    (3, w.video),
    (3, lambda c: w.map_view(c, c.rng.uniform(0.25, 0.8))),
    (1, w.qr),
    (1, w.form),
    (4, lambda c: rich.add_on(c) if c.builder else w.form(c)),
    (1, lambda c: rich.accordion(c, c.rng.randint(1, 4))),
    (2, lambda c: rich.tabs(c, c.rng.randint(2, 5))),
    (3, lambda c: _slides(c)),
    (1, lambda c: rich.gallery(c, c.rng.randint(2, 9), c.rng.randint(2, 5))),
    (1, lambda c: rich.masonry(c, c.rng.randint(4, 9), c.rng.randint(2, 4))),
    (2, lambda c: rich.marquee(c, logos=c.rng.random() < 0.5)),
    (2, lambda c: _scatter(c)),
    (3, lambda c: _beside(c)),
)


_GROUNDS = {"page": 60, "tone": 15, "picture": 16, "video": 4, "overlay": 5}


def _slides(c: Composer) -> Item:
    """A carousel of whatever slides, one or more of them seen."""
    shown = c.rng.randint(1, 3)
    slide = c.rng.choice((rich.voice, rich.offer, rich.photo))
    return rich.carousel(c, slide, shown, shown + c.rng.randint(1, 4))


_PLACED: tuple[Kind, ...] = (
    w.image,
    w.image,
    w.video,
    w.icon,
    w.note,
    w.button,
    w.paragraph,
    lambda c: w.heading(c, c.rng.randint(1, 3)),
    lambda c: w.heading(c, 3),
)
_Spot = tuple[float, float, float]  # x, y, width


def _scatter(c: Composer) -> Item:
    """A few elements placed freely: none where another is, or wherever they come to lie."""
    makers = c.rng.sample(_PLACED, c.rng.randint(2, 5))
    spots = (_apart if c.rng.random() < 0.4 else _anywhere)(c, len(makers))
    placed = [(make(c), spot) for make, spot in zip(makers, spots, strict=True)]
    return rich.freedom(c, float(c.rng.randint(160, 300)), *placed)


def _apart(c: Composer, count: int) -> list[_Spot]:
    spots = [(x + c.rng.random() * 0.15, y, 0.35) for x in (0.02, 0.5) for y in (0.05, 0.4, 0.75)]
    return c.rng.sample(spots, count)


def _anywhere(c: Composer, count: int) -> list[_Spot]:
    widths = [c.rng.uniform(0.2, 0.6) for _ in range(count)]
    return [(c.rng.uniform(0, 1 - width), c.rng.uniform(0, 0.75), width) for width in widths]


_SMALL: tuple[Kind, ...] = (w.button, w.icon, w.image, w.counter, rich.icon_box, w.note)


def _beside(c: Composer) -> Item:
    """Small elements side by side; where boxes may stand beside them, a picture and its text."""
    if c.site.dialect != "columns" and c.rng.random() < 0.4:
        mark = c.rng.choice((w.icon, w.image))(c)
        text = [w.heading(c, 4), c.rng.choice((w.note, w.paragraph, w.heading))(c)]
        return c.beside(mark, c.box(*text, card=False), weights=(1, c.rng.choice((2, 4, 6))))
    make = c.rng.choice(_SMALL)
    return c.beside(*(make(c) for _ in range(c.rng.randint(2, 4))))


def _parts(c: Composer, count: int) -> list[Item]:
    return drawn(c, _PARTS, count)


def _weights(c: Composer, count: int) -> tuple[float, ...]:
    """How wide so many columns are: as often as not all alike."""
    if c.rng.random() < 0.5:
        return (1,) * count
    return tuple(c.rng.choice((1, 1, 1.5, 2, 3, 4)) for _ in range(count))


def _row(c: Composer, count: int, most: int) -> Item:
    """Columns side by side, each of at most so many parts."""
    cells = [_parts(c, c.rng.randint(1, most)) for _ in range(count)]
    if c.rng.random() < 0.25:
        cells[c.rng.randrange(count)] = []
    return c.row(*cells, weights=_weights(c, count), middle=c.rng.random() < 0.2)


def _on_any_ground(build: Kind) -> Kind:
    """A kind in any of the site's colours, or on a picture, a video or an overlay."""

    @wraps(build)
    def kind(c: Composer) -> Item:
        """Choose the ground, then build on it."""
        (ground,) = c.rng.choices(list(_GROUNDS), list(_GROUNDS.values()))
        if ground != "page":
            c.use(c.rng.choice((c.site.dark, c.site.accented)) if ground == "tone" else c.site.dark)
        root = build(c)
        if ground == "picture":
            return backdrop.picture(c, root, veiled=c.rng.random() < 0.5)
        if ground == "video":
            return backdrop.video(c, root, veiled=c.rng.random() < 0.5)
        return backdrop.overlay(c, root) if ground == "overlay" else root

    return kind


@_on_any_ground
def mixed_stack(c: Composer) -> Item:
    """Any widgets below each other, the last of them sometimes in a box."""
    items = _parts(c, c.rng.choice((1, 2, 2, 3, 4)))
    if c.rng.random() < 0.3:
        items.append(c.box(*_parts(c, c.rng.randint(2, 3)), card=c.rng.random() < 0.5))
    return c.section(*items)


@_on_any_ground
def mixed_columns(c: Composer) -> Item:
    """Columns of any widgets, one of them sometimes with a row inside."""
    count = c.rng.randint(2, 3)
    cells = [_parts(c, c.rng.choice((1, 1, 2, 2, 3, 4))) for _ in range(count)]
    if c.rng.random() < 0.3:
        cell = c.rng.choice(cells)
        cell.insert(c.rng.randint(0, len(cell)), _row(c, c.rng.randint(2, 3), most=2))
    if c.rng.random() < 0.1:
        cells[-1] = []
    return c.columns(*cells, weights=_weights(c, count), middle=c.rng.random() < 0.5)


@_on_any_ground
def mixed_rows(c: Composer) -> Item:
    """Rows of columns of any widgets, and widgets between them."""
    rows = []
    for _ in range(c.rng.choice((1, 1, 1, 2, 3))):
        rows += _parts(c, c.rng.randint(0, 1))
        rows.append(_row(c, c.rng.choice((2, 2, 3, 4)), most=2))
    return c.section(*([w.heading(c, 2)] if c.rng.random() < 0.6 else []), *rows)


def _holder(c: Composer, depth: int) -> Item:
    """A row, or a box, which may hold another in turn."""
    if c.rng.random() < 0.4:
        return _row(c, c.rng.randint(2, 3), most=2)
    items = _parts(c, c.rng.randint(1, 3))
    if depth and c.rng.random() < 0.4:
        items.insert(c.rng.randint(0, len(items)), _holder(c, depth - 1))
    return c.box(*items, card=c.rng.random() < 0.4)


@_on_any_ground
def mixed_boxes(c: Composer) -> Item:
    """Boxes and rows one below the other, or one alone, with widgets between them."""
    items = [_holder(c, 2) for _ in range(c.rng.choice((1, 1, 1, 2)))]
    if c.rng.random() < 0.3:
        items[1:1] = _parts(c, 1)
    return c.section(*items)
