"""The split: no group and no near-duplicate in two splits, every example placed or listed."""

import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from dlt.data.encoded_bytes import to_bytes
from dlt.data.examples import read_examples
from dlt.data.labelled import label
from dlt.data.shards import ShardIndex
from dlt.division import Item, divide
from dlt.errors import DltError
from dlt.params import Split, load_params
from dlt.split import split
from dlt.validate import write_report

RATIOS = (0.8, 0.1, 0.1)

SPLITS = ("train", "val", "test")


def flat(groups: Sequence[str], digests: Sequence[str] | None = None) -> list[Item]:
    digests = digests or [str(i) for i in range(len(groups))]
    return [
        Item(f"{i:04d}", "flat", g, d) for i, (g, d) in enumerate(zip(groups, digests, strict=True))
    ]


letters = st.integers(0, 30).map(str)
flat_items = st.lists(st.tuples(letters, st.integers(0, 60).map(str)), min_size=1, max_size=80).map(
    lambda pairs: flat([g for g, _ in pairs], [d for _, d in pairs])
)
given_items = st.lists(
    st.tuples(st.sampled_from(SPLITS), letters, st.integers(0, 30).map(str)),
    min_size=1,
    max_size=60,
).map(lambda rows: [Item(f"{i:04d}", *row) for i, row in enumerate(rows)])


@given(flat_items, st.integers(0, 5))
def test_no_group_and_no_copy_in_two_splits(items: list[Item], seed: int) -> None:
    try:
        division = divide(items, RATIOS, seed)
    except DltError as error:
        assert "need at least 3" in str(error)
        return
    placed = [item for members in division.splits.values() for item in members]
    assert sorted(placed, key=lambda item: item.name) == items, "all placed, each once"
    assert not division.dropped
    assert all(division.splits[name] for name in SPLITS)
    for field in ("group", "digest"):
        homes = {
            (getattr(item, field), name)
            for name, items in division.splits.items()
            for item in items
        }
        assert max(Counter(value for value, _ in homes).values()) == 1
    assert divide(list(reversed(items)), RATIOS, seed) == division, "the order does not count"


@given(given_items)
def test_given_splits_stay_and_later_ones_stay_clean(items: list[Item]) -> None:
    present = {item.split for item in items}
    try:
        division = divide(items, RATIOS, 0)
    except DltError:
        return
    placed = [item for members in division.splits.values() for item in members]
    dropped = [item for item, _ in division.dropped]
    assert sorted([*placed, *dropped], key=lambda item: item.name) == items
    homes = {(item.digest, name) for name, members in division.splits.items() for item in members}
    assert max(Counter(digest for digest, _ in homes).values()) == 1
    if "test" in present:
        assert division.splits["test"] == [item for item in items if item.split == "test"]
    for item, stays in division.dropped:
        assert item.digest == stays.digest
        assert SPLITS.index(item.split) < SPLITS.index(stays.split)


@pytest.mark.parametrize("seed", range(5))
def test_fractions_come_close_with_uneven_groups(seed: int) -> None:
    sizes = [80, 60, 45, 40, 33, 30, 25, 22, 20, 18, 15, 12, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    items = flat([str(g) for g, size in enumerate(sizes) for _ in range(size)])
    division = divide(items, RATIOS, seed)
    for name, ratio in zip(SPLITS, RATIOS, strict=True):
        assert abs(len(division.splits[name]) / len(items) - ratio) < 0.02


def test_the_seed_decides() -> None:
    items = flat([str(i) for i in range(100)])
    assert divide(items, RATIOS, 1) == divide(items, RATIOS, 1) != divide(items, RATIOS, 2)


def test_copies_join_their_groups() -> None:
    chain = flat(["a", "b", "b", "c", "d", "e"], ["1", "1", "2", "2", "3", "4"])
    division = divide(chain, RATIOS, 0)
    assert sorted(map(len, division.splits.values())) == [1, 1, 4]


@pytest.mark.parametrize("groups", [["a"], ["a", "a", "a"], ["a", "b"]])
def test_too_few_groups_is_one_line(groups: list[str]) -> None:
    with pytest.raises(DltError, match=r"^\d usable examples in \d groups .* need at least 3$"):
        divide(flat(groups), RATIOS, 0)


def test_a_missing_split_is_taken_from_train() -> None:
    items = [Item(f"{i:02d}", "train", str(i // 2), str(i)) for i in range(18)]
    items += [Item("t", "test", "t", "t")]
    division = divide(items, RATIOS, 0)
    assert [len(division.splits[name]) for name in SPLITS] == [16, 2, 1]
    only_train = divide(items[:-1], RATIOS, 0)
    assert [len(only_train.splits[name]) for name in SPLITS] == [14, 2, 2]


def test_train_must_not_be_empty() -> None:
    with pytest.raises(DltError, match="no usable examples in train"):
        divide([Item("a", "val", "a", "a"), Item("b", "test", "b", "b")], RATIOS, 0)


# --- the stage ------------------------------------------------------------------------------------


def png(text: str) -> bytes:
    """A screenshot that says it."""
    image, out = Image.new("RGB", (600, 80), "white"), io.BytesIO()
    ImageDraw.Draw(image).text((20, 20), text, "black", ImageFont.load_default(30))
    image.save(out, "PNG")
    return out.getvalue()


def make_dataset(root: Path, rows: Sequence[tuple[str, str, str]]) -> None:
    """Write example folders and validation's report from rows of (split/name, site, digest)."""
    entries: list[dict[str, Any]] = []
    for place, site, digest in rows:
        where, _, name = place.rpartition("/")
        folder = root / "raw" / place
        folder.mkdir(parents=True)
        (folder / "screenshot.png").write_bytes(png(place))
        (folder / "structure.json").write_text('{"div": {}}')
        (folder / "layout.json").write_text('{"structure": {"section@div": ""}}')
        facts = {"group": site, "digest": digest, "nodes": 1, "width": 600, "height": 80}
        entries.append({"name": name, "split": where or "flat", "status": "ok", **facts})
    (root / "validated").mkdir()
    write_report(root / "validated" / "report.json", entries)


def run(root: Path, seed: int = 0) -> dict[str, Any]:
    folders = (root / name for name in ("raw", "validated", "splits", "processed"))
    params = load_params().model_copy(update={"split": Split(ratios=RATIOS), "seed": seed})
    return split(*folders, params=params)


def test_names_summary_and_shards_agree(tmp_path: Path) -> None:
    make_dataset(tmp_path, [(f"e{i}", f"s{i // 2}", str(i)) for i in range(20)])
    summary, model = run(tmp_path), load_params().phases.phase1.model
    assert json.loads((tmp_path / "splits" / "summary.json").read_text()) == summary
    assert summary["found"] == summary["examples"] == 20
    assert summary["phase"] == "phase1"
    assert summary["split"] == {"train": 16, "val": 2, "test": 2}
    assert summary["groups"] == {"train": 8, "val": 1, "test": 1}
    raw = {example.name: (example, png) for example, png in read_examples(tmp_path / "raw")}
    for name in SPLITS:
        packed = list(read_examples(tmp_path / "processed" / name))
        listed = (tmp_path / "splits" / f"{name}.txt").read_text().splitlines()
        assert [example.name for example, _ in packed] == listed
        assert packed == [raw[member] for member in listed]
        index = ShardIndex.read(tmp_path / "processed" / name)
        for i, (example, screenshot) in enumerate(packed):
            assert index.encoded(i) == to_bytes(label(example, screenshot, model).encoded)


def test_given_splits_lose_copies_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        ("train/a", "s1", "1"),
        ("train/b", "s1", "2"),
        ("val/c", "s2", "3"),
        ("test/d", "s1", "2"),
    ]
    make_dataset(tmp_path, rows)
    summary = run(tmp_path)
    assert summary["split"] == {"train": 1, "val": 1, "test": 1}
    assert summary["dropped"] == [{"name": "b", "split": "train", "copy_of": "test/d"}]
    assert summary["shared_sites"] == ["s1"]
    printed = capsys.readouterr().out
    assert "left out: train/b, a copy of test/d" in printed
    assert "in two given splits: s1" in printed


def test_repaired_examples_stand_in_and_quarantined_ones_stay_out(tmp_path: Path) -> None:
    make_dataset(tmp_path, [(f"e{i}", f"s{i}", str(i)) for i in range(5)])
    path = tmp_path / "validated" / "report.json"
    report = json.loads(path.read_text())
    report["examples"][1]["status"] = "repaired"
    report["examples"][2]["status"] = "quarantined"
    write_report(path, report["examples"])
    mended = tmp_path / "validated" / "repaired" / "flat" / "e1"
    mended.parent.mkdir(parents=True)
    (tmp_path / "raw" / "e1").rename(mended)
    summary = run(tmp_path)
    assert (summary["found"], summary["examples"]) == (5, 4)
    names = {e.name for name in SPLITS for e, _ in read_examples(tmp_path / "processed" / name)}
    assert names == {"e0", "e1", "e3", "e4"}


def test_the_data_hash_follows_the_training_data(tmp_path: Path) -> None:
    make_dataset(tmp_path, [(f"{name}/e", name, name) for name in SPLITS])
    first = run(tmp_path)["data_hash"]
    assert run(tmp_path)["data_hash"] == first
    (tmp_path / "raw" / "test" / "e" / "screenshot.png").write_bytes(png("new"))
    assert run(tmp_path)["data_hash"] == first, "training reads no test split"
    (tmp_path / "raw" / "val" / "e" / "screenshot.png").write_bytes(png("new"))
    assert run(tmp_path)["data_hash"] != first


def test_one_example_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    make_dataset(tmp_path, [("only", "s", "1")])
    with pytest.raises(DltError) as raised:
        run(tmp_path)
    assert str(raised.value).startswith(f"{tmp_path / 'raw'}: 1 usable examples in 1 groups")
    assert "\n" not in str(raised.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "validated"]
