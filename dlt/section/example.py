"""The example folder: screenshot.png, structure.json, layout.json and an optional meta.json."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from dlt.files import new_folder, write_json
from dlt.section.errors import SectionError
from dlt.section.formats import (
    MAX_CHARACTERS,
    dump_layout,
    dump_structure,
    parse_layout,
    parse_structure,
)
from dlt.section.tree import Layout, Structure

SCREENSHOT, STRUCTURE, LAYOUT, META = "screenshot.png", "structure.json", "layout.json", "meta.json"
FILES = (SCREENSHOT, STRUCTURE, LAYOUT, META)
SPLITS = ("train", "val", "test")
OWN_GROUP = "example:"  # how the group of an example without a site starts
MAX_BYTES = 4 * MAX_CHARACTERS  # a character takes at most four bytes of UTF-8

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Example:
    """One section with its target; `layout` is None where only a prediction is wanted."""

    name: str
    structure: Structure
    layout: Layout | None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """What must not be in two splits: the site, or the example itself."""
        return str(self.meta.get("site") or f"{OWN_GROUP}{self.name}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of an example lie: in the folder `path`, or from byte `start` to byte `end`
    of the tar shard `path`."""

    name: str
    path: Path
    start: int = 0
    end: int | None = None  # None: a folder


def read_example(folder: Path) -> Example:
    """Read the JSON files of an example folder (not the screenshot).

    Raises:
        SectionError: a file is missing, unreadable or malformed; the message names the file.
    """
    structure = _parse(folder / STRUCTURE, parse_structure)
    layout = _parse(folder / LAYOUT, parse_layout) if (folder / LAYOUT).exists() else None
    meta = _parse(folder / META, parse_meta) if (folder / META).exists() else {}
    return Example(folder.name, structure, layout, meta)


def write_example(folder: Path, example: Example, screenshot: bytes) -> None:
    """Write an example folder; `screenshot` holds the bytes of a PNG file.

    An example that is there already is replaced; a half-written one is never seen.
    """
    with new_folder(folder) as aside:
        (aside / SCREENSHOT).write_bytes(screenshot)
        (aside / STRUCTURE).write_text(dump_structure(example.structure), encoding="utf-8")
        if example.layout is not None:
            (aside / LAYOUT).write_text(dump_layout(example.layout), encoding="utf-8")
        if example.meta:
            write_json(aside / META, dict(example.meta))


def find_examples(root: Path) -> dict[str, list[Path]]:
    """Example folders of a dataset by split, sorted by name; the key "" holds those in no split."""
    return {s: [root / s / name for name in names] for s, names in find_names(root).items()}


def find_names(root: Path) -> dict[str, list[str]]:
    """The names of what `find_examples` finds: a fifth of the memory."""
    found = {split: sorted(_folders(root / split)) for split in SPLITS}
    found[""] = sorted(name for name in _folders(root) if name not in SPLITS)
    return {split: names for split, names in found.items() if names}


def _folders(root: Path) -> Iterator[str]:
    if root.is_dir():
        with os.scandir(root) as entries:
            yield from (e.name for e in entries if e.name[0] != "." and e.is_dir())


def _parse(path: Path, parse: Callable[[str], Parsed]) -> Parsed:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SectionError(f"larger than {MAX_BYTES:,} bytes")
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SectionError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SectionError(f"{path}: not UTF-8 text") from None
    except SectionError as error:
        raise SectionError(f"{path}: {error}") from None


def parse_meta(text: str) -> dict[str, Any]:
    """Read the text of a meta.json.

    Raises:
        SectionError: not a JSON object.
    """
    try:
        meta = json.loads(text)
        json.dumps(meta, ensure_ascii=False, allow_nan=False).encode()  # can be written again
    except (ValueError, RecursionError) as error:
        raise SectionError(f"not JSON: {error}") from None
    if not isinstance(meta, dict):
        raise SectionError("an object expected")
    return meta
