"""Saved pages on disk: which folders and zips are a site, and which of its files are pages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dlt.errors import DltError
from dlt.ingest.unpack import extract_archive

_PAGE = (".html", ".htm")
_HOST = re.compile(r"([a-z0-9-]+\.)+[a-z]{2,}(:\d+)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Site:
    """The saved pages of one site; `root` holds them and all files they may ask for."""

    name: str
    root: Path
    pages: tuple[Path, ...]


def find_sites(pages: Path, scratch: Path) -> list[Site]:
    """The sites at `pages`, sorted by name; zips are unpacked under the existing folder `scratch`.

    A folder with pages of its own is one site, as is a zip; a folder without is one of sites.

    Raises:
        DltError: nothing there, no page in it, or a zip that is broken or oversteps the limits.
    """
    if not pages.exists():
        raise DltError(f"ingest.webpages.path: {pages}: no such file or folder")
    if pages.is_file():
        sites = [_unpacked(pages, scratch)]
    elif any(path.suffix.lower() in _PAGE for path in pages.iterdir()):
        sites = [_site(pages.resolve().name, pages.resolve(), pages.resolve())]
    else:
        sites = list(_children(pages.resolve(), scratch))
    found = [site for site in sites if site.pages]
    if not found:
        raise DltError(f"ingest.webpages.path: {pages}: no .html file in it")
    return found


def _children(folder: Path, scratch: Path) -> Iterator[Site]:
    taken: set[str] = set()
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_dir():
            # host names side by side are one mirror: its pages ask for files of the other hosts
            root = folder if _HOST.match(path.name) else path
            site = _site(path.name, root, path)
        elif path.suffix.lower() == ".zip":
            site = _unpacked(path, scratch)
        else:
            continue
        if site.name in taken:
            raise DltError(
                f"ingest.webpages.path: {folder}: two sites would be called {site.name!r}"
            )
        taken.add(site.name)
        yield site


def _unpacked(archive: Path, scratch: Path) -> Site:
    target = scratch.resolve() / f"{len(list(scratch.iterdir())):04d}"
    extract_archive(archive, target)
    return _site(archive.stem, target, target)


def _site(name: str, root: Path, folder: Path) -> Site:
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "site"
    return Site(plain, root, tuple(sorted(_find_pages(folder))))


def _find_pages(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.suffix.lower() in _PAGE and path.is_file() and path.resolve() == path:
            yield path
