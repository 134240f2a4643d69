"""One example checked in full: every fault named, and what has one right repair mended.

An example is first mended in memory, then the mended one is checked, so that a repair never hides
a second fault. Faults are data; nothing is raised for a bad example, and nothing is written.
"""

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, TypeVar

from PIL import Image

from dlt.data.examples import read_files
from dlt.data.shards import MAX_MEMBER_BYTES, is_plain_name
from dlt.errors import first_line
from dlt.section.errors import SectionError
from dlt.section.example import LAYOUT, META, SCREENSHOT, STRUCTURE, Example, Place, parse_meta
from dlt.section.formats import parse_layout, parse_structure
from dlt.section.labels import labels
from dlt.section.schemas import layout_errors, meta_errors, structure_errors
from dlt.section.selector import format_selector, parse_selector
from dlt.section.tree import Box, Layout, Structure, inside_screenshot

MIN_WIDTH, MIN_HEIGHT = 512, 8  # px
MAX_PIXELS = 40_000_000
MAX_ASPECT = 64  # the longer side in shorter sides; real menu bars reach 22
BOX_TOLERANCE = 1e-3  # half a pixel at the least width
MAX_OVERSHOOT = 2  # a coordinate beyond it was never meant as a fraction

REPAIRABLE = frozenset({"leaf", "tag-case", "box-range", "box-overhang"})
"""Codes of the faults that have one right repair."""
HARMLESS = frozenset({"leaf", "box-overhang"})
"""Codes of the faults that every reader copes with."""

_FIELD = re.compile(r"((?:structure|props|boxes)(?:\[\d+\])?): (.*)", re.DOTALL)
_EMPTY_LEAF = re.compile(r'(?<!"props)(?<!"structure)"\s*:\s*\{\s*\}')

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of one file of an example; `code` is the kind of fault."""

    file: str
    field: str
    code: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.field, self.message) if part)


@dataclass(frozen=True, slots=True)
class Checked:
    """An example after its repairs (None where a file cannot be read) and the faults it had."""

    example: Example | None
    screenshot: bytes
    size: tuple[int, int] | None
    faults: list[Fault]


def check_example(place: Place) -> Checked:
    """Check all files of an example, and mend in memory what has one right repair.

    Raises:
        SectionError: the example lies in a shard that is damaged there.
    """
    faults: list[Fault] = []
    files = read_files(place)
    if not is_plain_name(place.name):
        faults.append(Fault("", "", "name", "unprintable letters, or a backslash"))
    screenshot = _content(files, SCREENSHOT, faults)
    size = _check_screenshot(screenshot, faults) if screenshot is not None else None
    structure = _parse(files, STRUCTURE, parse_structure, faults)
    layout, has_empty = _parse(files, LAYOUT, _parse_layout, faults) or (None, False)
    meta = _parse(files, META, parse_meta, faults) if META in files else {}
    if meta:
        _check_meta(meta, size, faults)
    if structure:
        structure = _mend_structure(structure, faults)
        _check_structure(structure, faults)
    if layout:
        layout = _mend_layout(layout, has_empty, faults)
        _check_layout(layout, faults)
    if structure is None or layout is None or meta is None:
        return Checked(None, screenshot or b"", size, faults)
    if all(fault.code != "schema" for fault in faults):
        _check_labels(structure, layout, faults)
    return Checked(Example(place.name, structure, layout, meta), screenshot or b"", size, faults)


def _content(files: Mapping[str, bytes | None], file: str, faults: list[Fault]) -> bytes | None:
    if file not in files:
        faults.append(Fault(file, "", "missing", "no such file"))
        return None
    content = files[file]
    if content is None:
        faults.append(Fault(file, "", "file-size", f"over {MAX_MEMBER_BYTES:,} bytes"))
    return content


def _parse(
    files: Mapping[str, bytes | None],
    file: str,
    parse: Callable[[str], Parsed],
    faults: list[Fault],
) -> Parsed | None:
    content = _content(files, file, faults)
    if content is None:
        return None
    try:
        return parse(content.decode())
    except SectionError as error:
        faults.append(_fault_from(file, "json", str(error)))
    except UnicodeDecodeError:
        faults.append(Fault(file, "", "json", "not UTF-8 text"))
    return None


def _parse_layout(text: str) -> tuple[Layout, bool]:
    """The layout, and whether some leaf was written as an empty object."""
    return parse_layout(text), bool(_EMPTY_LEAF.search(text))


def _fault_from(file: str, code: str, message: str) -> Fault:
    """A fault whose field is the one that the message starts with, if it does."""
    match = _FIELD.match(message)
    return Fault(file, *(match.group(1), code, match.group(2)) if match else ("", code, message))


def _check_screenshot(png: bytes, faults: list[Fault]) -> tuple[int, int] | None:
    """The size in px of a PNG file that can be used; the header is judged before any decoding."""
    if png[:8] != b"\x89PNG\r\n\x1a\n" or png[12:16] != b"IHDR" or len(png) < 24:
        faults.append(Fault(SCREENSHOT, "", "image-format", "not a PNG file"))
        return None
    width, height = struct.unpack(">II", png[16:24])
    too_long = max(width, height) > MAX_ASPECT * min(width, height)
    if width < MIN_WIDTH or height < MIN_HEIGHT or width * height > MAX_PIXELS or too_long:
        limits = f"at least {MIN_WIDTH}x{MIN_HEIGHT} px, at most {MAX_PIXELS:,} px in all"
        message = f"{width}x{height} px; {limits} and sides of 1:{MAX_ASPECT} expected"
        faults.append(Fault(SCREENSHOT, "", "image-size", message))
        return None
    try:
        with Image.open(BytesIO(png), formats=["PNG"]) as image:
            image.load()
    except Exception as error:  # noqa: BLE001 - a decoder fails in more ways than it documents
        faults.append(Fault(SCREENSHOT, "", "image-decode", first_line(error)))
        return None
    return width, height


def _check_meta(meta: Mapping[str, Any], size: tuple[int, int] | None, faults: list[Fault]) -> None:
    errors = meta_errors(meta)
    faults += [Fault(META, field, "schema", message) for field, message in errors]
    if not str(meta.get("site")).isprintable():  # a terminal would obey them: sites are printed
        faults.append(Fault(META, "site", "name", "unprintable letters"))
    for field, pixels in zip(("width", "height"), size or (), strict=False):
        if meta.get(field) not in (None, pixels):
            message = f"{meta[field]!r}, but the screenshot has {pixels} px"
            faults.append(Fault(META, field, "image-meta", message))


def _check_structure(structure: Structure, faults: list[Fault]) -> None:
    errors = structure_errors(structure)
    faults += [Fault(STRUCTURE, field, "schema", message) for field, message in errors]


def _check_layout(layout: Layout, faults: list[Fault]) -> None:
    errors = layout_errors(layout)
    faults += [Fault(LAYOUT, field, "schema", message) for field, message in errors]
    if layout.boxes is not None and len(layout.boxes) != len(layout.elements):
        message = f"{len(layout.boxes)} for {len(layout.elements)} elements"
        faults.append(Fault(LAYOUT, "boxes", "box-count", message))


def _check_labels(structure: Structure, layout: Layout, faults: list[Fault]) -> None:
    try:
        labels(structure, replace(layout, boxes=None))
    except SectionError as error:
        faults.append(_fault_from(LAYOUT, "label", str(error)))


# --- repairs --------------------------------------------------------------------------------------


def _mend_structure(structure: Structure, faults: list[Fault]) -> Structure:
    nodes = [replace(node, selector=_lower_tag(node.selector)) for node in structure.nodes]
    for i, (node, mended) in enumerate(zip(structure.nodes, nodes, strict=True)):
        if node.selector != mended.selector:
            faults.append(_tag_case(STRUCTURE, f"nodes[{i}]", node.selector))
    return Structure(tuple(nodes))


def _mend_layout(layout: Layout, has_empty: bool, faults: list[Fault]) -> Layout:
    if has_empty:
        faults.append(Fault(LAYOUT, "structure", "leaf", 'a leaf is {} instead of ""'))
    elements = []
    for i, element in enumerate(layout.elements):
        mended = tuple(map(_lower_tag, element.selectors))
        if mended != element.selectors:
            faults.append(_tag_case(LAYOUT, f"elements[{i}]", element.key))
        elements.append(replace(element, selectors=mended))
    props = {prop: _lower_tag(selector) for prop, selector in layout.props.items()}
    for prop, selector in layout.props.items():
        if props[prop] != selector:
            faults.append(_tag_case(LAYOUT, f"props.{prop}", selector))
    boxes = layout.boxes and tuple(_mend_box(i, b, faults) for i, b in enumerate(layout.boxes))
    return Layout(tuple(elements), props, boxes)


def _lower_tag(selector: str) -> str:
    """HTML's upper-case tags in lower case; those of SVG (linearGradient) are as they should be."""
    tag, classes = parse_selector(selector)
    return format_selector(tag.lower(), classes) if tag[:1].isupper() else selector


def _tag_case(file: str, field: str, key: str) -> Fault:
    return Fault(file, field, "tag-case", f"{key!r}: a tag in upper case")


def _mend_box(i: int, box: Box, faults: list[Fault]) -> Box:
    """Clamp a box into the screenshot where that is what was meant."""
    x, y, width, height = box
    ends = (x + width, y + height)
    if all(-BOX_TOLERANCE <= v <= 1 + BOX_TOLERANCE for v in (*box, *ends)) and min(box[2:]) >= 0:
        return box
    clamped = inside_screenshot(box)
    code, message = "box-range", "outside [0, 1]"
    if min(box[2:]) < 0:
        code, message = "box-value", "negative size"
    elif max(map(abs, box)) > MAX_OVERSHOOT:
        code, message = "box-value", "not fractions of the screenshot; pixels?"
    elif min(clamped[2:]) <= 0 < min(box[2:]):
        code, message = "box-value", "wholly outside the screenshot"
    elif all(0 <= v <= 1 for v in box):
        code, message = "box-overhang", "reaches over the edge"
    faults.append(Fault(LAYOUT, f"boxes[{i}]", code, f"{list(box)}: {message}"))
    return box if code == "box-value" else clamped
