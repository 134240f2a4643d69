"""Sections as a careless world would deliver them: what the robustness and ablation runs feed.

Each function changes the input of one example and keeps its target true: a layout's selectors
follow renamed classes, its boxes follow a cropped or mirrored picture.
"""

import io
import random
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from PIL import Image, ImageOps

from dlt.section.example import Example
from dlt.section.labels import contract, labels
from dlt.section.screenshot import decode_screenshot
from dlt.section.selector import format_selector
from dlt.section.tree import Box, Node, Structure

JPEG_QUALITY = 10
RESCALED = 1 / 3  # of the width and height, before it is enlarged again
KEPT = 0.7  # of the height, from the top, of a cropped screenshot

Input = tuple[Example, bytes]
Perturbation = Callable[[Example, bytes], Input]

_WORD = re.compile(r"\w+")
_GREEK = "και το μας όλα νέα για προϊόν τιμή ομάδα σήμερα εύκολα περισσότερα".split()
_HEBREW = "את של על שלנו חדש מחיר צוות היום בקלות עוד מוצר כאן".split()


def perturbed(examples: Iterable[Input], change: Perturbation) -> Iterator[Input]:
    """Each example after `change`."""
    return (change(example, screenshot) for example, screenshot in examples)


def add_jpeg_noise(example: Example, screenshot: bytes) -> Input:
    """The screenshot after JPEG at JPEG_QUALITY."""
    file = io.BytesIO()
    decode_screenshot(example.name, screenshot).save(file, "jpeg", quality=JPEG_QUALITY)
    with Image.open(file) as noisy:
        return example, _png(noisy)


def rescale(example: Example, screenshot: bytes) -> Input:
    """The screenshot made small and large again: RESCALED of its detail is left."""
    image = decode_screenshot(example.name, screenshot)
    small = [max(1, round(side * RESCALED)) for side in image.size]
    return example, _png(image.resize((small[0], small[1])).resize(image.size))


def crop_bottom(example: Example, screenshot: bytes) -> Input:
    """The upper KEPT of the screenshot; true boxes are clipped to it."""
    image = decode_screenshot(example.name, screenshot)
    upper = image.crop((0, 0, image.width, max(1, round(image.height * KEPT))))
    return _with_boxes(example, _cropped), _png(upper)


def blank_screenshot(example: Example, screenshot: bytes) -> Input:
    """A white screenshot of the same size."""
    size = decode_screenshot(example.name, screenshot).size
    return example, _png(Image.new("RGB", size, "white"))


def shuffle_classes(example: Example, screenshot: bytes) -> Input:
    """Class names exchanged among each other, the same way all over the section."""
    names = sorted({name for node in example.structure.nodes for name in node.classes})
    others = random.Random(zlib.crc32(example.name.encode())).sample(names, len(names))
    new = dict(zip(names, others, strict=True))
    return _with_classes(example, lambda own: tuple(new[name] for name in own)), screenshot


def drop_classes(example: Example, screenshot: bytes) -> Input:
    """No class names."""
    return _with_classes(example, lambda own: ()), screenshot


def drop_texts(example: Example, screenshot: bytes) -> Input:
    """No texts in the structure; the screenshot keeps them."""
    return _with_texts(example, lambda text: ""), screenshot


def translate(example: Example, screenshot: bytes) -> Input:
    """Each word of the structure's texts replaced by a Greek one; the screenshot stays."""
    return _with_texts(example, lambda text: _in_words(text, _GREEK)), screenshot


def mirror(example: Example, screenshot: bytes) -> Input:
    """A right-to-left page: the screenshot and the boxes mirrored, the words Hebrew."""
    image = ImageOps.mirror(decode_screenshot(example.name, screenshot))
    flipped = _with_boxes(example, lambda box: (1 - box[0] - box[2], *box[1:]))
    return _with_texts(flipped, lambda text: _in_words(text, _HEBREW)), _png(image)


ROBUSTNESS: Mapping[str, Perturbation] = {
    "jpeg_noise": add_jpeg_noise,
    "rescaled": rescale,
    "cropped_bottom": crop_bottom,
    "blank_screenshot": blank_screenshot,
    "shuffled_classes": shuffle_classes,
    "missing_texts": drop_texts,
    "other_language": translate,
    "right_to_left": mirror,
}
ABLATIONS: Mapping[str, Perturbation] = {
    "no_screenshot": blank_screenshot,
    "no_texts": drop_texts,
    "no_classes": drop_classes,
}


def _with_classes(
    example: Example, change: Callable[[tuple[str, ...]], tuple[str, ...]]
) -> Example:
    nodes = [
        replace(node, selector=format_selector(node.tag, change(node.classes)))
        for node in example.structure.nodes
    ]
    return _with_nodes(example, nodes)


def _with_texts(example: Example, change: Callable[[str], str]) -> Example:
    nodes = [replace(node, text=change(node.text)) for node in example.structure.nodes]
    return _with_nodes(example, nodes)


def _with_nodes(example: Example, nodes: Sequence[Node]) -> Example:
    """The example with other nodes in the same tree; its layout names them."""
    structure = Structure(tuple(nodes))
    if example.layout is None:
        return replace(example, structure=structure)
    layout = contract(structure, labels(example.structure, example.layout))
    return replace(example, structure=structure, layout=layout)


def _with_boxes(example: Example, change: Callable[[Box], Box]) -> Example:
    if example.layout is None or example.layout.boxes is None:
        return example
    boxes = tuple(change(box) for box in example.layout.boxes)
    return replace(example, layout=replace(example.layout, boxes=boxes))


def _cropped(box: Box) -> Box:
    top, bottom = min(box[1] / KEPT, 1.0), min((box[1] + box[3]) / KEPT, 1.0)
    return box[0], top, box[2], bottom - top


def _in_words(text: str, words: Sequence[str]) -> str:
    return _WORD.sub(lambda found: words[zlib.crc32(found[0].encode()) % len(words)], text)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "png", compress_level=1)
    return file.getvalue()
