"""The archive source: every form gives the same dataset, and hostile archives leave nothing."""

import functools
import hashlib
import http.server
import io
import os
import shutil
import stat
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.errors import DltError
from dlt.ingest.archive import fingerprint, write_dataset
from dlt.ingest.layout import shares
from dlt.ingest.unpack import Limits, extract_archive
from dlt.section.example import find_examples

SECTIONS = Path(__file__).parents[2] / "shared" / "sections" / "sections.zip"
FILES = {"screenshot.png": b"\x89PNG", "structure.json": b"{}", "layout.json": b"{}"}


def make_example(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content + folder.name.encode())


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset in splits, with the stray files that archivers and people leave."""
    root = tmp_path / "dataset"
    for name in ("train/e1", "train/e2", "train/e3", "train/e4", "val/e5", "test/e6"):
        make_example(root / name)
    (root / "README.md").write_text("words")
    (root / "train" / ".DS_Store").write_text("x")
    (root / "train" / "e1" / "notes.txt").write_text("x")
    (root / "docs").mkdir()
    (root / "__MACOSX" / "train" / "e1").mkdir(parents=True)
    (root / "__MACOSX" / "train" / "e1" / "._layout.json").write_text("x")
    return root


def contents(root: Path) -> dict[str, bytes]:
    """Every file below `root`, hidden ones included."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def written(tmp_path: Path, source: Path | str, **options: object) -> dict[str, bytes]:
    root = tmp_path / f"out{time.monotonic_ns()}"
    root.mkdir()
    write_dataset(root, str(source), **{"sha256": None, "limit": None, **options})  # type: ignore
    return contents(root)


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def make_tar(path: Path, members: list[tarfile.TarInfo], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size, "/etc/passwd"
    return member


def refused(tmp_path: Path, archive: Path, reason: str, limits: Limits | None = None) -> None:
    """The archive is refused in one line that names it, and nothing is left or written outside."""
    before = contents(tmp_path)
    with pytest.raises(DltError, match=reason) as fault:
        extract_archive(archive, tmp_path / "target", limits=limits or Limits())
    assert archive.name in str(fault.value)
    assert "\n" not in str(fault.value)
    assert contents(tmp_path) == before
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("form", ["zip", "tar", "gztar", "bztar", "xztar"])
def test_every_form_gives_what_the_folder_gives(dataset: Path, tmp_path: Path, form: str) -> None:
    archive = shutil.make_archive(str(tmp_path / "packed"), form, dataset)
    nested = shutil.make_archive(str(tmp_path / "nested"), form, tmp_path, "dataset")
    expected = {
        f"{split}/{name}/{file}": content + name.encode()
        for split, names in (("train", "e1 e2 e3 e4"), ("val", "e5"), ("test", "e6"))
        for name in names.split()
        for file, content in FILES.items()
    }
    assert written(tmp_path, dataset) == expected
    assert written(tmp_path, archive) == expected
    assert written(tmp_path, nested) == expected


def test_a_flat_dataset_stays_flat(tmp_path: Path) -> None:
    make_example(tmp_path / "flat" / "b")
    make_example(tmp_path / "flat" / "a")
    assert {name.split("/")[0] for name in written(tmp_path, tmp_path / "flat")} == {"a", "b"}
    limited = written(tmp_path, tmp_path / "flat", limit=1)
    assert {name.split("/")[0] for name in limited} == {"a"}


def test_the_limit_is_spread_over_the_splits(dataset: Path, tmp_path: Path) -> None:
    found = written(tmp_path, dataset, limit=4)
    folders = sorted({name.rsplit("/", 1)[0] for name in found})
    assert folders == ["test/e6", "train/e1", "train/e2", "val/e5"]


@given(
    st.dictionaries(st.sampled_from(["train", "val", "test"]), st.integers(1, 400), min_size=1),
    st.integers(1, 1000),
)
def test_shares_add_up_and_grow_with_the_limit(sizes: dict[str, int], limit: int) -> None:
    fewer, more = shares(sizes, limit), shares(sizes, limit + 1)
    assert sum(fewer.values()) == min(limit, sum(sizes.values()))
    assert all(fewer[split] <= more[split] <= sizes[split] for split in sizes)
    assert limit < len(sizes) or all(fewer.values())


@pytest.mark.parametrize(
    ("folders", "reason"),
    [
        ([], "no example"),
        (["train/a", "b"], "b/ stands beside"),
        (["train/a", "validation/b"], "validation/ holds examples"),
    ],
)
def test_what_is_no_dataset_is_named(tmp_path: Path, folders: list[str], reason: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for folder in folders:
        make_example(source / folder)
    with pytest.raises(DltError, match=reason):
        written(tmp_path, source)


def test_sources_that_are_not_there_or_not_archives(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(DltError, match="no such file or folder"):
        written(tmp_path, tmp_path / "absent.zip")
    for content in (
        b"",
        b"not an archive",
        b"\x1f\x8bnot gzip",
        b"BZh9nonsense",
        b"PK\3\4nonsense",
    ):
        (tmp_path / "bad").write_bytes(content)
        refused(tmp_path, tmp_path / "bad", "no readable zip or tar")
    with pytest.raises(DltError, match="no example folder"):
        written(tmp_path, make_zip(tmp_path / "empty.zip", {}))
    (dataset / "out").mkdir()
    with pytest.raises(DltError, match="holds the folder that ingest writes to"):
        write_dataset(dataset / "out", str(dataset), sha256=None, limit=None)


def test_a_wrong_digest_is_refused(dataset: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", dataset))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert written(tmp_path, archive, sha256=digest.upper())
    with pytest.raises(DltError, match=f"sha256: .*packed.zip has {digest}, not 0000"):
        written(tmp_path, archive, sha256="0" * 64)
    with pytest.raises(DltError, match="only a file has a digest"):
        written(tmp_path, dataset, sha256=digest)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../outside", "leads out"),
        ("a/../../outside", "leads out"),
        ("/absolute", "an absolute path"),
        ("C:/absolute", "an absolute path"),
        ("a\\..\\outside", "a backslash"),
        ("a" * 256, "too long"),
        ("a/" * 600 + "a", "too long"),
        ("a/" * 64 + "a", "nested deeper"),
    ],
)
def test_names_that_leave_the_target(tmp_path: Path, name: str, reason: str) -> None:
    refused(tmp_path, make_zip(tmp_path / "bad.zip", {"good": b"x", name: b"x"}), reason)
    members = [tar_member("good"), tar_member(name)]
    refused(tmp_path, make_tar(tmp_path / "bad.tar", members), reason)


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_a_zip(tmp_path: Path, mode: int) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (mode | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    refused(tmp_path, tmp_path / "bad.zip", "'link': a link or device")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar(tmp_path: Path, kind: bytes) -> None:
    archive = make_tar(tmp_path / "bad.tar", [tar_member("good"), tar_member("link", kind)])
    refused(tmp_path, archive, "'link': a link, device or sparse file")


def test_bombs(tmp_path: Path) -> None:
    zeros = {"zeros": bytes(1 << 22)}
    few = Limits(floor=1 << 20)
    refused(tmp_path, make_zip(tmp_path / "bomb.zip", zeros), "'zeros': a bomb", few)
    for mode in ("w:gz", "w:bz2", "w:xz"):
        member = tar_member("zeros", size=1 << 22)
        refused(tmp_path, make_tar(tmp_path / "bomb.tar", [member], mode), "'zeros': a bomb", few)
    large = Limits(member=1 << 20)
    refused(tmp_path, make_zip(tmp_path / "large.zip", zeros), "'zeros': larger than 1 MiB", large)
    many = {str(i): b"" for i in range(11)}
    reason = "'10': more than 10 members"
    refused(tmp_path, make_zip(tmp_path / "many.zip", many), reason, Limits(members=10))


def test_a_small_archive_that_packs_well_is_no_bomb(tmp_path: Path) -> None:
    extract_archive(make_zip(tmp_path / "well.zip", {"a": bytes(1 << 22)}), tmp_path / "target")
    assert (tmp_path / "target" / "a").stat().st_size == 1 << 22


def test_headers_are_not_trusted(tmp_path: Path) -> None:
    # a zip that says 1 byte of a file of 4 MiB
    path = make_zip(tmp_path / "lie.zip", {"zeros": bytes(1 << 22)})
    path.write_bytes(path.read_bytes().replace((1 << 22).to_bytes(4, "little"), b"\1\0\0\0"))
    refused(tmp_path, path, "no readable zip")
    # a tar whose long name claims, and has, more than any name
    header = tar_member("@LongLink", tarfile.GNUTYPE_LONGNAME, size=8 << 20)
    refused(tmp_path, make_tar(tmp_path / "name.tar", [header]), "header.*larger than 4 MiB")


def test_members_in_each_others_place(tmp_path: Path) -> None:
    reason = "its place is taken"
    members = [tar_member("a"), tar_member("a/b")]
    refused(tmp_path, make_tar(tmp_path / "bad.tar", members), reason)
    members = [tar_member("a/b"), tar_member("./a/b")]
    refused(tmp_path, make_tar(tmp_path / "bad.tar", members), reason)
    refused(tmp_path, make_zip(tmp_path / "bad.zip", {"a/b": b"", "a": b""}), reason)


def test_encrypted_and_unusual_zips(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "secret.zip", {"a": b"x"})
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\1\2") + 8] |= 1  # the flag in the central directory
    path.write_bytes(raw)
    refused(tmp_path, path, "'a': encrypted")
    with zipfile.ZipFile(tmp_path / "lzma.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"x")
    refused(tmp_path, tmp_path / "lzma.zip", "'a': neither stored nor deflated")


@pytest.mark.parametrize("form", ["zip", "tar", "gztar", "bztar", "xztar"])
@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_truncated_archives(dataset: Path, tmp_path: Path, form: str, keep: float) -> None:
    (dataset / "train" / "e1" / "screenshot.png").write_bytes(os.urandom(40_000))
    path = Path(shutil.make_archive(str(tmp_path / "packed"), form, dataset))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    refused(tmp_path, path, "packed.*: no readable zip or tar")


def test_a_tar_cut_or_damaged_between_members(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "cut.tar", [tar_member("a", size=512), tar_member("b", size=512)])
    whole = path.read_bytes()
    path.write_bytes(whole[:1024])
    refused(tmp_path, path, "cut short or damaged")
    path.write_bytes(whole[:1024] + b"?" * 512 + whole[1536:])
    refused(tmp_path, path, "cut short or damaged")


class _Files(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; `/short/` promises more than it sends, `/gone` is not there."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if not self.path.startswith("/short/"):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 10)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], str]]:
    """Serves a folder on loopback for the length of a test; gives its address."""
    monkeypatch.setenv("no_proxy", "*")
    servers = []

    def start(folder: Path) -> str:
        handler = functools.partial(_Files, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_download(dataset: Path, tmp_path: Path, serve: Callable[[Path], str]) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "gztar", dataset))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    address = serve(tmp_path)
    expected = written(tmp_path, dataset)
    assert written(tmp_path, f"{address}/packed.tar.gz", sha256=digest) == expected
    with pytest.raises(DltError, match=f"packed.tar.gz has {digest}, not 0000"):
        written(tmp_path, f"{address}/packed.tar.gz", sha256="0" * 64)
    with pytest.raises(DltError, match="/gone: File not found"):
        written(tmp_path, f"{address}/gone")
    with pytest.raises(DltError, match="ended after 10 of 1,000 bytes"):
        written(tmp_path, f"{address}/short/packed.zip")
    make_zip(tmp_path / "bad.zip", {"../outside": b"x"})
    with pytest.raises(DltError, match=f"{address}/bad.zip: '../outside': leads out"):
        written(tmp_path, f"{address}/bad.zip")


def test_unreachable_addresses(tmp_path: Path, serve: Callable[[Path], str]) -> None:
    for address in ("http://127.0.0.1:9/a.zip", "http://[nonsense/a.zip", "http://127.0.0.1:x/"):
        with pytest.raises(DltError, match="ingest.archive.path: http"):
            written(tmp_path, address)
        assert fingerprint(address) == fingerprint(address)


def test_fingerprint_of_files(dataset: Path, tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a": b"x"})
    for source, changed in (
        (dataset, dataset / "train" / "e1" / "layout.json"),
        (archive, archive),
    ):
        before = fingerprint(str(source))
        assert fingerprint(str(source)) == before
        os.utime(changed, ns=(1, 1))
        assert fingerprint(str(source)) != before
    before = fingerprint(str(dataset))
    make_example(dataset / "train" / "e7")
    assert fingerprint(str(dataset)) != before
    assert fingerprint(str(tmp_path / "absent")) != before


def test_fingerprint_of_an_address(tmp_path: Path, serve: Callable[[Path], str]) -> None:
    address = serve(tmp_path) + "/a.zip"
    absent = fingerprint(address)
    path = make_zip(tmp_path / "a.zip", {"a": b"x"})
    present = fingerprint(address)
    assert present == fingerprint(address) != absent
    os.utime(path, (0, 0))
    assert fingerprint(address) != present


@pytest.mark.skipif(not SECTIONS.exists(), reason="../shared/sections is not here")
def test_real_sections(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    root.mkdir()
    write_dataset(root, str(SECTIONS), sha256=None, limit=None)
    counts = {split: len(folders) for split, folders in find_examples(root).items()}
    assert counts == {"train": 331, "val": 71, "test": 88}
    assert sorted(os.listdir(root)) == ["test", "train", "val"]
