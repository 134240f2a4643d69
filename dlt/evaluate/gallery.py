"""Pictures of predictions beside the truth: the best, the median and the worst of a split."""

import colorsys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from dlt.evaluate.metrics import Pair, section_score
from dlt.evaluate.teds import Placed, placed_elements
from dlt.files import new_folder
from dlt.section.roles import ROLES
from dlt.section.screenshot import decode_screenshot
from dlt.section.tree import Structure, depths

KINDS = ("best", "median", "worst")
OVERVIEW = "overview.png"
MISSED, ADDED, OTHER_ROLE, RIGHT = "-", "+", "~", " "
LEGEND = f"{MISSED} missed    {ADDED} not in the truth    {OTHER_ROLE} same nodes, other role"

PANEL = (640, 900)  # largest width and height of a screenshot in a picture, px
TILE = (480, 320)  # and in the overview
TREE_LINES = 40
NAMES = 150  # names written on one screenshot
GAP = 12

_CAPTION = "Title"  # the keyword that the PNG specification has for it
_INK, _FAINT, _PAPER = (31, 41, 55), (107, 114, 128), (255, 255, 255)
_MARK_INK = {RIGHT: _INK, MISSED: (185, 28, 28), ADDED: (185, 28, 28), OTHER_ROLE: (161, 98, 7)}

Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class Side:
    """One half of a picture: elements, and for each how it compares with the other half."""

    title: str
    elements: Sequence[Placed]
    marks: Sequence[str]


def choose(pairs: Sequence[Pair], each: int) -> dict[str, Pair]:
    """The pairs to show, by file stem (`best_1`, `median_1`, `worst_1`, …).

    Ordered by layout accuracy, then element F1, number of true elements and name. Where there are
    fewer than 3 × `each` pairs, one may be shown more than once.
    """
    if not pairs:
        return {}
    ranked = sorted(pairs, key=_rank)
    middle = max(0, (len(ranked) - each) // 2)
    shown = (ranked[::-1][:each], ranked[middle : middle + each], ranked[:each])
    return {
        f"{kind}_{i}": pair
        for kind, chosen in zip(KINDS, shown, strict=True)
        for i, pair in enumerate(chosen, 1)
    }


def write_gallery(
    folder: Path,
    pairs: Sequence[Pair],
    read_screenshots: Callable[[Collection[str]], Mapping[str, bytes]],
    each: int = 3,
) -> None:
    """Write `<kind>_<n>.png` for the best, median and worst predictions, and `overview.png`.

    `read_screenshots` returns the PNG bytes of the named examples; it is called once, with the
    names of those that are shown. The folder is replaced as a whole.

    Raises:
        DltError: a screenshot cannot be decoded.
    """
    chosen = choose(pairs, each)
    screenshots = read_screenshots({pair.name for pair in chosen.values()})
    shown = {
        stem: (p, decode_screenshot(p.name, screenshots[p.name])) for stem, p in chosen.items()
    }
    with new_folder(folder) as aside:
        for stem, (pair, screenshot) in shown.items():
            _save(draw_pair(pair, screenshot), aside / f"{stem}.png", caption(pair))
        firsts = {f"{kind}_1": shown[f"{kind}_1"] for kind in KINDS if f"{kind}_1" in shown}
        if firsts:
            _save(_draw_overview(firsts), aside / OVERVIEW)


def caption(pair: Pair) -> str:
    """The name of a section and the layout accuracy of its prediction; its picture holds it, too."""
    return f"{pair.name} {section_score(pair).layout_accuracy:.3f}"


def read_gallery(folder: Path) -> dict[str, list[tuple[Path, str]]]:
    """The pictures that `write_gallery` wrote, by kind: each with its caption."""
    found: dict[str, list[tuple[Path, str]]] = {}
    for kind in KINDS:
        paths = sorted(folder.glob(f"{kind}_*.png"), key=lambda path: int(path.stem.split("_")[1]))
        if paths:
            found[kind] = [(path, _read_caption(path)) for path in paths]
    return found


def _read_caption(path: Path) -> str:
    with Image.open(path, formats=["PNG"]) as picture:
        return str(picture.info.get(_CAPTION, path.stem))


def draw_pair(pair: Pair, screenshot: Image.Image) -> Image.Image:
    """One picture: a header, the screenshot with true and with predicted boxes, and both trees."""
    score = section_score(pair)
    header = f"{pair.name}    layout accuracy {score.layout_accuracy:.3f}    "
    header += f"element F1 {score.elements.f1:.3f}"
    both = sides(pair)
    panels = [_draw_panel(screenshot, side, PANEL) for side in both]
    trees = [_draw_tree(pair.structure, side) for side in both]
    body = _grid([panels, trees])
    picture = Image.new("RGB", (body.width, body.height + 44), _PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text((GAP, 9), header, _INK, _font("DejaVuSans-Bold", 15))
    draw.text((GAP, 30), LEGEND, _FAINT, _font("DejaVuSans", 11))
    picture.paste(body, (0, 44))
    return picture


def role_colour(role: str) -> tuple[int, int, int]:
    """A role's colour, dark enough for white text; neighbours in ROLES get distant hues."""
    i = ROLES.index(role)
    rgb = colorsys.hls_to_rgb((0.6 + i * 0.618034) % 1, 0.45, 0.8)
    weights = (0.2126, 0.7152, 0.0722)  # of relative luminance
    luminance = sum(w * channel**2.2 for w, channel in zip(weights, rgb, strict=True))
    scale = min(1, ((0.18, 0.09)[i % 2] / luminance) ** (1 / 2.2))
    red, green, blue = (round(channel * scale * 255) for channel in rgb)
    return red, green, blue


def _rank(pair: Pair) -> tuple[float, float, int, str]:
    score = section_score(pair)
    return score.layout_accuracy, score.elements.f1 or 0.0, score.elements.true, pair.name


def sides(pair: Pair) -> tuple[Side, Side]:
    """The truth and the prediction, each marked by what the other has."""
    true = placed_elements(pair.structure, pair.truth)
    predicted = placed_elements(pair.structure, pair.predicted)
    return (
        Side("truth", true, _marks(true, predicted, MISSED)),
        Side("predicted", predicted, _marks(predicted, true, ADDED)),
    )


def _marks(elements: Sequence[Placed], others: Sequence[Placed], absent: str) -> list[str]:
    """For each element: RIGHT, OTHER_ROLE where the same nodes have one, or `absent`."""
    role_of = {other.nodes: other.role for other in others}
    marks = []
    for element in elements:
        role = role_of.get(element.nodes)
        marks.append(absent if role is None else RIGHT if role == element.role else OTHER_ROLE)
    return marks


# --- screenshots with boxes -----------------------------------------------------------------------


def _draw_panel(screenshot: Image.Image, side: Side, limit: tuple[int, int]) -> Image.Image:
    """The paled screenshot, scaled to fit `limit`, under a title and with boxes over it."""
    scale = min(limit[0] / screenshot.width, limit[1] / screenshot.height)
    size = max(1, round(screenshot.width * scale)), max(1, round(screenshot.height * scale))
    pale = Image.blend(screenshot.resize(size), Image.new("RGB", size, _PAPER), 0.45)
    panel = Image.new("RGB", (limit[0], size[1] + 20), _PAPER)
    panel.paste(pale, (0, 20))
    draw = ImageDraw.Draw(panel)
    boxed = all(element.box is not None for element in side.elements)
    title = f"{side.title}: {len(side.elements)} elements" + ("" if boxed else ", no boxes")
    draw.text((0, 2), title, _INK, _font("DejaVuSans", 12))
    if boxed:
        _draw_boxes(draw, side, (0, 20, size[0], size[1]))
    return panel


def _draw_boxes(draw: ImageDraw.ImageDraw, side: Side, frame: Rectangle) -> None:
    """Outline every element, then name those whose box has room for one more name."""
    outlines = [_pixels(element, frame) for element in side.elements]
    for element, mark, outline in zip(side.elements, side.marks, outlines, strict=True):
        width = 1 if mark == RIGHT else 3
        draw.rectangle(outline, outline=role_colour(element.role), width=width)
    taken: list[Rectangle] = []
    font = _font("DejaVuSans-Bold", 10)
    for element, mark, outline in zip(side.elements, side.marks, outlines, strict=True):
        name = f"{mark} {element.role}".strip()
        label = _free_place(outline, (round(font.getlength(name)) + 4, 13), taken, frame)
        if label is None or len(taken) == NAMES:
            continue
        taken.append(label)
        draw.rectangle(label, fill=role_colour(element.role))
        draw.text((label[0] + 2, label[1]), name, _PAPER, font)


def _pixels(element: Placed, frame: Rectangle) -> Rectangle:
    assert element.box is not None
    left, top, width, height = frame
    x, y, w, h = element.box
    start_x, start_y = left + _clip(x) * (width - 1), top + _clip(y) * (height - 1)
    end_x, end_y = left + _clip(x + w) * (width - 1), top + _clip(y + h) * (height - 1)
    return round(start_x), round(start_y), round(max(start_x, end_x)), round(max(start_y, end_y))


def _clip(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0)


def _free_place(
    outline: Rectangle, size: tuple[int, int], taken: Sequence[Rectangle], frame: Rectangle
) -> Rectangle | None:
    """The first place in a box, from its top left, where a label of `size` covers no other."""
    left, top = min(outline[0], frame[0] + frame[2] - size[0]), outline[1]
    places = [
        (x, y, x + size[0], y + size[1])
        for y in range(top, max(outline[3] - size[1], top) + 1, size[1] + 1)
        for x in range(left, max(outline[2] - size[0], left) + 1, 12)
    ]
    return next((p for p in places if not any(_overlap(p, t) for t in taken)), None)


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


# --- trees ----------------------------------------------------------------------------------------


def tree_lines(structure: Structure, elements: Sequence[Placed], marks: Sequence[str]) -> list[str]:
    """An indented line for each element: its mark, its role, the tags and the text of its nodes."""
    levels = depths([element.parent for element in elements])
    lines = []
    for element, mark, level in zip(elements, marks, levels, strict=True):
        tags, words = tags_and_words(structure, element, 23)
        text = f'  "{words}"' if words else ""
        lines.append(f"{mark} {'  ' * level}{element.role}  {tags}{text}")
    return lines


def tags_and_words(structure: Structure, element: Placed, most: int) -> tuple[str, str]:
    """The first four tags of an element's nodes, and the first `most` characters of their text."""
    nodes = [structure.nodes[i] for i in sorted(element.nodes)]
    tags = " ".join(node.tag for node in nodes[:4]) + (" …" if len(nodes) > 4 else "")
    words = " ".join(" ".join(node.text for node in nodes).split())
    return tags, words[:most] + ("…" if len(words) > most else "")


def _draw_tree(structure: Structure, side: Side) -> Image.Image:
    lines = tree_lines(structure, side.elements, side.marks)
    inks = [_MARK_INK[mark] for mark in side.marks]
    if len(lines) > TREE_LINES:
        lines[TREE_LINES:] = [f"  … and {len(lines) - TREE_LINES} more"]
    picture = Image.new("RGB", (PANEL[0], 15 * len(lines)), _PAPER)
    draw = ImageDraw.Draw(picture)
    for i, line in enumerate(lines):
        draw.text((0, 15 * i), line, inks[i], _font("DejaVuSansMono", 11))
    return picture


# --- pictures -------------------------------------------------------------------------------------


def _draw_overview(shown: Mapping[str, tuple[Pair, Image.Image]]) -> Image.Image:
    """Titled screenshots of a few pairs, one below the other, without trees."""
    rows = []
    for stem, (pair, screenshot) in shown.items():
        title = Image.new("RGB", (2 * TILE[0] + GAP, 16), _PAPER)
        text = (
            f"{stem.replace('_', ' ')}    layout accuracy {section_score(pair).layout_accuracy:.3f}"
        )
        ImageDraw.Draw(title).text((0, 0), text, _INK, _font("DejaVuSans-Bold", 12))
        rows += [[title], [_draw_panel(screenshot, side, TILE) for side in sides(pair)]]
    return _grid(rows)


def _grid(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Rows of pictures with GAP between and around them."""
    width = max(sum(picture.width + GAP for picture in row) for row in rows) + GAP
    heights = [max(picture.height for picture in row) for row in rows]
    sheet = Image.new("RGB", (width, sum(heights) + GAP * (len(rows) + 1)), _PAPER)
    y = GAP
    for row, height in zip(rows, heights, strict=True):
        x = GAP
        for picture in row:
            sheet.paste(picture, (x, y))
            x += picture.width + GAP
        y += height + GAP
    return sheet


def _save(picture: Image.Image, path: Path, told: str = "") -> None:
    text = PngInfo()
    if told:
        text.add_itxt(_CAPTION, told)
    # a palette keeps files small; this method keeps the roles' colours apart
    picture.quantize(256, Image.Quantize.MAXCOVERAGE).save(path, optimize=True, pnginfo=text)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    return ImageFont.truetype(str(path), size)
