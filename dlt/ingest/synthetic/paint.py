"""Painting: items with their rectangles become a PNG."""

import io
from collections.abc import Callable
from functools import lru_cache
from random import Random

from PIL import Image, ImageDraw

from dlt.ingest.synthetic.fonts import line_height, load, text_width
from dlt.ingest.synthetic.item import Color, Item, Look, Rect
from dlt.ingest.synthetic.style import WIDTH

Pixels = tuple[int, int, int, int]  # left, top, right, bottom

_LEAST_WIDTH = 10  # px that a shape wants, if it is not smaller by nature


def paint(root: Item, height: int) -> bytes:
    """Paint a placed section of WIDTH × `height` pixels; returns the bytes of a PNG file."""
    image = Image.new("RGB", (WIDTH, height), root.look.fill or (255, 255, 255))
    draw = ImageDraw.Draw(image)
    draw.fontmode = "L"
    for item in root.walk():
        _paint_item(image, draw, item)
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _paint_item(image: Image.Image, draw: ImageDraw.ImageDraw, item: Item) -> None:
    look = item.look
    if look.fill or look.border:
        left, top, right, bottom = _pixels(item.rect)
        last = (max(right - 1, left), max(bottom - 1, top))
        draw.rounded_rectangle((left, top, *last), look.radius, look.fill, look.border, 1)
    if look.shape:
        # behind children a shape fills the whole node, alone it leaves the padding free
        left, top, right, bottom = _pixels(item.rect) if item.children else _inside(item)
        squeezed = right - left < min(look.size[0], _LEAST_WIDTH)  # no room left to draw in
        if right > left and bottom > top and not squeezed:
            SHAPES[look.shape](image, draw, (left, top, right, bottom), look)
    if look.font:
        _paint_text(draw, item)


def _pixels(rect: Rect) -> Pixels:
    x, y, w, h = rect
    return round(x), round(y), round(x + w), round(y + h)


def _inside(item: Item) -> Pixels:
    x, y, w, h = item.rect
    top, right, bottom, left = item.flow.pad
    return round(x + left), round(y + top), round(x + w - right), round(y + h - bottom)


def _paint_text(draw: ImageDraw.ImageDraw, item: Item) -> None:
    font = item.look.font
    assert font is not None
    left, top, right, _ = _inside(item)
    step = line_height(font)
    for i, line in enumerate(item.lines):
        slack = right - left - text_width(line, font)
        x = left + {"left": 0.0, "center": slack / 2, "right": slack}[item.look.align]
        y = top + i * step + (step - font.size * 1.17) / 2
        draw.text((round(x), round(y)), line, fill=item.look.color, font=load(font))


# --- shapes ---------------------------------------------------------------------------------------


def _picture(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    width, height = box[2] - box[0], box[3] - box[1]
    scene = _scene(look.seed % 64).resize((width, height), Image.Resampling.BILINEAR)
    mask = None
    if look.radius:
        mask = Image.new("L", (width, height))
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, width - 1, height - 1), look.radius, fill=255)
    image.paste(scene, box[:2], mask)


@lru_cache(maxsize=64)
def _scene(seed: int) -> Image.Image:
    """A small made-up photograph of sixteen tones a channel: a sky, a ground, a few blobs."""
    rng = Random(seed)
    mood = [rng.randint(50, 210) for _ in range(3)]
    scene = Image.new("RGB", (4, 4))
    scene.putdata([_tint(rng, mood) for _ in range(16)])
    scene = scene.resize((96, 64), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(scene)
    draw.rectangle((0, rng.randint(36, 56), 96, 64), fill=_tint(rng, mood[::-1]))
    for _ in range(rng.randint(1, 4)):
        x, y, size = rng.randint(0, 80), rng.randint(5, 40), rng.randint(8, 30)
        shape = draw.ellipse if rng.random() < 0.6 else draw.rectangle
        shape((x, y, x + size, y + size), fill=_tint(rng, mood))
    return scene.point(lambda value: value & 0xF0)


def _tint(rng: Random, mood: list[int]) -> Color:
    light = rng.randint(-50, 50)
    r, g, b = (max(0, min(255, base + light + rng.randint(-25, 25))) for base in mood)
    return r, g, b


def _veil(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    size = (box[2] - box[0], box[3] - box[1])
    image.paste(look.color, box, Image.new("L", size, 130))


def _missing(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    left, top, right, bottom = box
    draw.rectangle((left, top, right - 1, bottom - 1), outline=(190, 190, 190))
    draw.rectangle((left + 3, top + 3, left + 9, top + 9), outline=look.color)
    draw.line((left + 3, top + 9, left + 9, top + 5), fill=look.color)


def _icon(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    left, top, right, bottom = box
    kind = look.seed % 5
    middle, size = (left + right) // 2, right - left - 1
    if kind == 0:
        draw.ellipse((left, top, left + size, top + size), outline=look.color, width=2)
        draw.line((middle, top + size // 4, middle, top + size // 2), fill=look.color, width=2)
    elif kind == 1:
        draw.polygon(
            ((middle, top), (left, bottom - 1), (left + size, bottom - 1)), fill=look.color
        )
    elif kind == 2:
        draw.rounded_rectangle((left, top, left + size, top + size), size // 4, fill=look.color)
    elif kind == 3:
        draw.regular_polygon((middle, (top + bottom) // 2, size // 2), 6, fill=look.color)
    else:
        half = size // 2
        draw.line(
            (left, top + half, middle - size // 8, top + size, left + size, top),
            fill=look.color,
            width=2,
        )


def _mark(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    left, top, right, bottom = box
    if look.seed % 3 == 0:
        draw.rectangle((left + 3, top, left + 4, bottom - 1), fill=look.color)
        draw.rectangle((left + 2, top + 3, right - 3, top + 4), fill=look.color)
    elif look.seed % 3 == 1:
        draw.ellipse((left + 1, top + 1, right - 2, bottom - 2), outline=look.color)
    else:
        draw.line((left, bottom - 2, right - 2, top), fill=look.color, width=2)


def _play(draw: ImageDraw.ImageDraw, box: Pixels) -> None:
    x, y = (box[0] + box[2]) // 2, (box[1] + box[3]) // 2
    r = max(6, min(box[2] - box[0], box[3] - box[1]) // 8)
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(250, 250, 250))
    draw.polygon(
        ((x - r // 3, y - r // 2), (x - r // 3, y + r // 2), (x + r // 2, y)), fill=(20, 20, 20)
    )


def _video(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    _picture(image, draw, box, look)
    _play(draw, box)
    start, end, wide = box[0] + 4, box[2] - 5, box[2] - box[0]
    if wide >= 12:  # else there is no room for a bar
        for until, color in (end, (230, 230, 230)), (box[0] + wide // 3, (220, 30, 30)):
            draw.rectangle((start, box[3] - 7, until, box[3] - 6), fill=color)


def _qr(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    rng = Random(look.seed)
    code = Image.new("L", (25, 25), 255)
    code.putdata([255 * rng.getrandbits(1) for _ in range(625)])
    pen = ImageDraw.Draw(code)
    for x, y in ((0, 0), (18, 0), (0, 18)):
        pen.rectangle((x, y, x + 6, y + 6), fill=255, outline=0)
        pen.rectangle((x + 2, y + 2, x + 4, y + 4), fill=0)
    size = (box[2] - box[0], box[3] - box[1])
    image.paste(code.resize(size, Image.Resampling.NEAREST).convert("RGB"), box[:2])


def _map(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    rng = Random(look.seed)
    width, height = box[2] - box[0], box[3] - box[1]
    plan = Image.new("RGB", (width, height), (232, 230, 224))
    pen = ImageDraw.Draw(plan)
    for _ in range(3):
        x, y = rng.randrange(width), rng.randrange(height)
        pen.ellipse((x, y, x + width // 4, y + height // 4), fill=(196, 222, 188))
    pen.line(
        [(rng.randrange(width), y) for y in range(0, height + 40, 40)],
        fill=(160, 200, 232),
        width=7,
    )
    for _ in range(9):
        pen.line(
            (rng.randrange(width), 0, rng.randrange(width), height), fill=(255, 255, 255), width=3
        )
        pen.line(
            (0, rng.randrange(height), width, rng.randrange(height)), fill=(250, 214, 120), width=2
        )
    x, y = width // 2, height // 2
    pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=(214, 50, 42))
    pen.polygon(((x - 4, y + 3), (x + 4, y + 3), (x, y + 12)), fill=(214, 50, 42))
    image.paste(plan, box[:2])


def _rule(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    draw.line((box[0], box[1], box[2] - 1, box[1]), fill=look.color)


def _dot(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    draw.ellipse((box[0], box[1], box[2] - 1, box[3] - 1), fill=look.color)


def _plus(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    x, y = (box[0] + box[2]) // 2, (box[1] + box[3]) // 2
    draw.line((box[0], y, box[2] - 1, y), fill=look.color)
    draw.line((x, box[1], x, box[3] - 1), fill=look.color)


def _logo(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    left, top, _, bottom = box
    side = bottom - top
    _icon(image, draw, (left, top, left + side, bottom), look)
    for i in range(3):
        x = left + side + 4 + i * 10
        draw.rectangle((x, top + 4 + (look.seed >> i & 1) * 2, x + 7, bottom - 5), fill=look.color)


def _input(image: Image.Image, draw: ImageDraw.ImageDraw, box: Pixels, look: Look) -> None:
    y = (box[1] + box[3]) // 2
    draw.rectangle((box[0] + 5, y - 1, box[0] + (box[2] - box[0]) // 2, y), fill=(170, 170, 170))


SHAPES: dict[str, Callable[[Image.Image, ImageDraw.ImageDraw, Pixels, Look], None]] = {
    "picture": _picture,
    "veil": _veil,
    "missing": _missing,
    "icon": _icon,
    "mark": _mark,
    "video": _video,
    "qr": _qr,
    "map": _map,
    "rule": _rule,
    "dot": _dot,
    "plus": _plus,
    "logo": _logo,
    "input": _input,
}
