"""Datasets in shards: made by ingest where there are many examples, and read like folders."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dlt.data.examples import find_places
from dlt.data.shards import INDEX, ShardWriter
from dlt.errors import DltError
from dlt.evaluate.cards import example_link
from dlt.ingest import ingest
from dlt.ingest.archive import fingerprint, write_dataset
from dlt.ingest.packing import pack_folders
from dlt.ingest.remote_shards import expand
from dlt.params import Ingest, load_params
from dlt.split import split
from dlt.validate import read_report, validate
from tests import test_archive
from tests.test_archive import contents, make_example, written

serve = test_archive.serve  # the fixture

PARAMS = load_params()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset in splits."""
    root = tmp_path / "dataset"
    for name in ("train/e1", "train/e2", "train/e3", "train/e4", "val/e5", "test/e6"):
        make_example(root / name)
    return root


def test_shards_are_a_source_like_folders(dataset: Path, tmp_path: Path) -> None:
    from_folders = written(tmp_path, dataset)
    for name, places in find_places(dataset).items():
        with ShardWriter(tmp_path / "packed" / name) as writer:
            for place in places:
                writer.add(place)
    assert written(tmp_path, tmp_path / "packed") == from_folders
    (tmp_path / "packed" / "test" / INDEX).unlink()
    few = written(tmp_path, tmp_path / "packed", limit=3)
    assert {name.rpartition("/")[0] for name in few} == {"train/e1", "val/e5", "test/e6"}


def test_shards_behind_addresses_are_a_source(
    dataset: Path, tmp_path: Path, serve: Callable[[Path], str]
) -> None:
    expected = written(tmp_path, dataset)
    for name, places in find_places(dataset).items():
        with pytest.MonkeyPatch.context() as patch, ShardWriter(tmp_path / "web" / name) as writer:
            patch.setattr("dlt.data.shards.SHARD_EXAMPLES", 2)
            for place in places:
                writer.add(place)
    address = serve(tmp_path / "web")
    pattern = address + "/{train/shard-{000000..000001},{val,test}/shard-000000}.tar"
    assert written(tmp_path, pattern) == expected
    before = fingerprint(pattern)
    (tmp_path / "web" / "train" / "shard-000001.tar").write_bytes(b"x" * 2_000)
    assert fingerprint(pattern) != before
    with pytest.raises(DltError, match="not a readable shard"):
        written(tmp_path, pattern)
    with pytest.raises(DltError, match="only one has a digest"):
        written(tmp_path, pattern, sha256="0" * 64)


def test_patterns_of_shards() -> None:
    assert expand("a.tar") == ["a.tar"]
    assert expand("{a,b}/{08..10}") == [f"{a}/{n}" for a in "ab" for n in ("08", "09", "10")]
    assert expand("{x/{0..1},y/0}") == ["x/0", "y/0", "x/1"]
    with pytest.raises(DltError, match="{3..1}: a range without numbers"):
        expand("{3..1}")
    with pytest.raises(DltError, match="more than 10,000 shards"):
        expand("{0..999999999999}")


def test_many_folders_are_packed(dataset: Path, tmp_path: Path) -> None:
    root = tmp_path / "raw"
    root.mkdir()
    write_dataset(root, str(dataset), sha256=None, limit=None)
    pack_folders(root, above=6)
    unpacked = contents(root)
    assert "train/e1/layout.json" in unpacked
    pack_folders(root, above=5)
    assert sorted(contents(root)) == [
        f"{split}/{name}"
        for split in ("test", "train", "val")
        for name in (INDEX, "shard-000000.tar")
    ]
    assert written(tmp_path, root) == unpacked


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same synthetic sections in folders and in shards."""
    root = tmp_path_factory.mktemp("raw")
    for name, above in (("folders", 24), ("shards", 23)):
        ingest(root / name, Ingest(source="synthetic", num_samples=24, shard_above=above), 0)
    return {name: root / name for name in ("folders", "shards")}


def test_validate_and_split_see_no_difference(raw: dict[str, Path], tmp_path: Path) -> None:
    results = []
    for name, root in raw.items():
        out = tmp_path / name
        summary = validate(root, out / "validated", fix_errors=False, verbose=False)
        folders = (out / "validated", out / "splits", out / "processed")
        divided = split(root, *folders, params=PARAMS)
        results.append((summary, divided, contents(out / "splits"), contents(out / "processed")))
    assert results[0] == results[1]


def test_a_flat_dataset_in_shards_is_divided(raw: dict[str, Path], tmp_path: Path) -> None:
    flat = tmp_path / "raw"
    with ShardWriter(flat) as writer:
        for places in find_places(raw["shards"]).values():
            for place in places:
                writer.add(place)
    validate(flat, tmp_path / "validated", fix_errors=False, verbose=False)
    entries = [entry for _, entry in read_report(tmp_path / "validated" / "report.json")]
    assert {entry["split"] for entry in entries} == {"flat"}
    folders = (tmp_path / name for name in ("validated", "splits", "processed"))
    summary = split(flat, *folders, params=PARAMS)
    assert sum(summary["split"].values()) == 24 and all(summary["split"].values())


def test_a_damaged_shard_stops_validate_with_one_line(raw: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for path in (raw["shards"] / "val").iterdir():
        cut = 20_000 if path.suffix == ".tar" else 0
        (tmp_path / "raw" / path.name).write_bytes(path.read_bytes()[: path.stat().st_size - cut])
    with pytest.raises(DltError, match="shard-000000.tar: cut short") as raised:
        validate(tmp_path / "raw", tmp_path / "out", fix_errors=True, verbose=False)
    assert "\n" not in str(raised.value) and not (tmp_path / "out").exists()


def test_a_link_names_the_folder_or_the_shard_and_the_example(raw: dict[str, Path]) -> None:
    links = {}
    for name, root in raw.items():
        place = find_places(root)["val"][0]
        links[name] = example_link(root / "plots" / "report.html", place)
        example = place.name
    assert links["folders"] == f"../val/{example}/"
    assert links["shards"] == f"../val/shard-000000.tar#{example}"
