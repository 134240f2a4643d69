"""The DejaVu fonts that matplotlib carries, and text measured with them."""

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from dlt.errors import DltError

FAMILIES = {
    "sans": ("DejaVuSans", "DejaVuSans-Bold"),
    "serif": ("DejaVuSerif", "DejaVuSerif-Bold"),
    "display": ("DejaVuSans", "DejaVuSerif-Bold"),
}


@dataclass(frozen=True, slots=True)
class Font:
    """A family of FAMILIES, the size in pixels and the weight."""

    family: str
    size: int
    bold: bool = False


@lru_cache(maxsize=1)
def _folder() -> Path:
    spec = find_spec("matplotlib")
    if spec is None or not spec.submodule_search_locations:
        raise DltError("fonts: matplotlib, whose DejaVu fonts are painted with, is not installed")
    return Path(spec.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"


@lru_cache(maxsize=256)
def load(font: Font) -> ImageFont.FreeTypeFont:
    """The font to draw with; basic shaping, which every Pillow has, so that pixels repeat."""
    path = _folder() / f"{FAMILIES[font.family][font.bold]}.ttf"
    return ImageFont.truetype(str(path), font.size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=100_000)
def text_width(text: str, font: Font) -> float:
    """Width of one line of text in pixels."""
    return load(font).getlength(text)


def line_height(font: Font) -> float:
    """Height of one line in pixels."""
    return round(font.size * (1.25 if font.bold else 1.5))


def wrap(text: str, font: Font, width: float) -> tuple[str, ...]:
    """Break text into lines of at most `width` pixels; a longer word has a line of its own."""
    lines: list[str] = []
    blank = text_width(" ", font)
    used = 0.0
    for word in text.split():
        own = text_width(word, font)
        if lines and used + blank + own <= width:
            lines[-1] += " " + word
            used += blank + own
        else:
            lines.append(word)
            used = own
    return tuple(lines)
