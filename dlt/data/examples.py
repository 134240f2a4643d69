"""The examples of a dataset, in folders or in tar shards: where each lies, and what is in it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from dlt.data.numbered import Numbered
from dlt.data.shards import MAX_MEMBER_BYTES, ShardIndex, find_shards, folder_files, packed_files
from dlt.section.errors import SectionError
from dlt.section.example import (
    LAYOUT,
    META,
    SCREENSHOT,
    SPLITS,
    STRUCTURE,
    Example,
    Place,
    find_names,
    parse_meta,
    read_example,
)
from dlt.section.formats import parse_layout, parse_structure

Parsed = TypeVar("Parsed")


def find_places(root: Path) -> dict[str, Sequence[Place]]:
    """Where the examples of a dataset lie, by split; the key "" holds those in no split.

    Folders come sorted by name, packed examples in the order of the shards. Shards count where no
    folders are.

    Raises:
        SectionError: a shard or its index is damaged.
    """
    found: dict[str, Sequence[Place]] = {}
    names = find_names(root)
    for split in (*SPLITS, ""):
        if split in names:
            found[split] = _Folders(root / split, names[split])
        elif find_shards(root / split) and (split or not found):
            found[split] = ShardIndex.read(root / split)
    return {split: places for split, places in found.items() if places}


class _Folders(Numbered[Place]):
    """The example folders in a folder."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder, self._names = folder, names

    def __len__(self) -> int:
        return len(self._names)

    def item(self, i: int) -> Place:
        """Make item number `i`."""
        return Place(self._names[i], self._folder / self._names[i])


def read_files(place: Place) -> dict[str, bytes | None]:
    """The files of an example that are there; None stands for one over MAX_MEMBER_BYTES.

    Raises:
        SectionError: the shard is damaged there.
    """
    if place.end is not None:
        return dict(packed_files(place))
    return folder_files(place.path)


def read_place(place: Place) -> tuple[Example, bytes]:
    """An example and the bytes of its screenshot.

    Raises:
        SectionError: a file is missing, malformed or too large; the message names it.
    """
    if place.end is not None:
        return _parse_files(place, packed_files(place))
    return read_example(place.path), _read_screenshot(place.path / SCREENSHOT)


def read_examples(root: Path) -> Iterator[tuple[Example, bytes]]:
    """Yield each example of a dataset with the bytes of its screenshot, split by split.

    Raises:
        SectionError: a file is missing or malformed, or a shard damaged; the message names it.
    """
    for places in find_places(root).values():
        yield from map(read_place, places)


def in_parts(
    examples: Iterable[tuple[Example, bytes]], most: int
) -> Iterator[list[tuple[Example, bytes]]]:
    """The examples in lists of at most so many, cut between sites: neighbours of one site stay
    together, unless they are too many for a list."""
    part: list[tuple[Example, bytes]] = []
    for new in examples:
        if len(part) == most:
            site = new[0].group
            cut = next((i for i in range(most, 0, -1) if part[i - 1][0].group != site), most)
            yield part[:cut]
            part = part[cut:]
        part.append(new)
    if part:
        yield part


def _read_screenshot(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_MEMBER_BYTES:
            raise SectionError(f"{path}: over {MAX_MEMBER_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise SectionError(f"{path}: {error.strerror}") from None


def _parse_files(place: Place, files: Mapping[str, bytes]) -> tuple[Example, bytes]:
    def parse(file: str, parser: Callable[[str], Parsed]) -> Parsed:
        """What `parser` makes of a file; its faults name place and file."""
        where = f"{place.path}: {place.name}.{file}"
        try:
            return parser(files[file].decode())
        except KeyError:
            raise SectionError(f"{where} is missing") from None
        except UnicodeDecodeError:
            raise SectionError(f"{where}: not UTF-8 text") from None
        except SectionError as error:
            raise SectionError(f"{where}: {error}") from None

    if SCREENSHOT not in files:
        raise SectionError(f"{place.path}: {place.name}.{SCREENSHOT} is missing")
    structure = parse(STRUCTURE, parse_structure)
    layout = parse(LAYOUT, parse_layout) if LAYOUT in files else None
    meta = parse(META, parse_meta) if META in files else {}
    return Example(place.name, structure, layout, meta), files[SCREENSHOT]
