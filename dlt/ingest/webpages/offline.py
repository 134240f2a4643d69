"""Answering a page's requests from the folder it was saved in, and from nowhere else."""

import mimetypes
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from itertools import islice
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, quote, unquote, urlsplit

from playwright.async_api import Page, Route

ORIGIN = "page.invalid"  # where pages seem to lie; a name that no resolver may ever know
MAX_FILE = 64 << 20  # bytes
MAX_ADDRESSES = 20_000  # of a page, looked up in its folder to learn its hosts

_TYPES = {
    ".woff2": "font/woff2",
    ".woff": "font/woff",
    ".webp": "image/webp",
    ".avif": "image/avif",
}
_HTML = re.compile(r"<(?:!doctype\s+html|html|body)\b", re.IGNORECASE)
_TAG = re.compile(r"<(?:link|meta)\b[^>]{0,2000}>", re.IGNORECASE)
_OF_ITSELF = re.compile(r"\b(?:canonical|og:url|shortlink|EditURI)\b", re.IGNORECASE)
_ADDRESS = re.compile(
    r"""["'(]\s*(?:https?:)?//([a-z0-9.-]+)(?::\d+)?/?([^"')\s?#]{0,1000})""", re.IGNORECASE
)


class PageFault(Exception):
    """A page that can't be rendered; the message is the reason."""


@dataclass(frozen=True)
class Folder:
    """A saved page in its folder: which file an address means.

    `root` is resolved; no answer lies outside of it. `hosts` are the names, without `www.`, under
    which the page knows itself; an address there may be answered from any folder above the page.
    """

    root: Path
    page: Path
    hosts: frozenset[str]

    @property
    def address(self) -> str:
        """Where the page seems to lie."""
        return f"http://{ORIGIN}/{quote(self.page.relative_to(self.root).as_posix())}"

    def find(self, address: str) -> Path | None:
        """The file for an address, or None where the folder holds none."""
        try:
            url = urlsplit(address)
            return next((path for name in self._names(url) if (path := self._file(name))), None)
        except ValueError:  # a malformed address, or a NUL in it
            return None

    def relative(self, address: str) -> str:
        """An address as a path from the root where it is the site's own, else as it stands."""
        try:
            url = urlsplit(address)
        except ValueError:
            return ""
        return unquote(url.path).lstrip("/") if self._own(url) else address

    def _own(self, url: SplitResult) -> bool:
        return _bare(url.hostname) in {ORIGIN, *self.hosts}

    def _names(self, url: SplitResult) -> Iterator[str]:
        if url.scheme not in ("http", "https"):
            return
        path = unquote(url.path).lstrip("/")
        host = _bare(url.hostname)
        bases = [host, f"www.{host}"]
        if self._own(url):
            above = self.page.relative_to(self.root).parents
            bases = ["", *(parent.as_posix() for parent in reversed(above)), *bases]
        for name in _spellings(path, unquote(url.query)):
            for base in dict.fromkeys(bases):
                yield f"{base}/{name}"

    def _file(self, name: str) -> Path | None:
        """The file of that name, if it lies under the root and no link leads there."""
        path = self.root.joinpath(*PurePosixPath(name.lstrip("/")).parts)
        try:
            plain = path.is_file() and path.resolve() == path and path.is_relative_to(self.root)
            return path if plain and path.stat().st_size <= MAX_FILE else None
        except OSError:
            return None


def open_folder(root: Path, page: Path) -> Folder:
    """The folder of a saved page, whose own host names are read from the page.

    Raises:
        PageFault: the file is no HTML page.
    """
    with page.open("rb") as file:
        html = file.read(MAX_FILE).decode("utf-8", errors="replace")
    if not _HTML.search(html[:4096]):
        raise PageFault("not an HTML page")
    nameless = Folder(root, page, frozenset())

    def has_file(path: str) -> bool:
        """Whether an address of this path is answered by a file of the folder."""
        return "/" in path and nameless.find(f"http://{ORIGIN}/{quote(path)}") is not None

    return Folder(root, page, frozenset(_own_hosts(html, has_file)))


async def answer_offline(page: Page, folder: Folder) -> None:
    """Have every request of a browser page answered from `folder`, and all else refused."""

    async def answer(route: Route) -> None:
        """Answer one request."""
        request = route.request
        if request.is_navigation_request() and request.frame != page.main_frame:
            await route.fulfill(body="", content_type="text/html")  # an embedded page
        elif request.is_navigation_request() and request.url != folder.address:
            await route.abort("aborted")  # a page that sends its visitor elsewhere
        elif request.resource_type == "script" or not (path := folder.find(request.url)):
            await route.abort("failed")
        else:
            await route.fulfill(
                path=path,
                content_type=_content_type(path),
                headers={"Access-Control-Allow-Origin": "*"},
            )

    await page.route("**/*", answer)


def _spellings(path: str, query: str) -> Iterator[str]:
    """File names that mirroring tools give to one address."""
    stem = path if path and not path.endswith("/") else f"{path}index.html"
    suffix = PurePosixPath(stem).suffix
    if query:
        for sign in "?@":
            yield f"{stem}{sign}{query}"
            yield f"{stem}{sign}{query}{suffix}"
    yield stem
    yield f"{stem}/index.html"
    yield f"{stem}.html"


def _own_hosts(html: str, has_file: Callable[[str], bool]) -> set[str]:
    """The hosts that the page calls its own, or under which it asks for files that were saved."""
    of_itself = [tag for tag in _TAG.findall(html) if _OF_ITSELF.search(tag)]
    said = {_bare(host) for tag in of_itself for host, _ in _ADDRESS.findall(unescape(tag))}
    named = {match.groups() for match in islice(_ADDRESS.finditer(html), MAX_ADDRESSES)}
    saved = {_bare(host) for host, path in named if has_file(unquote(path))}
    return said | saved


def _bare(host: str | None) -> str:
    return (host or "").lower().removeprefix("www.")


def _content_type(path: Path) -> str:
    kind = _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]
    if kind is None and path.name.count("@") + path.name.count("?"):
        kind = mimetypes.guess_type(re.split("[@?]", path.name)[0])[0]
    kind = kind or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind == "text/html" and _is_utf8(path) else kind


def _is_utf8(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
        return True
    except (UnicodeDecodeError, OSError):
        return False
