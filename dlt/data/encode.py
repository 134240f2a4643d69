"""A section as arrays: what the model may see of a structure and its screenshot, and its labels.

Nodes stay in pre-order. Class names and texts are hashed, so that any vocabulary works; `attrs`
are never shown to the model.
"""

import io
import re
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlt.section.errors import SectionError
from dlt.section.labels import Labels, element_of_nodes
from dlt.section.roles import DROP, MERGE, NODE_PROPS, NODE_ROLES
from dlt.section.tree import Structure, children, depths, subtree_ends

TAGS = (
    "html body header footer main nav section article aside div span p a button h1 h2 h3 h4 h5 h6 "
    "ul ol li dl dt dd table thead tbody tr td th img picture source figure figcaption svg path g "
    "use rect circle line polygon polyline text i b em strong small br hr iframe video audio track "
    "canvas form input textarea select option label fieldset legend blockquote q cite code pre "
    "time address details summary object embed map area sub sup u s mark style script"
).split()
TAG_BUCKETS = 16  # for tags that are not in TAGS
NUM_TAGS = len(TAGS) + TAG_BUCKETS
CLASS_BUCKETS = 2048  # id 0 is padding
TEXT_BUCKETS = 2048  # id 0 is padding
MAX_CLASS_TOKENS = 12
MAX_TEXT_TOKENS = 12
LINE_LENGTH = 60  # characters
MAX_ASPECT = 8  # a taller screenshot is squeezed to it

# What a subtree holds says much about the widget that it is.
CONTENT_TAGS = {
    tag: i
    for i, tags in enumerate(
        "img picture|svg i path|a|button|h1 h2 h3 h4 h5 h6|p|ul ol dl|li dt dd|iframe|video audio|"
        "form input textarea|hr|table|blockquote q|span|figure".split("|")
    )
    for tag in tags.split()
}
NUM_CONTENT = max(CONTENT_TAGS.values()) + 1
NUM_NUMBERS = 19 + NUM_CONTENT

RELATIONS = (
    "other self parent child ancestor descendant next previous sibling cousin".split()
)  # cousin: of the same depth
NUM_RELATIONS = 2 * len(RELATIONS)  # each once more for nodes of the same selector

_TAG_ID = {tag: i for i, tag in enumerate(TAGS)}
_PIECES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_WORDS = re.compile(r"\w+|[^\w\s]")

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Targets:
    """The labels of N nodes as arrays.

    A node that starts no element carries the box of the element that it joined or that encloses
    it, with a box weight below 1; without boxes all box weights are 0.
    """

    roles: Ints  # [N], index into NODE_ROLES
    props: Ints  # [N], index into NODE_PROPS
    boxes: Floats  # [N, 4]: centre x, centre y, width, height as fractions
    box_weights: Floats  # [N]


@dataclass(frozen=True)
class Encoded:
    """One section as the model sees it, with its targets where they are known."""

    name: str
    tags: Ints  # [N]
    class_tokens: Ints  # [N, MAX_CLASS_TOKENS]
    text_tokens: Ints  # [N, MAX_TEXT_TOKENS]
    numbers: Floats  # [N, NUM_NUMBERS]
    relations: NDArray[np.uint8]  # [N, N]: what column is to row
    parents: Ints  # [N], the root is its own
    image: NDArray[np.uint8]  # [rows, width, 3], white below `image_height`
    image_height: int  # px, of the screenshot itself
    targets: Targets | None


def encode(
    name: str,
    structure: Structure,
    screenshot: bytes,
    labels: Labels | None,
    image_width: int,
    patch_height: int,
) -> Encoded:
    """Encode one section.

    Raises:
        SectionError: the screenshot does not decode.
    """
    image, image_height = _image(name, screenshot, image_width, patch_height)
    return Encoded(
        name=name,
        tags=np.array([_tag_id(node.tag) for node in structure.nodes]),
        class_tokens=_pad([_class_tokens(n.classes) for n in structure.nodes], MAX_CLASS_TOKENS),
        text_tokens=_pad([_text_tokens(n.text) for n in structure.nodes], MAX_TEXT_TOKENS),
        numbers=_numbers(structure),
        relations=_relations(structure),
        parents=np.maximum(np.array(structure.parents), 0),
        image=image,
        image_height=image_height,
        targets=None if labels is None else encode_labels(structure, labels),
    )


def encode_labels(structure: Structure, labels: Labels) -> Targets:
    """Labels as arrays; see `Targets`."""
    count = len(structure)
    boxes = np.zeros((count, 4), np.float32)
    weights = np.zeros(count, np.float32)
    if labels.boxes is not None:
        firsts = [box for box in labels.boxes if box is not None]
        enclosing = element_of_nodes(structure.parents, labels.roles).enclosing
        boxes = np.array([firsts[e] for e in enclosing], np.float32)
        boxes[:, :2] += boxes[:, 2:] / 2
        starts = [role not in (MERGE, DROP) for role in labels.roles]
        weights = np.where(starts, 1.0, 0.1).astype(np.float32)
    return Targets(
        roles=np.array([NODE_ROLES.index(role) for role in labels.roles]),
        props=np.array([NODE_PROPS.index(prop) for prop in labels.props]),
        boxes=boxes,
        box_weights=weights,
    )


def _bucket(text: str, buckets: int) -> int:
    """A stable hash into 1 .. buckets - 1."""
    return 1 + zlib.crc32(text.encode()) % (buckets - 1)


def _tag_id(tag: str) -> int:
    known = _TAG_ID.get(tag)
    return known if known is not None else len(TAGS) + _bucket(tag, TAG_BUCKETS)


@lru_cache(maxsize=65536)
def _class_tokens(classes: tuple[str, ...]) -> tuple[int, ...]:
    """Whole class names first, then their pieces: `btn-primary` → itself, `btn`, `primary`."""
    pieces = [piece.lower() for name in classes for piece in _PIECES.findall(name)]
    tokens = dict.fromkeys([*(f"={name}" for name in classes), *pieces])
    return tuple(_bucket(token, CLASS_BUCKETS) for token in tokens)


def _text_tokens(text: str) -> tuple[int, ...]:
    words = _WORDS.findall(text[:400].lower())
    # digits by shape: a price or a count matters, not which
    return tuple(_bucket(re.sub(r"\d", "0", word)[:8], TEXT_BUCKETS) for word in words)


def _pad(rows: list[tuple[int, ...]], width: int) -> Ints:
    out = np.zeros((len(rows), width), np.int64)
    for i, row in enumerate(rows):
        out[i, : min(len(row), width)] = row[:width]
    return out


def _numbers(structure: Structure) -> Floats:
    """Counts and places in the tree, scaled to about -1 .. 1, and what each subtree holds."""
    parents, nodes = structure.parents, structure.nodes
    ends, levels, kids = subtree_ends(parents), depths(parents), children(parents)
    content = np.zeros((len(nodes), NUM_CONTENT))
    for i, node in enumerate(nodes):
        if (kind := CONTENT_TAGS.get(node.tag)) is not None:
            content[i, kind] = 1
    texts = np.array([len(node.text) for node in nodes], float)
    leaves = np.array([not k for k in kids], float)
    below = np.column_stack([content, texts, leaves])
    sums = np.vstack([np.zeros(below.shape[1]), np.cumsum(below, axis=0)])
    totals = sums[ends] - sums[:-1]  # over each node's subtree
    # about as high as a node is, in lines: what lies above it, beside or inside its parent
    lines = below[:, -2] / LINE_LENGTH + below[:, -1] + 4 * content[:, :2].sum(1)
    above = np.concatenate([[0.0], np.cumsum(lines)])
    rows = []
    for i, parent in enumerate(parents):
        frame = max(parent, 0)
        inside = max(above[ends[frame]] - above[frame], 1.0)
        siblings = kids[parent] if parent >= 0 else [i]
        alike = [s for s in siblings if nodes[s].selector == nodes[i].selector]
        place = siblings.index(i)
        rows.append(
            [
                levels[i] / 8,
                np.log1p(place) / 2,
                np.log1p(len(siblings)) / 2,
                place / len(siblings),
                place == 0,
                place == len(siblings) - 1,
                np.log1p(len(alike)) / 2,
                np.log1p(len(kids[i])) / 2,
                len(kids[i]) == 1,
                len({nodes[k].selector for k in kids[i]}) < len(kids[i]),
                np.log1p(ends[i] - i) / 4,
                np.log1p(texts[i]) / 4,
                np.log1p(totals[i, -2]) / 6,
                np.log1p(totals[i, -1]) / 3,
                np.log1p(above[ends[i]] - above[i]) / 3,
                (above[i] - above[frame]) / inside,
                (above[ends[i]] - above[frame]) / inside,
                above[i] / above[-1],
                above[ends[i]] / above[-1],
            ]
        )
    return np.hstack([np.array(rows, float), np.log1p(totals[:, :-2]) / 2]).astype(np.float32)


def _relations(structure: Structure) -> NDArray[np.uint8]:
    parents = np.array(structure.parents)
    ends, levels = np.array(subtree_ends(structure.parents)), np.array(depths(structure.parents))
    index = np.arange(len(parents))
    descendant = (index[None] > index[:, None]) & (index[None] < ends[:, None])
    is_child = parents[None] == index[:, None]
    sibling = (parents[None] == parents[:, None]) & (index[None] != index[:, None])
    following = sibling & (index[None] == ends[:, None])
    out = np.zeros((len(parents), len(parents)), np.uint8)
    for name, mask in (  # later ones are more specific
        ("cousin", levels[None] == levels[:, None]),
        ("ancestor", descendant.T),
        ("descendant", descendant),
        ("parent", is_child.T),
        ("child", is_child),
        ("sibling", sibling),
        ("next", following),
        ("previous", following.T),
        ("self", index[None] == index[:, None]),
    ):
        out[mask] = RELATIONS.index(name)
    _, alike = np.unique([node.selector for node in structure.nodes], return_inverse=True)
    out[alike[None] == alike[:, None]] += len(RELATIONS)
    return out


def _image(
    name: str, screenshot: bytes, width: int, patch_height: int
) -> tuple[NDArray[np.uint8], int]:
    """Decode and scale to `width`; add white below up to a whole number of patches.

    Returns the pixels and the height of the scaled screenshot without the white.
    """
    try:
        with Image.open(io.BytesIO(screenshot)) as picture:
            height = max(round(width * min(picture.height / picture.width, MAX_ASPECT)), 1)
            scaled = picture.convert("RGB").resize((width, height), Image.Resampling.BOX)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise SectionError(f"{name}: screenshot.png: {error}") from None
    pixels = np.asarray(scaled)
    missing = -len(pixels) % patch_height
    return np.pad(pixels, ((0, missing), (0, 0), (0, 0)), constant_values=255), height
