"""Sections that stay in their shards are the same as sections in memory, for any loader."""

import shutil
import zlib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from dlt.data import labelled
from dlt.data.encoded_bytes import from_bytes, to_bytes
from dlt.data.examples import read_place
from dlt.data.labelled import PackedSections, Sections, label, open_sections
from dlt.data.shards import ENCODED, ShardIndex, ShardWriter
from dlt.ingest.synthetic import generate
from dlt.params import TrainParams, load_params
from dlt.section.errors import SectionError
from dlt.section.example import Place, write_example
from dlt.train.batches import Limits, Steps, load_steps
from dlt.train.distributed import Ranks
from dlt.train.hardware import settle
from tests.test_model import TINY

COUNT = 30
ALONE = Ranks(0, 1, torch.device("cpu"))
PARAMS: TrainParams = settle(load_params().phases.phase1.train, ALONE).model_copy(
    update={"batch_size": 4, "augmentation_factor": 2}
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ShardIndex:
    """Synthetic sections in shards of eleven."""
    root = tmp_path_factory.mktemp("packed")
    with pytest.MonkeyPatch.context() as patch, ShardWriter(root / "shards") as writer:
        patch.setattr("dlt.data.shards.SHARD_EXAMPLES", 11)
        for i in range(COUNT):
            _, example, png = generate(i, COUNT, seed=5)
            write_example(root / example.name, example, png)
            width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))
            facts = {"nodes": len(example.structure), "width": width, "height": height}
            encoded = to_bytes(label(example, png, TINY).encoded)
            writer.add(Place(example.name, root / example.name), facts, encoded=encoded)
    return ShardIndex.read(root / "shards")


@pytest.fixture(scope="module")
def loaded(index: ShardIndex) -> Sections:
    """All of them in memory."""
    return open_sections(index, range(COUNT), TINY, "test")


def packed(index: ShardIndex, monkeypatch: pytest.MonkeyPatch) -> Sections:
    """All of them, in the shards."""
    monkeypatch.setattr(labelled, "IN_MEMORY", 0)
    return open_sections(index, range(COUNT), TINY, "test")


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, arrays and tensors within dataclasses included."""
    if is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(np.array_equal(a, b)) if isinstance(a, np.ndarray | torch.Tensor) else a == b


def test_many_sections_stay_in_their_shards_and_are_the_same(
    index: ShardIndex, loaded: Sections, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = packed(index, monkeypatch)
    assert isinstance(some, PackedSections) and not isinstance(loaded, PackedSections)
    assert len(some) == len(loaded) == COUNT
    assert same(some.nodes, loaded.nodes) and same(some.rows, loaded.rows)
    assert same(list(some), list(loaded))
    assert same(some[3::7], loaded[3::7])
    chosen = open_sections(index, [4, 2], TINY, "test")
    assert same(list(chosen), [loaded[4], loaded[2]])


def test_what_was_encoded_is_what_would_be(index: ShardIndex, loaded: Sections) -> None:
    for i in range(0, COUNT, 7):
        assert len(loaded[i].encoded.blobs)
        assert same(label(*read_place(index[i]), TINY), loaded[i])


def test_another_size_of_image_is_encoded_anew(
    index: ShardIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in ({"image_width": 128}, {"patch_size": (24, 32)}):
        other = TINY.model_copy(update=size)
        wanted = label(*read_place(index[2]), other)
        assert same(open_sections(index, [2], other, "test")[0], wanted)
        with monkeypatch.context() as patch:
            patch.setattr(labelled, "IN_MEMORY", 0)
            assert same(open_sections(index, [2], other, "test").encoded(0), wanted.encoded)


def test_what_was_encoded_is_read_alone(
    index: ShardIndex, loaded: Sections, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = packed(index, monkeypatch)
    monkeypatch.setattr(labelled, "read_place", None)
    for i in range(0, COUNT, 7):
        assert same(some.encoded(i), loaded.encoded(i))


def test_what_is_cut_short_or_damaged_is_told(index: ShardIndex, tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    shutil.copytree(index[0].path.parent, folder)
    whole = (folder / ENCODED).read_bytes()
    (folder / ENCODED).write_bytes(whole[:-8])
    cut = ShardIndex.read(folder)
    first = cut.encoded(0)
    assert first is not None
    with pytest.raises(SectionError, match="encoded.bin: cut short"):
        cut.encoded(COUNT - 1)
    for damaged in (first[:-8], bytes(9), zlib.compress(b"no arrays"), zlib.compress(save({}))):
        with pytest.raises(SectionError, match="^one: not an encoded section: "):
            from_bytes("one", damaged)
    (folder / ENCODED).unlink()
    assert ShardIndex.read(folder).encoded(0) is None


@pytest.mark.parametrize("workers", [0, 2])
def test_any_number_of_workers_gives_the_same_steps(
    index: ShardIndex, loaded: Sections, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    def steps(sections: Sections) -> Steps:
        limits = Limits.of(TINY, PARAMS)
        return Steps(sections, range(2 * COUNT), PARAMS, limits, 0, 3, ALONE, 8)

    expected = list(load_steps(steps(loaded), 0, 0))
    assert same(list(load_steps(steps(packed(index, monkeypatch)), 0, workers)), expected)


def test_a_sample_has_whole_runs_and_no_images(
    index: ShardIndex, loaded: Sections, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = packed(index, monkeypatch)
    monkeypatch.setattr(labelled, "IN_MEMORY", 8)
    monkeypatch.setattr(labelled, "_RUN", 4)
    sample = some.sample()
    names = [section.encoded.name for section in loaded]
    assert [s.encoded.name for s in sample] == [*names[:4], *names[-4:]]
    assert same(sample[0].encoded.targets, loaded[0].encoded.targets)
    assert sample[0].encoded.image.size == 3


def test_an_index_without_sizes_is_refused(index: ShardIndex, tmp_path: Path) -> None:
    with ShardWriter(tmp_path) as writer:
        writer.add(index[0])
    with pytest.raises(SectionError, match="index.jsonl: nodes, width and height"):
        PackedSections(ShardIndex.read(tmp_path), [0], TINY)
