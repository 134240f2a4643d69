"""Tar shards behind http(s) addresses, named with braces as WebDataset does."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from dlt.errors import DltError
from dlt.ingest.download import download
from dlt.ingest.unpack import LIMITS, in_mib
from dlt.section.example import SPLITS

MAX_SHARDS = 10_000

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,12})\.\.(\d{1,12})")


def download_shards(pattern: str, target: Path) -> None:
    """Fetch the shards that a pattern names into `target`, or the folder of their split in it.

    The split is the last folder of an address, if it is named as one.

    Raises:
        DltError: a pattern of too many, an address that does not answer, or too many bytes.
    """
    total = 0
    for number, url in enumerate(expand(pattern)):
        folder = PurePosixPath(urlsplit(url).path).parent.name
        path = target / (folder if folder in SPLITS else "") / f"shard-{number:06d}.tar"
        path.parent.mkdir(parents=True, exist_ok=True)
        total += download(url, path, None).stat().st_size
        if total > LIMITS.total:
            raise DltError(f"{pattern}: larger than {in_mib(LIMITS.total)}")


def expand(pattern: str) -> list[str]:
    """The names that a pattern stands for: `{000..011}` counts, `{train,val}` lists.

    Raises:
        DltError: none, or more than MAX_SHARDS.
    """
    names = [pattern]
    while any(map(_BRACES.search, names)):
        names = list(dict.fromkeys(name for given in names for name in _expand_one(given)))
        if len(names) > MAX_SHARDS:
            raise DltError(f"ingest.archive.path: {pattern}: more than {MAX_SHARDS:,} shards")
    if not names:
        raise DltError(f"ingest.archive.path: {pattern}: a range without numbers")
    return names


def _expand_one(name: str) -> Iterator[str]:
    match = _BRACES.search(name)
    if match is None:
        yield name
        return
    for choice in _choices(match.group(1)):
        yield name[: match.start()] + choice + name[match.end() :]


def _choices(inside: str) -> Iterator[str]:
    numbers = _RANGE.fullmatch(inside)
    if numbers is None:
        yield from inside.split(",")
        return
    first, last = numbers.groups()
    for number in range(int(first), min(int(last), int(first) + MAX_SHARDS) + 1):
        yield f"{number:0{len(first)}d}"
