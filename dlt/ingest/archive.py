"""A prepared dataset as examples: a folder, a zip or a tar, local or behind an http(s) address."""

import hashlib
import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from dlt.errors import DltError
from dlt.ingest.download import check_digest, download, head, is_url
from dlt.ingest.layout import bring, choose
from dlt.ingest.remote_shards import download_shards, expand
from dlt.ingest.unpack import extract_archive

STAT_FOLDERS = 2_000  # as many as can be looked into in a fraction of a second


def write_dataset(root: Path, source: str, *, sha256: str | None, limit: int | None) -> None:
    """Write the examples of a prepared dataset under `root`, in splits where the source has them.

    Args:
        root: an existing, empty folder; what is in it after an exception is not to be used.
        source: a folder, zip or tar (plain, gz, bz2, xz), or the http(s) address of a zip or tar;
            with braces in it, of tar shards.
        sha256: the archive's digest, as hex, or None to take any.
        limit: the most examples; every split keeps its share, first names first.

    Raises:
        DltError: no such source, a wrong digest, a broken or hostile archive, or no example in it.
    """
    local = Path(source).expanduser()
    if is_url(source) and "{" in source:
        _write_shards(root, source, sha256, limit)
        return
    if is_url(source):
        archive = download(source, root / ".download", sha256)
    elif local.is_dir():
        _write_folder(root, local, sha256, limit)
        return
    elif not local.exists():
        raise DltError(f"ingest.archive.path: no such file or folder: {source}")
    else:
        archive = local
        if sha256 is not None:
            with open(archive, "rb") as file:
                check_digest(source, hashlib.file_digest(file, "sha256").hexdigest(), sha256)
    aside = root / ".unpacked"
    extract_archive(archive, aside, title=source)
    if archive is not local:
        archive.unlink()
    bring(choose(source, aside, limit), root, os.replace)
    shutil.rmtree(aside)


def _write_folder(root: Path, source: Path, sha256: str | None, limit: int | None) -> None:
    if sha256 is not None:
        raise DltError(f"ingest.archive.sha256: {source} is a folder; only a file has a digest")
    if root.resolve().is_relative_to(source.resolve()):
        raise DltError(f"ingest.archive.path: {source} holds the folder that ingest writes to")
    bring(choose(str(source), source, limit), root, shutil.copyfile)


def _write_shards(root: Path, source: str, sha256: str | None, limit: int | None) -> None:
    if sha256 is not None:
        raise DltError(f"ingest.archive.sha256: {source} is many files; only one has a digest")
    aside = root / ".shards"
    download_shards(source, aside)
    bring(choose(source, aside, limit), root, os.replace)
    shutil.rmtree(aside)


def fingerprint(source: str) -> str:
    """Digest of what a change of `source` would change, without reading the data.

    Of a file or a folder: names, sizes and modification times. Of an address: what the server says
    of it (entity tag, date, length); where it says nothing, the address alone. Of shards behind
    addresses: the first and the last.
    """
    if is_url(source):
        first, *others = expand(source)
        facts: Iterable[str] = [
            source,
            *(line for url in (first, *others[-1:]) for line in head(url)),
        ]
    else:
        facts = _stats(Path(source).expanduser())
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(os.fsencode(fact) + b"\0")
    return digest.hexdigest()


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
