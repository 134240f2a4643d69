"""Examples packed into tar shards, in the WebDataset naming convention.

The files of an example are consecutive members `<name>.screenshot.png`, `<name>.structure.json`,
`<name>.layout.json` and `<name>.meta.json`. The same examples give the same bytes. Beside the
shards, `index.jsonl` says where the bytes of each example begin and end, one line an example, so
that any of them is read by itself; shards that come without one are scanned.

`encoded.bin` may be there, too, with each example as it is after `dlt.data.encode`, which takes many
times as long as reading that; the index has the numbers of bytes.
"""

import hashlib
import io
import json
import tarfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from dlt.data.numbered import Numbered
from dlt.section.errors import SectionError
from dlt.section.example import FILES, Place

INDEX = "index.jsonl"
ENCODED = "encoded.bin"
SHARD_EXAMPLES = 1_000
SHARD_BYTES = 64_000_000
MAX_MEMBER_BYTES = 64_000_000
MAX_MEMBERS = 100_000  # of one shard
MAX_HEADER_BYTES = 1 << 20  # what a member's headers, long names included, may take

FACTS = ("nodes", "width", "height")  # of an example, px, that the index may tell
_INDEXED = (*FACTS, "encoded")
_END = bytes(2 * tarfile.BLOCKSIZE)  # how a tar ends
# what comes of a line of an index that anything may stand in
_NO_PLACE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class ShardWriter:
    """Packs examples into `folder`/shard-000000.tar and so on, and writes the index.

    A shard ends after SHARD_EXAMPLES examples or SHARD_BYTES. To be used in a `with` statement.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._index = (folder / INDEX).open("w", encoding="utf-8")
        self._encoded: IO[bytes] | None = None
        self._shard: IO[bytes] | None = None
        self._number = self._held = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_shard()
        self._index.close()
        if self._encoded:
            self._encoded.close()

    def add(
        self,
        place: Place,
        facts: Mapping[str, Any] | None = None,
        name: str | None = None,
        encoded: bytes | None = None,
    ) -> None:
        """Append the files of an example, unchanged; `facts` (nodes, width, height) are indexed.

        `name` is what to call it, where it does not keep its own; `encoded` is what
        `dlt.data.encoded_bytes` makes of it, to be given with each example of a folder or with none.
        """
        name = place.name if name is None else name
        if not is_plain_name(name):
            raise SectionError(f"{str(place.path)!a}: not a name for an example in a shard")
        if self._held == SHARD_EXAMPLES or (self._shard and self._shard.tell() >= SHARD_BYTES):
            self._end_shard()
        if self._shard is None:
            self._shard = self._path(self._number).open("wb")
        start = self._shard.tell()
        self._shard.write(packed_bytes(place, name))
        line: dict[str, Any] = {"name": name, "shard": self._path(self._number).name}
        line |= {"start": start, "end": self._shard.tell(), **(facts or {})}
        if encoded is not None:
            line["encoded"] = len(encoded)
            self._encoded = self._encoded or (self.folder / ENCODED).open("wb")
            self._encoded.write(encoded)
        self._index.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._held += 1

    def _path(self, number: int) -> Path:
        return self.folder / f"shard-{number:06d}.tar"

    def _end_shard(self) -> None:
        if self._shard is not None:
            self._shard.write(_END)
            self._shard.close()
            self._shard = None
            self._number, self._held = self._number + 1, 0


class ShardIndex(Numbered[Place]):
    """Where each example in a folder of shards lies, in the order of the shards.

    Takes about 170 bytes an example. `nodes`, `width` and `height` (int64 [examples]; px) are those
    that the index tells, 0 where it does not.
    """

    def __init__(self, shards: Sequence[Path], lines: Iterable[tuple[Any, ...]]) -> None:
        self._shards = list(shards)
        self._names: list[str] = []
        numbers = array("q")
        for name, *own in lines:
            self._names.append(name)
            numbers.extend(own)
        table: NDArray[np.int64] = np.array(numbers).reshape(len(self._names), -1)
        self._places = table[:, :3]  # number of the shard, start, end
        self.nodes, self.width, self.height = table[:, 3:6].T
        self._encoded_sizes, self._encoded_ends = table[:, 6], table[:, 6].cumsum()
        self._encoded = shards[0].parent / ENCODED
        self._has_encoded = self._encoded.exists()

    @classmethod
    def read(cls, folder: Path) -> "ShardIndex":
        """The index of a folder of shards; where there is none, the shards are scanned.

        Raises:
            SectionError: no shards, an unreadable one, or an index that is none; it is named.
        """
        shards = find_shards(folder)
        if not shards:
            raise SectionError(f"{folder}: no tar shards found")
        index = folder / INDEX
        return cls(shards, _read_index(index, shards) if index.exists() else _scan_all(shards))

    def __len__(self) -> int:
        return len(self._names)

    def item(self, i: int) -> Place:
        """Make item number `i`."""
        shard, start, end = self._places[i].tolist()
        return Place(self._names[i], self._shards[shard], start, end)

    def encoded(self, i: int) -> bytes | None:
        """Item number `i` in bytes as from `dlt.data.encoded_bytes`; None where that is not kept.

        Raises:
            SectionError: the file that they are in is cut short.
        """
        if not self._has_encoded:
            return None
        size = int(self._encoded_sizes[i])
        with self._encoded.open("rb") as file:
            file.seek(int(self._encoded_ends[i]) - size)
            found = file.read(size)
        if len(found) < size:
            raise SectionError(f"{self._encoded}: cut short")
        return found


def find_shards(folder: Path) -> list[Path]:
    """The shards in a folder, in order."""
    return sorted(path for path in folder.glob("*.tar") if path.is_file())


def packed_files(place: Place) -> dict[str, bytes]:
    """The files of one example in a shard, by name; nothing is ever extracted to the disk.

    Raises:
        SectionError: the shard is cut short or damaged there, or holds something else.
    """
    content = packed_bytes(place)
    try:
        with tarfile.open(fileobj=io.BytesIO(content + _END), mode="r:") as shard:
            files = {}
            for member in shard:
                name, file = _split_name(place.path, member)
                if name != place.name or file in files:
                    raise SectionError(f"{place.path}: {member.name!r} is not of {place.name}")
                found = shard.extractfile(member)
                assert found
                files[file] = found.read()
            if shard.offset != len(content):
                raise _damaged(place.path, place.start + shard.offset)
            return files
    except (tarfile.TarError, ValueError) as error:
        raise _damaged(place.path, place.start, error) from None


def folder_files(folder: Path) -> dict[str, bytes | None]:
    """The files of an example folder that are there; None stands for one over MAX_MEMBER_BYTES."""
    paths = [path for file in FILES if (path := folder / file).is_file()]
    return {
        path.name: None if path.stat().st_size > MAX_MEMBER_BYTES else path.read_bytes()
        for path in paths
    }


def packed_bytes(place: Place, name: str | None = None) -> bytes:
    """The bytes of one example as they stand in a shard, headers included; `name` renames it.

    Raises:
        SectionError: the shard is cut short or damaged there, or a file is too large.
    """
    if place.end is None:
        return _pack(name or place.name, _whole_files(place.path))
    if name not in (None, place.name):
        return _pack(name, packed_files(place))
    size = place.end - place.start
    if size > len(FILES) * (MAX_MEMBER_BYTES + MAX_HEADER_BYTES):
        raise SectionError(f"{place.path}: {place.name}: over {MAX_MEMBER_BYTES:,} bytes a file")
    with place.path.open("rb") as shard:
        shard.seek(place.start)
        content = shard.read(size)
    if len(content) < size:
        raise SectionError(f"{place.path}: cut short: {place.name} should end at {place.end:,}")
    return content


def hash_shards(folders: Iterable[Path]) -> str:
    """One digest (SHA-256, hex) over the names and contents of all examples in folders of shards."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in find_shards(folder):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def is_plain_name(name: str) -> bool:
    """Whether an example's name is printable and can only name a folder right where it is joined."""
    return name.isprintable() and name[:1] not in ("", ".") and not {"/", "\\"} & set(name)


def _pack(name: str, files: Mapping[str, bytes]) -> bytes:
    packed = bytearray()
    for file in FILES:
        if file in files:
            content = files[file]
            member = tarfile.TarInfo(f"{name}.{file}")
            member.size, member.mode = len(content), 0o644
            packed += member.tobuf() + content + bytes(-len(content) % tarfile.BLOCKSIZE)
    return bytes(packed)


def _whole_files(folder: Path) -> dict[str, bytes]:
    files = {}
    for file, content in folder_files(folder).items():
        if content is None:
            raise SectionError(f"{folder / file}: over {MAX_MEMBER_BYTES:,} bytes")
        files[file] = content
    return files


def _read_index(path: Path, shards: Sequence[Path]) -> Iterator[tuple[Any, ...]]:
    numbers = {shard.name: number for number, shard in enumerate(shards)}
    with path.open("rb") as lines:  # bytes: what is no UTF-8 is a fault of its line, too
        for i, line in enumerate(lines, start=1):
            try:
                yield _indexed(json.loads(line), numbers)
            except _NO_PLACE:
                fault = f"{path}: line {i}: not the place of an example in a shard"
                raise SectionError(fault) from None


def _indexed(entry: Mapping[str, Any], numbers: Mapping[str, int]) -> tuple[Any, ...]:
    start, end, *facts = (int(entry.get(key, 0)) for key in ("start", "end", *_INDEXED))
    if start > end or not all(0 <= number < 1 << 62 for number in (start, end, *facts)):
        raise ValueError(entry)
    if not is_plain_name(entry["name"]):
        raise ValueError(entry["name"])
    return entry["name"], numbers[entry["shard"]], start, end, *facts


def _scan_all(shards: Iterable[Path]) -> Iterator[tuple[Any, ...]]:
    for number, path in enumerate(shards):
        for name, members in groupby(_scan(path), key=lambda member: member[0]):
            ends = list(members)
            yield name, number, ends[0][1], ends[-1][2], *(0 for _ in _INDEXED)


class _Headers(io.FileIO):
    """A shard of which only headers are read, within their limit: else a lying one fills memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on; raises tarfile.ReadError where more than a header is asked for."""
        if size is None or not 0 <= size <= MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header over {MAX_HEADER_BYTES:,} bytes")
        return super().read(size) or b""


def _scan(path: Path) -> Iterator[tuple[str, int, int]]:
    """Yield (example name, start, end) of each member, checked by name, kind and size."""
    size = path.stat().st_size
    try:
        with _Headers(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as shard:
            count = start = 0
            while member := shard.next():
                shard.members = []  # type: ignore[attr-defined]  # else it keeps all of them
                count += 1
                name, _ = _split_name(path, member)
                if member.size > MAX_MEMBER_BYTES:
                    raise SectionError(f"{path}: {member.name}: over {MAX_MEMBER_BYTES:,} bytes")
                if count > MAX_MEMBERS:
                    raise SectionError(f"{path}: more than {MAX_MEMBERS:,} files")
                if shard.offset > size:
                    raise SectionError(
                        f"{path}: cut short: {member.name} should end at {shard.offset:,}"
                    )
                yield name, start, shard.offset
                start = shard.offset
            file.seek(start)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                # tarfile takes a damaged header for the end and would lose the rest silently
                raise _damaged(path, start)
    except (tarfile.TarError, ValueError) as error:
        raise SectionError(f"{path}: not a readable shard: {error}") from None


def _split_name(path: Path, member: tarfile.TarInfo) -> tuple[str, str]:
    """The example name and the file name of a member; the former is safe as a folder name."""
    file = next((file for file in FILES if member.name.endswith(f".{file}")), "")
    name = member.name[: -len(file) - 1]
    is_file = member.isreg() and not member.issparse() and member.size >= 0
    if not file or not is_file or not is_plain_name(name):
        raise SectionError(f"{path}: {member.name!r}: not a file of an example")
    return name, file


def _damaged(path: Path, at: int, error: Exception | str = "") -> SectionError:
    reason = f" ({error})" if error else ""
    return SectionError(f"{path}: not a readable shard: damaged at byte {at:,}{reason}")
