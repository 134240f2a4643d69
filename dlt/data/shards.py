"""Examples packed into tar shards, in the WebDataset naming convention, and read back.

The files of an example are consecutive members `<name>.screenshot.png`, `<name>.structure.json`,
`<name>.layout.json` and `<name>.meta.json`. The same examples give the same bytes.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, count, groupby, islice
from pathlib import Path
from typing import TypeVar

from dlt.section.errors import SectionError
from dlt.section.example import (
    LAYOUT,
    META,
    SCREENSHOT,
    STRUCTURE,
    Example,
    find_examples,
    parse_meta,
    read_example,
)
from dlt.section.formats import parse_layout, parse_structure

SHARD_EXAMPLES = 1_000
SHARD_BYTES = 64_000_000
MAX_MEMBER_BYTES = 64_000_000

Parsed = TypeVar("Parsed")

_FILES = (SCREENSHOT, STRUCTURE, LAYOUT, META)


def write_shards(
    folder: Path, examples: Iterable[Path], names: Mapping[Path, str] | None = None
) -> None:
    """Pack example folders, in the order given, into `folder`/shard-000000.tar and so on.

    Files are copied unchanged; a shard ends after SHARD_EXAMPLES examples or SHARD_BYTES. `names`
    says what to call examples that don't keep the names of their folders.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left = iter(examples)
    names = names or {}
    for number in count():
        first = next(left, None)
        if first is None:
            return
        with tarfile.open(folder / f"shard-{number:06d}.tar", "w") as shard:
            for example in chain([first], islice(left, SHARD_EXAMPLES - 1)):
                _pack(shard, example, names.get(example, example.name))
                if shard.offset >= SHARD_BYTES:
                    break


def read_shards(folder: Path) -> Iterator[tuple[Example, bytes]]:
    """Yield each packed example with the bytes of its screenshot, in shard and member order.

    Nothing is ever extracted, so a hostile archive can write nowhere.

    Raises:
        SectionError: an unreadable shard or a malformed member; the message names both.
    """
    for path in _shards(folder):
        for name, members in groupby(_members(path), key=lambda member: member[0]):
            yield _parse_files(path, name, {file: content for _, file, content in members})


def read_folders(root: Path) -> Iterator[tuple[Example, bytes]]:
    """Yield each example folder of a dataset with the bytes of its screenshot, split by split.

    Raises:
        SectionError: a file is missing or malformed; the message names it.
    """
    for folders in find_examples(root).values():
        for folder in folders:
            example = read_example(folder)
            try:
                screenshot = (folder / SCREENSHOT).read_bytes()
            except OSError as error:
                raise SectionError(f"{folder / SCREENSHOT}: {error.strerror}") from None
            yield example, screenshot


def count_examples(folder: Path) -> int:
    """The number of examples in a folder of shards; reads the tar headers only."""
    members = (member for path in _shards(folder) for member in _members(path, contents=False))
    return sum(file == STRUCTURE for _, file, _ in members)


def hash_shards(folders: Iterable[Path]) -> str:
    """One digest (SHA-256, hex) over the names and contents of all examples in folders of shards."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in _shards(folder):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def is_plain_name(name: str) -> bool:
    """Whether an example's name is printable and can only name a folder right where it is joined."""
    return name.isprintable() and name[:1] not in ("", ".") and not {"/", "\\"} & set(name)


def _pack(shard: tarfile.TarFile, example: Path, name: str) -> None:
    for file in _FILES:
        path = example / file
        if file in (LAYOUT, META) and not path.exists():
            continue
        with path.open("rb") as content:
            member = tarfile.TarInfo(f"{name}.{file}")
            member.size = path.stat().st_size
            member.mode = 0o644
            shard.addfile(member, content)


def _shards(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.tar"))
    if not found:
        raise SectionError(f"{folder}: no tar shards found")
    return found


def _members(path: Path, contents: bool = True) -> Iterator[tuple[str, str, bytes]]:
    """Yield (example name, file name, content) of each member; without contents those are empty."""
    try:
        with path.open("rb") as packed, tarfile.open(fileobj=packed, mode="r:") as shard:
            for member in shard:
                name, file = _split_name(path, member)
                if member.size > MAX_MEMBER_BYTES:
                    raise SectionError(f"{path}: {member.name}: over {MAX_MEMBER_BYTES:,} bytes")
                content = shard.extractfile(member) if contents else None
                yield name, file, content.read() if content else b""
            packed.seek(shard.offset)
            if packed.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                # tarfile takes a damaged header for the end and would lose the rest silently
                raise SectionError(
                    f"{path}: not a readable shard: damaged at byte {shard.offset:,}"
                )
    except tarfile.TarError as error:
        raise SectionError(f"{path}: not a readable shard: {error}") from None


def _split_name(path: Path, member: tarfile.TarInfo) -> tuple[str, str]:
    """The example name and the file name of a member; the former is safe as a folder name."""
    file = next((file for file in _FILES if member.name.endswith(f".{file}")), "")
    name = member.name[: -len(file) - 1]
    if not file or not member.isreg() or not is_plain_name(name):
        raise SectionError(f"{path}: {member.name!r}: not a file of an example")
    return name, file


def _parse_files(path: Path, name: str, files: Mapping[str, bytes]) -> tuple[Example, bytes]:
    def parse(file: str, parser: Callable[[str], Parsed]) -> Parsed:
        try:
            return parser(files[file].decode())
        except KeyError:
            raise SectionError(f"{path}: {name}.{file} is missing") from None
        except UnicodeDecodeError:
            raise SectionError(f"{path}: {name}.{file}: not UTF-8 text") from None
        except SectionError as error:
            raise SectionError(f"{path}: {name}.{file}: {error}") from None

    if SCREENSHOT not in files:
        raise SectionError(f"{path}: {name}.{SCREENSHOT} is missing")
    structure = parse(STRUCTURE, parse_structure)
    layout = parse(LAYOUT, parse_layout) if LAYOUT in files else None
    meta = parse(META, parse_meta) if META in files else {}
    return Example(name, structure, layout, meta), files[SCREENSHOT]
