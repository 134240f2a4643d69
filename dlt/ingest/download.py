"""One file from an http(s) address."""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from dlt.errors import DltError
from dlt.ingest.unpack import CHUNK, LIMITS, in_mib

DOWNLOAD_TIMEOUT = 30.0  # seconds without a byte
HEAD_TIMEOUT = 3.0  # seconds


def is_url(source: str) -> bool:
    """Whether a source is an http(s) address."""
    return source.lower().startswith(("http://", "https://"))


def _request(url: str, method: str) -> urllib.request.Request:
    # some servers turn the library's own name away
    return urllib.request.Request(url, method=method, headers={"User-Agent": "dlt"})


def download(url: str, target: Path, sha256: str | None) -> Path:
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
                    raise DltError(f"{url}: larger than {in_mib(LIMITS.total)}")
                digest.update(chunk)
                file.write(chunk)
                bar.update(len(chunk))
    if size < length:
        raise DltError(f"{url}: ended after {size:,} of {length:,} bytes")
    if sha256 is not None:
        check_digest(url, digest.hexdigest(), sha256)
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


def check_digest(source: str, found: str, expected: str) -> None:
    """Raise a DltError where a file has another SHA-256 than it should."""
    if found != expected.lower():
        raise DltError(f"ingest.archive.sha256: {source} has {found}, not {expected}")


def head(url: str) -> list[str]:
    """What the server says of a file that changes with it; nothing where it does not answer."""
    try:
        with urllib.request.urlopen(_request(url, "HEAD"), timeout=HEAD_TIMEOUT) as answer:
            names = ("ETag", "Last-Modified", "Content-Length")
            return [f"{name}: {answer.headers.get(name)}" for name in names]
    except (OSError, http.client.HTTPException, ValueError):
        return []
