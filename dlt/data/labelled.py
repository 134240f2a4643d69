"""Examples read, matched with their layouts and encoded: what training and evaluation work on."""

from collections.abc import Iterable
from dataclasses import dataclass

from tqdm import tqdm

from dlt.data.encode import Encoded, encode
from dlt.errors import DltError
from dlt.params import ModelParams
from dlt.section.errors import SectionError
from dlt.section.example import Example
from dlt.section.labels import Labels, labels
from dlt.section.tree import Structure


@dataclass(frozen=True)
class Labelled:
    """A section with its true labels, encoded."""

    site: str
    structure: Structure
    truth: Labels
    encoded: Encoded


def load_labelled(
    examples: Iterable[tuple[Example, bytes]], params: ModelParams, title: str
) -> list[Labelled]:
    """Match and encode examples that come with the bytes of their screenshots.

    Raises:
        DltError: an example has no layout, its layout does not fit, or its screenshot is damaged;
            the message names the example.
    """
    found = []
    for example, screenshot in tqdm(examples, title, disable=None, leave=False):
        if example.layout is None:
            raise DltError(f"{example.name}: layout.json is missing")
        try:
            truth = labels(example.structure, example.layout)
        except SectionError as error:
            raise DltError(f"{example.name}: layout.json: {error}") from None
        size = (params.image_width, params.patch_size[0])
        encoded = encode(example.name, example.structure, screenshot, truth, *size)
        found.append(Labelled(example.group, example.structure, truth, encoded))
    return found
