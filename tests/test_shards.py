"""Tar shards: what goes in comes out, byte for byte, and hostile ones are refused in one line."""

import io
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt.data import shards
from dlt.data.examples import find_places, read_examples
from dlt.data.shards import INDEX, ShardIndex, ShardWriter, hash_shards
from dlt.section.errors import SectionError
from dlt.section.example import Example, Place, write_example
from dlt.section.tree import Layout, Structure
from tests.strategies import sections

STRUCTURE = '{"div.a": {"p": {"text": "one"}, "p": {"text": "two"}}}'
LAYOUT = '{"structure": {"section@div.a": {"paragraph@p": "", "paragraph@p": ""}}}'


def make_examples(root: Path, count: int) -> list[Path]:
    folders = [root / f"example.{i:03d}" for i in range(count)]
    for i, folder in enumerate(folders):
        folder.mkdir(parents=True)
        (folder / "screenshot.png").write_bytes(b"picture %d" % i)
        (folder / "structure.json").write_text(STRUCTURE)
        (folder / "layout.json").write_text(LAYOUT)
        if i % 2:
            (folder / "meta.json").write_text('{"site": "ä"}')
    return folders


def write_shards(folder: Path, examples: Iterable[Path], index: bool = True) -> None:
    """Pack example folders; without an index they are as from elsewhere."""
    with ShardWriter(folder) as writer:
        for example in examples:
            writer.add(Place(example.name, example))
    if not index:
        (folder / INDEX).unlink()


def make_shard(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as shard:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))
    return path


def test_read_back_equals_the_folders(tmp_path: Path) -> None:
    write_shards(tmp_path / "packed", make_examples(tmp_path / "raw", 5))
    packed = list(read_examples(tmp_path / "packed"))
    assert packed == list(read_examples(tmp_path / "raw"))
    assert [example.name for example, _ in packed] == [f"example.{i:03d}" for i in range(5)]
    assert packed[3][0].meta == {"site": "ä"}
    assert len(packed[0][0].structure) == 3, "repeated keys are kept"
    assert len(find_places(tmp_path / "packed")[""]) == 5


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(sections(), st.binary(max_size=1_500), st.sampled_from([{}, {"site": "ä"}])),
        max_size=5,
    ),
    st.integers(1, 4),
    st.booleans(),
)
def test_what_is_packed_comes_out_the_same(
    rows: list[tuple[tuple[Structure, Layout], bytes, dict[str, str]]], held: int, index: bool
) -> None:
    examples = [
        Example(f"é{'x' * 120 * (i % 2)} {i}", structure, layout, meta)
        for i, ((structure, layout), _, meta) in enumerate(rows)
    ]
    pictures = [picture for _, picture, _ in rows]
    with TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_EXAMPLES", held)
        root, packed = Path(scratch, "raw"), Path(scratch, "packed")
        for example, picture in zip(examples, pictures, strict=True):
            write_example(root / example.name, example, picture)
        write_shards(packed, [root / example.name for example in examples], index)
        again = Path(scratch, "again")
        with ShardWriter(again) as writer:  # from shard to shard
            for place in find_places(packed).get("", []):
                writer.add(place)
        for folder in (packed, again):
            assert list(read_examples(folder)) == list(zip(examples, pictures, strict=True))
        assert hash_shards([packed]) == hash_shards([again])
        assert len(list(packed.glob("*.tar"))) == -(-len(examples) // held)


def test_layout_may_be_missing(tmp_path: Path) -> None:
    (folder,) = make_examples(tmp_path / "raw", 1)
    (folder / "layout.json").unlink()
    write_shards(tmp_path / "packed", [folder])
    for read in (read_examples(tmp_path / "packed"), read_examples(tmp_path / "raw")):
        assert [example.layout for example, _ in read] == [None]


def test_members_follow_the_webdataset_convention(tmp_path: Path) -> None:
    write_shards(tmp_path / "packed", make_examples(tmp_path / "raw", 2))
    with tarfile.open(tmp_path / "packed" / "shard-000000.tar") as shard:
        members = shard.getmembers()
    assert [member.name.removeprefix("example.00") for member in members] == [
        "0.screenshot.png",
        "0.structure.json",
        "0.layout.json",
        "1.screenshot.png",
        "1.structure.json",
        "1.layout.json",
        "1.meta.json",
    ]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}


def test_bytes_depend_on_the_examples_only(tmp_path: Path) -> None:
    write_shards(tmp_path / "one", make_examples(tmp_path / "raw", 3))
    write_shards(tmp_path / "two", make_examples(tmp_path / "elsewhere", 3))
    one, two = (tmp_path / name / "shard-000000.tar" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert hash_shards([tmp_path / "one"]) == hash_shards([tmp_path / "two"])
    (tmp_path / "elsewhere" / "example.001" / "screenshot.png").write_bytes(b"another")
    write_shards(tmp_path / "two", sorted((tmp_path / "elsewhere").iterdir()))
    assert hash_shards([tmp_path / "one"]) != hash_shards([tmp_path / "two"])


@pytest.mark.parametrize("limit", ["SHARD_EXAMPLES", "SHARD_BYTES"])
def test_shards_end_at_their_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(shards, limit, {"SHARD_EXAMPLES": 2, "SHARD_BYTES": 5_000}[limit])
    write_shards(tmp_path / "packed", make_examples(tmp_path / "raw", 5))
    assert len(list((tmp_path / "packed").glob("*.tar"))) == 3
    assert [e.name[-1] for e, _ in read_examples(tmp_path / "packed")] == list("01234")
    assert len(find_places(tmp_path / "packed")[""]) == 5


def test_no_shards_is_a_fault(tmp_path: Path) -> None:
    assert list(read_examples(tmp_path)) == []
    with pytest.raises(SectionError, match="no tar shards found"):
        ShardIndex.read(tmp_path)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("../up.screenshot.png", b"x")], "'../up.screenshot.png': not a file of an example"),
        ([(".hidden.structure.json", b"x")], "not a file of an example"),
        ([("readme.txt", b"x")], "'readme.txt': not a file of an example"),
        ([("a.structure.json", b"{}")], "a.screenshot.png is missing"),
        ([("a.screenshot.png", b"x")], "a.structure.json is missing"),
        (
            [("a.screenshot.png", b"x"), ("a.structure.json", b"\xff")],
            "a.structure.json: not UTF-8 text",
        ),
        (
            [("a.screenshot.png", b"x"), ("a.structure.json", b'{"a":' * 8_000)],
            "a.structure.json: nested deeper than",
        ),
    ],
)
def test_a_bad_member_is_named(
    tmp_path: Path, members: list[tuple[str, bytes]], message: str
) -> None:
    path = make_shard(tmp_path / "bad.tar", members)
    with pytest.raises(SectionError) as raised:
        list(read_examples(tmp_path))
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_links_and_large_members_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "link.tar", "w") as shard:
        link = tarfile.TarInfo("a.screenshot.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        shard.addfile(link)
    with pytest.raises(SectionError, match="not a file of an example"):
        list(read_examples(tmp_path))
    make_shard(tmp_path / "link.tar", [("a.screenshot.png", b"0" * 100)])
    monkeypatch.setattr(shards, "MAX_MEMBER_BYTES", 99)
    with pytest.raises(SectionError, match="over 99 bytes"):
        list(read_examples(tmp_path))


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("keep", [100, 600, 1_000])
def test_a_truncated_shard_is_named(tmp_path: Path, keep: int, index: bool) -> None:
    write_shards(tmp_path / "packed", make_examples(tmp_path / "raw", 1), index)
    path = tmp_path / "packed" / "shard-000000.tar"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SectionError, match=rf"{path}: (cut short|not a readable shard).*$"):
        list(read_examples(tmp_path / "packed"))


@pytest.mark.parametrize("index", [True, False])
def test_a_damaged_header_loses_no_example_silently(tmp_path: Path, index: bool) -> None:
    write_shards(tmp_path / "packed", make_examples(tmp_path / "raw", 2), index)
    path = tmp_path / "packed" / "shard-000000.tar"
    content = bytearray(path.read_bytes())
    content[content.index(b"example.001.screenshot")] ^= 1
    path.write_bytes(content)
    with pytest.raises(SectionError, match="not a readable shard: damaged at byte"):
        list(read_examples(tmp_path / "packed"))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        '{"name": "e", "shard": "../shard-000000.tar", "start": 0, "end": 512}',
        '{"name": "../e", "shard": "shard-000000.tar", "start": 0, "end": 512}',
        '{"name": "e", "shard": "shard-000000.tar", "start": -512, "end": 512}',
        '{"name": "e", "shard": "shard-000000.tar", "start": 0, "end": 1e999}',
        "[" * 100_000,
        b'{"name": "\xff"}',
    ],
)
def test_a_wrong_index_is_named_with_its_line(tmp_path: Path, line: str | bytes) -> None:
    write_shards(tmp_path / "packed", make_examples(tmp_path / "raw", 1))
    with (tmp_path / "packed" / INDEX).open("ab") as index:
        index.write((line if isinstance(line, bytes) else line.encode()) + b"\n")
    with pytest.raises(SectionError, match=r"index.jsonl: line 2: not the place"):
        find_places(tmp_path / "packed")


def test_an_index_that_lies_about_a_place_is_named(tmp_path: Path) -> None:
    write_shards(tmp_path / "packed", make_examples(tmp_path / "raw", 2))
    index = tmp_path / "packed" / INDEX
    first, second = index.read_text().splitlines()
    index.write_text(first.replace("example.000", "example.001"))
    with pytest.raises(SectionError, match="'example.000.screenshot.png' is not of example.001"):
        list(read_examples(tmp_path / "packed"))
    index.write_text(second.replace('"end": ', '"end": 1'))
    with pytest.raises(SectionError, match="shard-000000.tar: cut short"):
        list(read_examples(tmp_path / "packed"))


def test_a_header_that_lies_about_its_size_fills_no_memory(tmp_path: Path) -> None:
    header = tarfile.TarInfo("a.screenshot.png")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    path = tmp_path / "lie.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(SectionError, match="lie.tar: not a readable shard: a header over"):
        find_places(tmp_path)


def test_a_folder_without_screenshot_is_named(tmp_path: Path) -> None:
    (folder,) = make_examples(tmp_path / "raw", 1)
    (folder / "screenshot.png").unlink()
    with pytest.raises(SectionError, match="example.000/screenshot.png: No such file"):
        list(read_examples(tmp_path / "raw"))


def test_a_huge_file_is_named_and_not_read(tmp_path: Path) -> None:
    (folder,) = make_examples(tmp_path / "raw", 1)
    os.truncate(folder / "screenshot.png", shards.MAX_MEMBER_BYTES + 1)
    with pytest.raises(SectionError, match="example.000/screenshot.png: over 64,000,000 bytes"):
        list(read_examples(tmp_path / "raw"))
    with pytest.raises(SectionError, match="example.000/screenshot.png: over 64,000,000 bytes"):
        write_shards(tmp_path / "packed", [folder])


def test_examples_get_another_name_from_folders_and_from_shards(tmp_path: Path) -> None:
    (folder,) = make_examples(tmp_path / "raw", 1)
    for name, source in (("one", Place(folder.name, folder)), ("two", None)):
        with ShardWriter(tmp_path / name) as writer:
            place = source or find_places(tmp_path / "one")[""][0]
            writer.add(place, name=f"{name}-a")
    for name in ("one", "two"):
        (found,) = read_examples(tmp_path / name)
        assert found[0].name == f"{name}-a" and found[1] == (folder / "screenshot.png").read_bytes()
