"""The report's gallery: a section's screenshot, boxes and trees as the template draws them."""

import base64
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from dlt.evaluate.error_analysis import error_reasons
from dlt.evaluate.errors import section_errors
from dlt.evaluate.gallery import OTHER_ROLE, RIGHT, Side, role_colour, sides, tags_and_words
from dlt.evaluate.metrics import Pair, SectionScore
from dlt.section.example import Place
from dlt.section.roles import ROLES
from dlt.section.tree import Structure, depths

PICTURE = (800, 1600)  # largest width and height of a screenshot in the report, px
QUALITY = 70  # of its WebP
LINES = 80  # of one tree
WORDS = 40  # characters of text on one of its lines

_SCALE = 1000  # units along each side of the overlay


@dataclass(frozen=True, slots=True)
class Line:
    """One element of a layer: a line of its tree and, where it has one, a box."""

    id: int  # first DOM node, so that the same node can be found in the other layers
    role: str
    level: int
    tags: str
    text: str
    wrong: str | None  # in words; None: just as in the truth
    box: tuple[float, float, float, float] | None  # x, y, width, height, of _SCALE


@dataclass(frozen=True, slots=True)
class Layer:
    """One layout of a section: the truth, a model's prediction, or the other model's."""

    name: str  # truth, predicted or other
    title: str
    lines: Sequence[Line]
    more: int  # lines left out


@dataclass(frozen=True, slots=True)
class Card:
    """One section of the gallery."""

    name: str
    site: str
    kind: str | None
    why: str  # it is shown
    layout_accuracy: float
    element_f1: float | None
    other_accuracy: float | None  # of the model compared with
    reasons: Sequence[str]
    classes: Sequence[str]  # of its errors
    roles: Mapping[str, str]  # role → colour, of those that are in a layer
    picture: str  # data URI
    width: int
    height: int
    layers: Sequence[Layer]
    link: str | None  # to the example's folder


def make_card(
    pair: Pair,
    score: SectionScore,
    screenshot: Image.Image,
    why: str,
    *,
    kind: str | None = None,
    link: str | None = None,
    other: tuple[Pair, SectionScore] | None = None,
) -> Card:
    """The card of one prediction; `other` is another model's of the same section."""
    errors = section_errors(pair)
    truth, predicted = sides(pair)
    faults = {e.node: e.kind for e in errors if e.kind not in ("invented", "wrong prop")}
    layers = [
        _layer("truth", pair.structure, replace(truth, title="Truth"), faults),
        _layer("predicted", pair.structure, replace(predicted, title="Predicted"), faults),
    ]
    if other:
        side = replace(sides(other[0])[1], title="Other model")
        layers.append(_layer("other", pair.structure, side, {}))
    present = {line.role for layer in layers for line in layer.lines}
    picture = screenshot.copy()
    picture.thumbnail(PICTURE)
    return Card(
        name=pair.name,
        site=pair.site,
        kind=kind,
        why=why,
        layout_accuracy=score.layout_accuracy,
        element_f1=score.elements.f1,
        other_accuracy=other[1].layout_accuracy if other else None,
        reasons=error_reasons(errors),
        classes=list(dict.fromkeys(error.kind for error in errors)),
        roles={role: _hex(role_colour(role)) for role in ROLES if role in present},
        picture=_data_uri(picture),
        width=picture.width,
        height=picture.height,
        layers=layers,
        link=link,
    )


def example_link(page: Path, place: Place) -> str:
    """A relative URL from a page to an example's folder, or to its shard, with its name in it."""
    path = quote(Path(os.path.relpath(place.path, page.parent)).as_posix())
    return f"{path}/" if place.end is None else f"{path}#{quote(place.name)}"


def _layer(name: str, structure: Structure, side: Side, faults: Mapping[int, str]) -> Layer:
    levels = depths([element.parent for element in side.elements])
    lines = []
    for element, mark, level in zip(side.elements, side.marks, levels, strict=True):
        first = min(element.nodes)
        tags, words = tags_and_words(structure, element, WORDS)
        lines.append(
            Line(
                id=first,
                role=element.role,
                level=level,
                tags=tags,
                text=words,
                wrong=_fault(name, mark, faults.get(first)),
                box=_overlay_box(element.box),
            )
        )
    return Layer(name, side.title, lines[:LINES], max(0, len(lines) - LINES))


def _fault(layer: str, mark: str, fault: str | None) -> str | None:
    """What is wrong with an element; the truth says how it was missed, a prediction what it is."""
    if layer == "truth":
        return fault or (None if mark == RIGHT else "missed")
    if mark == OTHER_ROLE:
        return "wrong role"
    if mark == RIGHT:
        return fault if fault in ("wrong nesting", "wrong box") else None
    return "not in the truth"


def _overlay_box(
    box: tuple[float, float, float, float] | None,
) -> tuple[float, float, float, float] | None:
    if box is None:
        return None
    x, y, w, h = (round(value * _SCALE, 1) for value in box)
    return x, y, w, h


def _hex(colour: tuple[int, int, int]) -> str:
    return "#" + bytes(colour).hex()


def _data_uri(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "webp", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii")
