"""A prepared dataset as examples: a folder, a zip or a tar, local or behind an http(s) address.

An archive is hostile until read: every name is checked before a file is made, and the bytes that
really come out are counted, whatever the headers promise.
"""

import bz2
import gzip
import hashlib
import http.client
import io
import lzma
import os
import re
import shutil
import stat
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from tqdm import tqdm

from dlt.errors import DltError
from dlt.section.example import LAYOUT, META, SCREENSHOT, SPLITS, STRUCTURE, find_examples

CHUNK = 1 << 20
MAX_DEPTH = 64  # each member may make so many folders
DOWNLOAD_TIMEOUT = 30.0  # seconds without a byte
HEAD_TIMEOUT = 3.0  # seconds
STAT_FOLDERS = 2_000  # as many as can be looked into in a fraction of a second

_EXAMPLE_FILES = (SCREENSHOT, STRUCTURE, LAYOUT, META)
_STRAY = re.compile(r"\.|__MACOSX$")
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


def write_dataset(root: Path, source: str, *, sha256: str | None, limit: int | None) -> None:
    """Write the examples of a prepared dataset under `root`, in splits where the source has them.

    Args:
        root: an existing, empty folder; what is in it after an exception is not to be used.
        source: a folder, zip or tar (plain, gz, bz2, xz), or the http(s) address of a zip or tar.
        sha256: the archive's digest, as hex, or None to take any.
        limit: the most examples; every split keeps its share, first names first.

    Raises:
        DltError: no such source, a wrong digest, a broken or hostile archive, or no example in it.
    """
    local = Path(source).expanduser()
    if _is_url(source):
        archive = _download(source, root / ".download", sha256)
    elif local.is_dir():
        _write_folder(root, local, sha256, limit)
        return
    elif not local.exists():
        raise DltError(f"ingest.archive.path: no such file or folder: {source}")
    else:
        archive = local
        if sha256 is not None:
            with open(archive, "rb") as file:
                _check_digest(source, hashlib.file_digest(file, "sha256").hexdigest(), sha256)
    aside = root / ".unpacked"
    extract_archive(archive, aside, title=source)
    if archive is not local:
        archive.unlink()
    _place(_choose(source, aside, limit), root, os.replace)
    shutil.rmtree(aside)


def _write_folder(root: Path, source: Path, sha256: str | None, limit: int | None) -> None:
    if sha256 is not None:
        raise DltError(f"ingest.archive.sha256: {source} is a folder; only a file has a digest")
    if root.resolve().is_relative_to(source.resolve()):
        raise DltError(f"ingest.archive.path: {source} holds the folder that ingest writes to")
    _place(_choose(str(source), source, limit), root, shutil.copyfile)


def fingerprint(source: str) -> str:
    """Digest of what a change of `source` would change, without reading the data.

    Of a file or a folder: names, sizes and modification times. Of an address: what the server says
    of it (entity tag, date, length); where it says nothing, the address alone.
    """
    if _is_url(source):
        facts: Iterable[str] = [source, *_head(source)]
    else:
        facts = _stats(Path(source).expanduser())
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(os.fsencode(fact) + b"\0")
    return digest.hexdigest()


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
                raise self.refuse(member, f"larger than {_size(self.limits.member)}")
            if self.bytes > self.most:
                raise self.refuse(member, f"a bomb? More than {_size(self.most)} unpacked")
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
        chunk = self.plain.read(size)
        if self.header_left is not None:
            self.header_left -= len(chunk)
            if self.header_left < 0:
                raise self.writer.refuse("header", f"larger than {_size(_TAR_HEADER)}")
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


def _choose(source: str, folder: Path, limit: int | None) -> dict[str, list[Path]]:
    """The example folders to take, by split ("" for none); what is no example is left out."""
    by_split = find_examples(_step_through(folder))
    found = {split: list(filter(_is_example, folders)) for split, folders in by_split.items()}
    found = {split: folders for split, folders in found.items() if folders}
    for outside in by_split.get("", []):
        if any(map(_is_example, outside.iterdir())):
            raise DltError(
                f"ingest.archive.path: {source}: {outside.name}/ holds examples but is no split;"
                f" the splits are {', '.join(SPLITS)}"
            )
    if not found:
        raise DltError(f"ingest.archive.path: {source}: no example folder in it")
    if len(found) > 1 and "" in found:
        raise DltError(
            f"ingest.archive.path: {source}: {found[''][0].name}/ stands beside the splits,"
            " not in one of them"
        )
    shares = _shares({split: len(folders) for split, folders in found.items()}, limit)
    return {split: folders[: shares[split]] for split, folders in found.items()}


def _step_through(folder: Path) -> Path:
    """The folder that holds the examples or splits: below any number of lone top folders."""
    while True:
        inner = [p for p in folder.iterdir() if p.is_dir() and not _STRAY.match(p.name)]
        if len(inner) != 1 or inner[0].name in SPLITS or _is_example(inner[0]):
            return folder
        folder = inner[0]


def _is_example(folder: Path) -> bool:
    """Whether any file of an example is there; `validate` tells which are missing."""
    return any((folder / name).is_file() for name in _EXAMPLE_FILES)


def _shares(sizes: dict[str, int], limit: int | None) -> dict[str, int]:
    """How many examples each split gives: as proportional as whole numbers are, none left empty.

    One goes at a time to the split that is served least for its size (Adams' rule), so what a
    larger limit takes holds what a smaller one takes.
    """
    if limit is None or limit >= sum(sizes.values()):
        return sizes
    taken = dict.fromkeys(sizes, 0)
    for _ in range(limit):
        taken[min(sizes, key=lambda split: taken[split] / sizes[split])] += 1
    return taken


def _place(
    chosen: dict[str, list[Path]], root: Path, transfer: Callable[[Path, Path], object]
) -> None:
    """Bring the files of the chosen examples to their places under `root`."""
    total = sum(map(len, chosen.values()))
    with tqdm(total=total, desc="examples", unit="", disable=None, leave=False) as bar:
        for split, folders in chosen.items():
            for folder in folders:
                target = root / split / folder.name
                target.mkdir(parents=True)
                for path in filter(Path.is_file, (folder / name for name in _EXAMPLE_FILES)):
                    if path.stat().st_size > LIMITS.member:
                        raise DltError(f"{path}: larger than {_size(LIMITS.member)}")
                    transfer(path, target / path.name)
                bar.update()


def _is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def _request(url: str, method: str) -> urllib.request.Request:
    # some servers turn the library's own name away
    return urllib.request.Request(url, method=method, headers={"User-Agent": "dlt"})


def _download(url: str, target: Path, sha256: str | None) -> Path:
    """Fetch `url` into the file `target`; its digest is taken on the way."""
    digest = hashlib.sha256()
    with (
        _unreachable(url),
        urllib.request.urlopen(_request(url, "GET"), timeout=DOWNLOAD_TIMEOUT) as answer,
    ):
        length = int(answer.headers.get("Content-Length") or 0)
        bar = tqdm(total=length or None, desc="download", unit="B", unit_scale=True, disable=None)
        size = 0
        with bar, open(target, "xb") as file:
            while chunk := answer.read(CHUNK):
                size += len(chunk)
                if size > LIMITS.total:
                    raise DltError(f"{url}: larger than {_size(LIMITS.total)}")
                digest.update(chunk)
                file.write(chunk)
                bar.update(len(chunk))
    if size < length:
        raise DltError(f"{url}: ended after {size:,} of {length:,} bytes")
    if sha256 is not None:
        _check_digest(url, digest.hexdigest(), sha256)
    return target


@contextmanager
def _unreachable(url: str) -> Iterator[None]:
    """Turn what a download raises into one line; a fault of the disk stays what it is."""
    try:
        yield
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise DltError(f"ingest.archive.path: {url}: {reason}") from None
    except (http.client.HTTPException, ValueError) as error:
        raise DltError(f"ingest.archive.path: {url}: {error!r}") from None


def _check_digest(source: str, found: str, expected: str) -> None:
    if found != expected.lower():
        raise DltError(f"ingest.archive.sha256: {source} has {found}, not {expected}")


def _head(url: str) -> list[str]:
    try:
        with urllib.request.urlopen(_request(url, "HEAD"), timeout=HEAD_TIMEOUT) as answer:
            names = ("ETag", "Last-Modified", "Content-Length")
            return [f"{name}: {answer.headers.get(name)}" for name in names]
    except (OSError, http.client.HTTPException, ValueError):
        return []


def _stats(path: Path) -> Iterator[str]:
    """A line for a file, or for each entry below a folder, breadth first in sorted order.

    Past `STAT_FOLDERS` folders, a folder is not looked into any more: its own time tells what came
    and went, but not that a file was written in its place.
    """
    if not path.is_dir():
        yield _stat(path)
        return
    folders, opened = deque([path]), 1
    while folders:
        with os.scandir(folders.popleft()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                yield f"{entry.name} {_stat(entry)}"
                if opened < STAT_FOLDERS and entry.is_dir():
                    folders.append(Path(entry.path))
                    opened += 1


def _stat(entry: Path | os.DirEntry[str]) -> str:
    try:
        info = entry.stat()
    except OSError:
        return "missing"
    return f"{info.st_size} {info.st_mtime_ns}"


def _size(number: int) -> str:
    return f"{number / (1 << 20):,.0f} MiB"
