"""A site: the style, markup dialect, class habit and language that its sections share."""

import colorsys
from dataclasses import dataclass
from random import Random

from dlt.ingest.synthetic.fonts import FAMILIES
from dlt.ingest.synthetic.item import Color
from dlt.ingest.synthetic.words import LANGUAGES, Language

WIDTH = 640  # of a screenshot, in pixels
VIEWPORT = 1280  # nominal width of the page

DIALECTS = {"columns": 15, "flex": 6, "hand": 2, "soup": 2}  # markup of page builders and of hands
HABITS = {  # class habits by split, with weights; test uses one that training never shows
    "train": {"opaque": 6, "builder": 1, "bootstrap": 2, "bem": 1},
    "val": {"opaque": 2, "bootstrap": 1},
    "test": {"utility": 1},
}
BUILDER_DIALECTS = ("columns", "flex")
_NESTED = {"columns": (0.0, 0.1), "flex": (0.1, 0.3, 0.5), "hand": (0.0,), "soup": (0.0,)}


@dataclass(frozen=True)
class Tone:
    """The colours of one section."""

    back: Color
    ink: Color
    soft: Color
    accent: Color
    panel: Color
    line: Color


@dataclass(frozen=True)
class Site:
    """What the sections of one site have in common; lengths in screenshot pixels."""

    name: str
    seed: str
    language: Language
    dialect: str
    habit: str
    light: Tone
    dark: Tone
    accented: Tone
    is_dark: bool
    family: str
    body: int
    titles: tuple[int, int, int, int]  # font sizes of heading levels 1 to 4
    content: int  # width of the contents
    pad: int  # above and below the contents
    gap: int  # between elements
    margin: int  # below each paragraph of running text in builders' markup
    inset: int  # inside columns
    card: int  # inside cards
    radius: int
    align: str
    outlined: bool
    extra: bool  # one wrapper more in the dialect's chains
    boxed: float  # chance that a flexbox container inside a section has a wrapper of its own, too
    nested: float  # chance that some of what stands together has a container of its own
    bare: bool  # widgets have one wrapper less
    heading_tag: str  # "" for h1 to h4
    text_tag: str
    list_tag: str
    button_tag: str
    icon_tag: str
    root_tag: str
    image_wrapper: str


def make_site(name: str, split: str, seed: str) -> Site:
    """Draw a site; the same seed gives the same site."""
    rng = Random(seed)
    dialect = _draw(rng, DIALECTS)
    soup = dialect == "soup"
    hue = rng.random()
    body = rng.choice((8, 8, 9, 9, 10))
    scale = rng.choice((1.2, 1.3, 1.4))
    return Site(
        name=name,
        seed=seed,
        language=rng.choice(LANGUAGES),
        dialect=dialect,
        habit=_habit(rng, split, dialect),
        light=_tone(hue, dark=False),
        dark=_tone(hue, dark=True),
        accented=_accented(hue),
        is_dark=rng.random() < 0.25,
        family=rng.choice(list(FAMILIES)),
        body=body,
        titles=(
            round(body * scale**3.2),
            round(body * scale**2.2),
            round(body * scale**1.4),
            round(body * scale**0.6),
        ),
        content=rng.choice((540, 570, 570, 570, 600, 630, 640)),
        pad=rng.choice((0, 5, 10, 20, 30, 40, 50)),
        gap=rng.choice((8, 10, 10, 12)),
        margin=rng.choice((0, 7, 8, 9)) if dialect in BUILDER_DIALECTS else 0,
        inset=rng.choice((5, 5, 8, 10)),
        card=rng.choice((8, 12, 16)),
        radius=rng.choice((0, 0, 3, 6, 12)),
        align=rng.choice(("left", "center")),
        outlined=rng.random() < 0.3,
        extra=dialect in BUILDER_DIALECTS and rng.random() < 0.6,
        boxed=rng.choice((0.0, 0.1, 0.3, 0.9, 1.0)),
        nested=rng.choice(_NESTED[dialect]),
        bare=dialect == "flex" and rng.random() < 0.15,
        heading_tag=rng.choice(("div", "span", "p")) if soup else "",
        text_tag=rng.choice(("div", "span")) if soup else "p",
        list_tag="div" if soup or rng.random() < 0.15 else "ul",
        button_tag=rng.choice(("a", "a", "div", "span", "button")) if soup else "a",
        icon_tag=rng.choice(("i", "svg")),
        root_tag="div" if soup or (dialect == "flex" and rng.random() < 0.8) else "section",
        image_wrapper=rng.choice(("", "", "div", "figure", "a")),
    )


def _draw(rng: Random, weights: dict[str, int]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _habit(rng: Random, split: str, dialect: str) -> str:
    """Builders' class names stand on builders' markup only."""
    weights = dict(HABITS[split])
    if dialect not in BUILDER_DIALECTS:
        weights.pop("builder", None)
    return _draw(rng, weights)


def _tone(hue: float, dark: bool) -> Tone:
    accent = _color(hue, 0.42 if not dark else 0.55, 0.75)
    if dark:
        back, panel = _color(hue, 0.09, 0.25), _color(hue, 0.16, 0.22)
        return Tone(back, (245, 245, 245), (176, 180, 188), accent, panel, _color(hue, 0.3, 0.1))
    return Tone(
        (255, 255, 255),
        (24, 26, 32),
        (96, 100, 110),
        accent,
        _color(hue, 0.955, 0.4),
        (205, 208, 214),
    )


def _accented(hue: float) -> Tone:
    return Tone(
        _color(hue, 0.36, 0.6),
        (255, 255, 255),
        (226, 228, 234),
        (255, 255, 255),
        _color(hue, 0.44, 0.5),
        _color(hue, 0.6, 0.4),
    )


def _color(hue: float, lightness: float, saturation: float) -> Color:
    r, g, b = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(r * 255), round(g * 255), round(b * 255)
