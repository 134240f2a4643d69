"""Examples matched with their layouts and encoded: what training and evaluation work on.

Few sections are read once and kept; of many, only their places are, and each is read when it is asked
for, in whichever process asks: memory does not grow with the dataset. What split has encoded is not
encoded again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from dlt.data.encode import MAX_ASPECT, Encoded, encode
from dlt.data.encoded_bytes import from_bytes
from dlt.data.examples import read_place
from dlt.data.numbered import Numbered
from dlt.data.shards import ShardIndex
from dlt.errors import DltError
from dlt.params import ModelParams
from dlt.section.errors import SectionError
from dlt.section.example import Example
from dlt.section.labels import Labels, labels
from dlt.section.tree import Structure

IN_MEMORY = 10_000  # sections are kept, at 0.2 to 0.4 MB each; more are read anew each time
_RUN = 40  # neighbours that a sample takes together, so that it has sites as a whole


@dataclass(frozen=True)
class Labelled:
    """A section with its true labels, encoded."""

    site: str
    structure: Structure
    truth: Labels
    encoded: Encoded


class Sections(Numbered[Labelled]):
    """Sections in memory, with what must be known of all of them to make batches.

    `nodes` and `rows` (int64 [sections]): the number of nodes, and the height in px of the
    screenshot as the model sees it.
    """

    def __init__(self, sections: Sequence[Labelled]) -> None:
        self._sections = sections
        self.nodes = np.array([len(section.structure) for section in sections], np.int64)
        self.rows = np.array([section.encoded.image_height for section in sections], np.int64)

    def __len__(self) -> int:
        return len(self.nodes)

    def item(self, i: int) -> Labelled:
        """Make item number `i`."""
        return self._sections[i]

    def encoded(self, i: int) -> Encoded:
        """Of item number `i` what the model sees; quicker than the whole item, where it is packed."""
        return self._sections[i].encoded

    def sample(self) -> Sequence[Labelled]:
        """At most IN_MEMORY of them, for statistics; their images may be missing."""
        return self._sections


class PackedSections(Sections):
    """Sections that stay in their shards."""

    def __init__(self, index: ShardIndex, chosen: Sequence[int], params: ModelParams) -> None:
        own = np.array(chosen, np.int64)
        self._index, self._chosen, self._params = index, own, params
        width, height = index.width[own], index.height[own]
        if not (index.nodes.all() and index.width.all()):
            raise SectionError("index.jsonl: nodes, width and height of the examples are missing")
        scaled = params.image_width * np.minimum(height / width, MAX_ASPECT)
        self.nodes, self.rows = index.nodes[own], _rounded(scaled)

    def item(self, i: int) -> Labelled:
        """Make item number `i`."""
        return read_labelled(self._index, int(self._chosen[i]), self._params)

    def encoded(self, i: int) -> Encoded:
        """Of item number `i` what the model sees."""
        kept = _kept(self._index, int(self._chosen[i]), self._params)
        return self.item(i).encoded if kept is None else kept

    def sample(self) -> Sequence[Labelled]:
        """At most IN_MEMORY of them, in evenly spaced runs of neighbours; without images."""
        starts = np.linspace(0, max(len(self) - _RUN, 0), IN_MEMORY // _RUN).astype(int)
        taken = sorted({i for start in starts for i in range(start, start + _RUN) if i < len(self)})
        blank = np.full((1, 1, 3), 255, np.uint8)
        bar = tqdm(taken, "sample", unit="", disable=None, leave=False)
        found = map(self.item, bar)
        return [replace(own, encoded=replace(own.encoded, image=blank)) for own in found]


def open_sections(
    index: ShardIndex, chosen: Sequence[int], params: ModelParams, title: str
) -> Sections:
    """The chosen sections of a folder of shards, in memory if they are at most IN_MEMORY.

    Raises:
        DltError: as `load_labelled`; where the sections stay in their shards, when one is read.
    """
    if len(chosen) > IN_MEMORY:
        return PackedSections(index, chosen, params)
    bar = tqdm(chosen, title, disable=None, leave=False)
    return Sections([read_labelled(index, i, params) for i in bar])


def read_labelled(index: ShardIndex, i: int, params: ModelParams) -> Labelled:
    """Example number `i` of a folder of shards; raises as `load_labelled` does."""
    example, screenshot = read_place(index[i])
    encoded = _kept(index, i, params)
    if encoded is None:
        return label(example, screenshot, params)
    return Labelled(example.group, example.structure, true_labels(example), encoded)


def _kept(index: ShardIndex, i: int, params: ModelParams) -> Encoded | None:
    """What split has encoded of example number `i`; None where that is for another size of image."""
    content = index.encoded(i)
    if content is None:
        return None
    found = from_bytes(index[i].name, content)
    rows = found.image_height + -found.image_height % params.patch_size[0]
    return found if found.image.shape[:2] == (rows, params.image_width) else None


def load_labelled(
    examples: Iterable[tuple[Example, bytes]], params: ModelParams, title: str
) -> list[Labelled]:
    """Match and encode examples that come with the bytes of their screenshots.

    Raises:
        DltError: an example has no layout, its layout does not fit, or its screenshot is damaged;
            the message names the example.
    """
    bar = tqdm(examples, title, disable=None, leave=False)
    return [label(example, screenshot, params) for example, screenshot in bar]


def label(example: Example, screenshot: bytes, params: ModelParams) -> Labelled:
    """Match and encode one example; raises as `load_labelled` does."""
    truth = true_labels(example)
    size = (params.image_width, params.patch_size[0])
    encoded = encode(example.name, example.structure, screenshot, truth, *size)
    return Labelled(example.group, example.structure, truth, encoded)


def true_labels(example: Example) -> Labels:
    """The labels of an example's layout; raises as `load_labelled` does."""
    if example.layout is None:
        raise DltError(f"{example.name}: layout.json is missing")
    try:
        return labels(example.structure, example.layout)
    except SectionError as error:
        raise DltError(f"{example.name}: layout.json: {error}") from None


def _rounded(heights: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.maximum(np.rint(heights), 1).astype(np.int64)
