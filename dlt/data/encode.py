"""A section as arrays: what the model may see of a structure and its screenshot, and its labels.

Nodes stay in pre-order. Class names and texts are hashed, so that any vocabulary works; `attrs`
are never shown to the model.
"""

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlt.grounding.blobs import find_blobs
from dlt.grounding.ground import Grounding, ground
from dlt.grounding.looks import find_looks
from dlt.grounding.rectangles import WIDTH, Boxes
from dlt.section.labels import Labels, element_of_nodes, node_boxes
from dlt.section.roles import DROP, MERGE, NODE_PROPS, NODE_ROLES, ROLES
from dlt.section.screenshot import decode_screenshot
from dlt.section.tree import Box, Structure, children, depths, subtree_ends

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
TEXT_BUCKETS = 1024  # id 0 is padding
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
_NUM_SHARED = 4  # of `_class_overlap`
NUM_NUMBERS = 19 + _NUM_SHARED + NUM_CONTENT
NUM_PLACES = 4  # that grounding knows for a node: what it shows, the frame around that, two cells
NUM_GROUNDING = NUM_PLACES * 5 + 4  # see Encoded
TEXT_NUMBERS = [11, 12, *range(14, 19)]  # of `_numbers`: those that text lengths go into
CLASS_NUMBERS = [*range(19, 19 + _NUM_SHARED)]  # and those that class names go into

_OTHERS, _CONTENTS = 0.1, 0.3  # box weights of nodes that start no element, and of content boxes

RELATIONS = (
    "other self parent child ancestor descendant next previous sibling cousin".split()
)  # cousin: of the same depth
NUM_RELATIONS = 2 * len(RELATIONS)  # each once more for nodes that are alike
_ALIKE = 0.5  # of the same tag, and at least such a share of their classes: only one is their own

_TAG_ID = {tag: i for i, tag in enumerate(TAGS)}
_ROLE_ID = {role: i for i, role in enumerate(NODE_ROLES)}
_PIECES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_WORDS = re.compile(r"\w+|[^\w\s]")
_DIGIT = re.compile(r"\d")

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Targets:
    """The labels of N nodes as arrays.

    A node that starts no element carries, with a box weight below 1, the box around the elements
    below it, or where there are none, that of the element that it joined or that encloses it. The
    content box is the one around the elements below a node, or else its box, without weight. Without
    boxes all weights are 0.
    """

    roles: Ints  # [N], index into NODE_ROLES
    owners: Ints  # [N], index into ROLES: the element that a node starts, joined or lies in
    props: Ints  # [N], index into NODE_PROPS
    boxes: Floats  # [N, 4]: centre x, centre y, width, height as fractions
    box_weights: Floats  # [N]
    contents: Floats  # [N, 4], as boxes
    content_weights: Floats  # [N]


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
    # of each of the boxes that `ground` finds for a node: whether there is one, and its edges as
    # fractions; then whether it stands beside siblings; how what is in it, and the section, is
    # aligned; the height of a line of a leaf, in widths
    grounding: Floats  # [N, NUM_GROUNDING], 0 where nothing was found
    looks: Floats  # [NUM_LOOKS]: see `find_looks`
    blobs: Boxes  # [K, 4]: what `grounding` was found among
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
    picture = decode_screenshot(name, screenshot)
    pixels = _scaled(picture, image_width)
    missing = -len(pixels) % patch_height
    image = np.pad(pixels, ((0, missing), (0, 0), (0, 0)), constant_values=255)
    blobs = find_blobs(_scaled(picture, WIDTH))
    return encode_view(name, structure, labels, image, len(pixels), blobs)


def encode_view(
    name: str,
    structure: Structure,
    labels: Labels | None,
    image: NDArray[np.uint8],
    image_height: int,
    blobs: Boxes,
) -> Encoded:
    """Encode one section whose screenshot is decoded already; see `Encoded` for what is made of it."""
    overlap, shared = _class_overlap(structure)
    grounding = ground(structure, blobs)
    return Encoded(
        name=name,
        tags=np.array([_tag_id(node.tag) for node in structure.nodes]),
        class_tokens=np.array([_class_tokens(node.classes) for node in structure.nodes]),
        text_tokens=np.array([_text_tokens(node.text[:400]) for node in structure.nodes]),
        numbers=_numbers(structure, shared),
        relations=_relations(structure, overlap),
        parents=np.maximum(np.array(structure.parents), 0),
        grounding=_grounding(grounding, image_height / image.shape[1]),
        looks=find_looks(image[:image_height]).astype(np.float32),
        blobs=blobs,
        image=image,
        image_height=image_height,
        targets=None if labels is None else encode_labels(structure, labels),
    )


def encode_labels(structure: Structure, labels: Labels) -> Targets:
    """Labels as arrays; see `Targets`."""
    count = len(structure)
    boxes, contents = np.zeros((2, count, 4), np.float32)
    weights, content_weights = np.zeros((2, count), np.float32)
    if labels.boxes is not None:
        own, within = node_boxes(structure.parents, labels)
        boxes = _centred(own)
        contents = _centred([inner or box for inner, box in zip(within, own, strict=True)])
        starts = [role not in (MERGE, DROP) for role in labels.roles]
        weights = np.where(starts, 1.0, _OTHERS).astype(np.float32)
        content_weights = np.where([inner is not None for inner in within], _CONTENTS, 0.0)
    return Targets(
        roles=np.array([_ROLE_ID[role] for role in labels.roles]),
        owners=_owners(structure.parents, labels.roles),
        props=np.array([NODE_PROPS.index(prop) for prop in labels.props]),
        boxes=boxes,
        box_weights=weights,
        contents=contents,
        content_weights=content_weights.astype(np.float32),
    )


def _owners(parents: Sequence[int], roles: Sequence[str]) -> Ints:
    """The role of the element around each node [N], index into ROLES."""
    elements = np.array([_ROLE_ID[role] for role in roles if role in ROLES])
    return elements[list(element_of_nodes(parents, roles).enclosing)]


def _centred(boxes: Sequence[Box]) -> Floats:
    """Boxes [N, 4] as corner and size → as centre and size."""
    out = np.array(boxes, np.float32)
    out[:, :2] += out[:, 2:] / 2
    return out


@lru_cache(maxsize=65536)
def _bucket(text: str, buckets: int) -> int:
    """A stable hash into 1 .. buckets - 1."""
    return 1 + zlib.crc32(text.encode()) % (buckets - 1)


def _tag_id(tag: str) -> int:
    known = _TAG_ID.get(tag)
    return known if known is not None else len(TAGS) + _bucket(tag, TAG_BUCKETS)


@lru_cache(maxsize=65536)
def _class_tokens(classes: tuple[str, ...]) -> tuple[int, ...]:
    """Whole class names first, then their pieces: `btn-primary` → itself, `btn`, `primary`."""
    pieces = [piece for name in classes for piece in _pieces(name)]
    tokens = dict.fromkeys([*(f"={name}" for name in classes), *pieces])
    return _padded([_bucket(t, CLASS_BUCKETS) for t in tokens], MAX_CLASS_TOKENS)


@lru_cache(maxsize=65536)
def _pieces(name: str) -> tuple[str, ...]:
    return tuple(piece.lower() for piece in _PIECES.findall(name))


@lru_cache(maxsize=65536)
def _text_tokens(text: str) -> tuple[int, ...]:
    # digits by shape: a price or a count matters, not which
    words = _WORDS.findall(_DIGIT.sub("0", text.lower()))[:MAX_TEXT_TOKENS]
    return _padded([_bucket(word[:8], TEXT_BUCKETS) for word in words], MAX_TEXT_TOKENS)


def _padded(tokens: list[int], width: int) -> tuple[int, ...]:
    return tuple(tokens[:width] + [0] * (width - len(tokens)))


def _numbers(structure: Structure, shared: Floats) -> Floats:
    """Counts and places in the tree, scaled to about -1 .. 1, and what each subtree holds.

    `shared` as from `_class_overlap`.
    """
    parents, nodes = structure.parents, structure.nodes
    ends, levels, kids = subtree_ends(parents), depths(parents), children(parents)
    content = np.zeros((len(nodes), NUM_CONTENT))
    for i, node in enumerate(nodes):
        if (kind := CONTENT_TAGS.get(node.tag)) is not None:
            content[i, kind] = 1
    below = np.column_stack(
        [content, [len(node.text) for node in nodes], [not k for k in kids]]  # texts, leaves
    )
    sums = np.vstack([np.zeros(below.shape[1]), np.cumsum(below, axis=0)])
    totals = sums[ends] - sums[:-1]  # over each node's subtree
    # about as high as a node is, in lines: what lies above it, beside or inside its parent
    lines = below[:, -2] / LINE_LENGTH + below[:, -1] + 4 * content[:, :2].sum(1)
    above = np.concatenate([[0.0], np.cumsum(lines)])
    top, bottom = above[:-1], above[ends]
    frame = np.maximum(parents, 0)
    inside = np.maximum(bottom[frame] - top[frame], 1.0)
    place, siblings, alike, repeats = _among_siblings(structure, kids)
    children_count = np.array([len(k) for k in kids])
    sizes = np.subtract(ends, range(len(nodes)))
    counts = [place, siblings, alike, children_count, sizes, below[:, -2], bottom - top]
    logs = np.log1p(np.vstack([*counts, totals.T])) / _LOG_SCALES
    out = np.empty((NUM_NUMBERS, len(nodes)), np.float32)
    out[0] = np.divide(levels, 8)
    out[1:3] = logs[:2]
    out[3] = place / siblings
    out[4] = place == 0
    out[5] = place == siblings - 1
    out[6:8] = logs[2:4]
    out[8] = children_count == 1
    out[9] = repeats
    out[10:12] = logs[4:6]
    out[12:14] = logs[-2:]
    out[14] = logs[6]
    out[15] = (top - top[frame]) / inside
    out[16] = (bottom - top[frame]) / inside
    out[17] = top / above[-1]
    out[18] = bottom / above[-1]
    out[CLASS_NUMBERS] = shared.T
    out[19 + _NUM_SHARED :] = logs[7:-2]
    return np.ascontiguousarray(out.T)


# of place, siblings, alike, children, size, text, height; of what the subtree holds, texts, leaves
_LOG_SCALES = np.array([2, 2, 2, 2, 4, 4, 3, *[2] * NUM_CONTENT, 6, 3])[:, None]


def _among_siblings(structure: Structure, kids: list[list[int]]) -> tuple[Ints, ...]:
    """Of each node: its place among its siblings, their number, that of those with its selector
    (itself included), and whether two of its own children share a selector."""
    place, siblings, alike = [0] * len(kids), [1] * len(kids), [1] * len(kids)
    repeats = [0] * len(kids)
    for parent, group in enumerate(kids):
        if len(group) > 1:
            selectors = [structure.nodes[k].selector for k in group]
            counts = Counter(selectors)
            repeats[parent] = len(counts) < len(group)
            for i, (k, selector) in enumerate(zip(group, selectors, strict=True)):
                place[k], siblings[k], alike[k] = i, len(group), counts[selector]
    return tuple(np.array([place, siblings, alike, repeats]))


def _class_overlap(structure: Structure) -> tuple[Floats, Floats]:
    """What class names say, whatever they are: page builders put one on all that they made, another
    on all containers, and so on.

    Returns:
        The share of the classes of either of two nodes that both have (Jaccard 1901), 1 where neither
        has any: [N, N]. The same of a node and the root, its parent, its parent's parent, and the
        share of nodes that have the most frequent of its classes, 0 without any: [N, _NUM_SHARED].
    """
    own = [dict.fromkeys(node.classes) for node in structure.nodes]
    place = {name: k for k, name in enumerate(dict.fromkeys(n for names in own for n in names))}
    bears = np.zeros((len(own), len(place) + 1), np.float32)
    for i, names in enumerate(own):
        bears[i, [place[name] for name in names]] = 1
    common, counts = bears @ bears.T, bears.sum(1)
    either = counts[:, None] + counts - common
    overlap = np.where(either > 0, common / np.maximum(either, 1), 1).astype(np.float32)
    nodes, parents = np.arange(len(own)), np.maximum(structure.parents, 0)
    relatives = [overlap[nodes, other] for other in (0, parents, parents[parents])]
    frequent = (bears * bears.mean(0)).max(1)
    shared = np.column_stack([*relatives, frequent]) * (counts > 0)[:, None]
    return overlap, shared.astype(np.float32)


def _relations(structure: Structure, overlap: Floats) -> NDArray[np.uint8]:
    """What column is to row [N, N]; `overlap` as from `_class_overlap`."""
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
        np.putmask(out, mask, RELATIONS.index(name))
    tags = np.array([node.tag for node in structure.nodes])
    alike = (tags[None] == tags[:, None]) & (overlap >= _ALIKE)
    return out + np.uint8(len(RELATIONS)) * alike


def _grounding(found: Grounding, aspect: float) -> Floats:
    """See `Encoded`; `aspect` is the screenshot's height over its width."""
    *places, in_row, alignment, line_heights = found
    columns = []
    for boxes in places:
        edges = (boxes / WIDTH / [1, aspect, 1, aspect]).clip(0, 1)
        columns += [~np.isnan(boxes[:, :1]), edges]
    out = np.column_stack([*columns, in_row, alignment, line_heights / WIDTH])
    return np.nan_to_num(out).astype(np.float32)


def _scaled(picture: Image.Image, width: int) -> NDArray[np.uint8]:
    """The pixels of a picture that is `width` px wide, and at most MAX_ASPECT times as high."""
    height = max(round(width * min(picture.height / picture.width, MAX_ASPECT)), 1)
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX))
