"""A zip or tar unpacked within limits.

An archive is hostile until read: every name is checked before a file is made, and the bytes that
really come out are counted, whatever the headers promise.
"""

import bz2
import gzip
import io
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from tqdm import tqdm

from dlt.errors import DltError

CHUNK = 1 << 20
MAX_DEPTH = 64  # each member may make so many folders

_TAR_HEADER = 4 * CHUNK  # what one member's headers, long names included, may take
_OPENERS: dict[bytes, Callable[[IO[bytes]], io.BufferedIOBase]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(NotImplementedError, RuntimeError, ValueError),  # a field that the readers do not know
)


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to; sizes in bytes."""

    member: int = 256 << 20
    total: int = 20 << 30
    members: int = 2_000_000
    ratio: int = 200  # unpacked to packed size, looked at beyond `floor`
    floor: int = 64 << 20

    def unpacked(self, packed: int) -> int:
        """The most bytes that an archive of `packed` bytes may unpack to."""
        return min(self.total, max(self.floor, self.ratio * packed))


LIMITS = Limits()


def extract_archive(
    source: Path, target: Path, *, limits: Limits = LIMITS, title: str | None = None
) -> None:
    """Unpack a zip or tar (plain, gz, bz2, xz) into the new folder `target`: files and folders.

    Raises:
        DltError: the archive is broken, encrypted or too large, or has a member that would leave
            `target` or is neither file nor folder. The message calls the archive `title`, by
            default its path; `target` is gone then.
    """
    title = title or str(source)
    target.mkdir(parents=True)
    try:
        with _broken_archive(title), open(source, "rb") as file:
            is_zip = file.read(4) in (b"PK\3\4", b"PK\5\6")
            file.seek(0)
            unpack = _unpack_zip if is_zip else _unpack_tar
            packed = os.fstat(file.fileno()).st_size
            unpack(file, _Writer(title, target, limits, packed))
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


class _Writer:
    """Writes the members of one archive, within its limits."""

    def __init__(self, title: str, target: Path, limits: Limits, packed: int) -> None:
        self.title, self.target, self.limits = title, target, limits
        self.most = limits.unpacked(packed)
        self.bytes = self.members = 0

    def refuse(self, member: str, reason: str) -> DltError:
        """The one line that names archive, member and reason."""
        return DltError(f"{self.title}: {member[:200]!r}: {reason}")

    def add(self, member: str, content: IO[bytes] | None) -> None:
        """Write a file, or make a folder where there is no content."""
        self.members += 1
        if self.members > self.limits.members:
            raise self.refuse(member, f"more than {self.limits.members:,} members")
        if fault := _name_fault(member):
            raise self.refuse(member, fault)
        path = self.target.joinpath(*member.split("/"))
        try:
            (path.parent if content else path).mkdir(parents=True, exist_ok=True)
            if content:
                with open(path, "xb") as file:
                    self._copy(member, content, file)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise self.refuse(member, "its place is taken by another member") from None

    def _copy(self, member: str, content: IO[bytes], file: IO[bytes]) -> None:
        size = 0
        while chunk := content.read(CHUNK):
            size += len(chunk)
            self.bytes += len(chunk)
            if size > self.limits.member:
                raise self.refuse(member, f"larger than {in_mib(self.limits.member)}")
            if self.bytes > self.most:
                raise self.refuse(member, f"a bomb? More than {in_mib(self.most)} unpacked")
            file.write(chunk)


def _name_fault(member: str) -> str | None:
    """Why a member of this name may not be written, or None."""
    parts = member.split("/")
    if "\\" in member or "\0" in member:
        return "a name with a backslash or a zero byte"
    if member.startswith("/") or re.match(r"[A-Za-z]:", member):
        return "an absolute path"
    if ".." in parts:
        return "leads out of the folder"
    if len(os.fsencode(member)) > 1024 or any(len(os.fsencode(part)) > 255 for part in parts):
        return "a name too long"
    if len(parts) > MAX_DEPTH:
        return f"nested deeper than {MAX_DEPTH} folders"
    return None


def _unpack_zip(file: IO[bytes], writer: _Writer) -> None:
    with zipfile.ZipFile(file) as archive:
        bar = tqdm(archive.infolist(), desc="unpacking", unit=" files", disable=None, leave=False)
        for info in bar:
            name = info.orig_filename  # `filename` is a mended one
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise writer.refuse(name, "a link or device")
            if info.flag_bits & 0x1:
                raise writer.refuse(name, "encrypted")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # the other methods would unpack any amount into memory at once
                raise writer.refuse(name, "neither stored nor deflated")
            if info.is_dir():
                writer.add(name, None)
            else:
                with archive.open(info) as content:
                    writer.add(name, content)


def _unpack_tar(file: IO[bytes], writer: _Writer) -> None:
    magic = file.read(6)
    file.seek(0)
    opener = next((o for prefix, o in _OPENERS.items() if magic.startswith(prefix)), None)
    with (
        opener(file) if opener else nullcontext(file) as plain,
        tqdm(desc="unpacking", unit=" files", disable=None, leave=False) as bar,
    ):
        reader = _TarReader(plain, writer)
        with tarfile.open(fileobj=cast(IO[bytes], reader), mode="r|", bufsize=CHUNK) as archive:
            while member := reader.next_member(archive):
                if not (member.isdir() or member.isreg()) or member.issparse():
                    raise writer.refuse(member.name, "a link, device or sparse file")
                writer.add(member.name, archive.extractfile(member))
                bar.update()
            reader.check_end(archive.offset)


class _TarReader:
    """The plain bytes of a tar, counted: `tarfile` itself would follow a lying header anywhere."""

    def __init__(self, plain: IO[bytes] | io.BufferedIOBase, writer: _Writer) -> None:
        self.plain, self.writer = plain, writer
        self.position = 0
        self.last_content = -1  # position of the last byte that is not zero
        self.header_left: int | None = _TAR_HEADER  # opening reads the first one

    def read(self, size: int) -> bytes:
        """Read on; raises where a header is too large."""
        chunk = self.plain.read(size)
        if self.header_left is not None:
            self.header_left -= len(chunk)
            if self.header_left < 0:
                raise self.writer.refuse("header", f"larger than {in_mib(_TAR_HEADER)}")
        if content := chunk.rstrip(b"\0"):
            self.last_content = self.position + len(content) - 1
        self.position += len(chunk)
        return chunk

    def next_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo | None:
        """The next member; its headers may take only so many bytes."""
        self.header_left = _TAR_HEADER
        member = archive.next()
        archive.members = []  # type: ignore[attr-defined]  # else it keeps all of them in memory
        self.header_left = None
        return member

    def check_end(self, end: int) -> None:
        """Read to the end: zeros must follow the last member, or `tarfile` stopped at a fault."""
        while self.read(CHUNK):
            pass
        if self.position <= end or self.last_content >= end:
            raise tarfile.ReadError("it is cut short or damaged")


@contextmanager
def _broken_archive(title: str) -> Iterator[None]:
    """Turn what the readers raise on a damaged archive into one line."""
    try:
        yield
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault, not the archive's
        raise DltError(f"{title}: no readable zip or tar: {error}") from None


def in_mib(number: int) -> str:
    """A number of bytes, to be read."""
    return f"{number / (1 << 20):,.0f} MiB"
