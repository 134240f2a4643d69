"""What `benchmarks.data_scale` measures in processes of their own.

python -m benchmarks.data_scale_parts PART PATH [MORE]
"""

import json
import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.data_scale import LOADED, TRAINED
from dlt.data.batch import length_batches
from dlt.data.encoded_bytes import to_bytes
from dlt.data.examples import read_place
from dlt.data.labelled import PackedSections, Sections, label, open_sections
from dlt.data.shards import FACTS, INDEX, ShardIndex, ShardWriter, packed_bytes
from dlt.division import divide
from dlt.ingest.synthetic import generate
from dlt.model.layout_model import LayoutModel
from dlt.params import ModelParams, Phase, load_params
from dlt.process import keep_freed_memory, run_main
from dlt.section.example import Example, Place, write_example
from dlt.section.tree import Structure
from dlt.split import read_items
from dlt.train.batches import Limits, Steps, load_steps
from dlt.train.distributed import Ranks
from dlt.train.hardware import settle
from dlt.train.loop import role_weights, train_epoch
from dlt.train.run import new_run
from dlt.validate import REPORT, write_report

SHARDS = Path("data/processed/train")
ALONE = Ranks(0, 1, torch.device("cpu"))
BATCH = 32
DRAWN = 100  # the least of so many sections is the small one


def load(told: Path, what: str) -> None:
    """Make the steps of LOADED sections ready, and write the CPU seconds of that to `told`.

    `what`: the phase; "bytes": the sections' bytes are read and no more; "kept": its sections are in
    memory; "worker": a worker process makes the steps.
    """
    phase, *how = what.split()
    params = load_params().resolve(phase)
    index = ShardIndex.read(SHARDS)
    chosen = np.random.default_rng(0).permutation(len(index))[:LOADED].tolist()
    if phase == "phase3":  # split has encoded for another size of image
        index, chosen = encoded_again(index, chosen, params.model), list(range(len(chosen)))
    sections: Sections = PackedSections(index, chosen, params.model)
    if how == ["kept"]:
        sections = open_sections(index, chosen, params.model, "")
    epoch = params.train.proposal_epochs  # the first of the whole model
    made = load_steps(
        some_steps(sections, LOADED, params, epoch), 0, workers=int(how == ["worker"])
    )
    before = _cpu_seconds()
    for _ in made if how != ["bytes"] else (packed_bytes(index[i]) for i in chosen):
        pass
    told.write_text(str(_cpu_seconds() - before))


def train(told: Path, what: str) -> None:
    """Train on TRAINED sections from memory, and write the CPU seconds of that to `told`.

    `what`: the phase, and "proposal" or "whole" for the kind of epoch.
    """
    keep_freed_memory()
    torch.set_num_threads(1)
    phase, kind = what.split()
    params = load_params().resolve(phase)
    index = ShardIndex.read(SHARDS)
    chosen = np.random.default_rng(0).permutation(len(index))[:TRAINED].tolist()
    sections = open_sections(index, chosen, params.model, "")
    settled = settle(params.train, ALONE)
    run = new_run(LayoutModel(params.model), settled, ALONE)
    weights = role_weights([s.encoded for s in sections], settled.role_balance)
    run.epoch = 0 if kind == "proposal" else settled.proposal_epochs
    steps = some_steps(sections, TRAINED, params, run.epoch)
    before = _cpu_seconds()
    train_epoch(run, steps, settled, weights, span=(0, 1000))
    told.write_text(str(_cpu_seconds() - before))


def some_steps(sections: Sections, count: int, params: Phase, epoch: int) -> Steps:
    """The steps of `count` sections, some of them more than once where there are fewer."""
    numbers = [n % len(sections) for n in range(count)]
    limits, size = Limits.of(params.model, params.train), params.train.batch_size
    return Steps(sections, numbers, params.train, limits, 0, epoch, ALONE, size)


def encoded_again(index: ShardIndex, chosen: Sequence[int], model: ModelParams) -> ShardIndex:
    """Shards of some sections, encoded for another model."""
    folder = Path("again")
    with ShardWriter(folder) as writer:
        for i in chosen:
            facts = {fact: int(getattr(index, fact)[i]) for fact in FACTS}
            encoded = to_bytes(label(*read_place(index[i]), model).encoded)
            writer.add(index[i], facts, encoded=encoded)
    return ShardIndex.read(folder)


def _cpu_seconds() -> float:
    """Of this process and of those that it has started and that have ended."""
    own, ended = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def write_small(folder: Path, size: int) -> None:
    """Shards of so many copies of a small section, each with texts of its own."""
    drawn = [generate(i, DRAWN, 0)[1:] for i in range(DRAWN)]
    example, screenshot = min(drawn, key=lambda e: (len(e[0].structure), len(e[1])))
    one = folder / "one"
    with ShardWriter(folder) as writer:
        for i in range(size):
            write_example(one, _numbered(example, i), screenshot)
            writer.add(Place("one", one), name=f"te{i // 9:05d}_{i:07d}")
    for path in one.iterdir():
        path.unlink()
    one.rmdir()


def _numbered(example: Example, i: int) -> Example:
    nodes = tuple(replace(n, text=n.text and f"{n.text} {i}") for n in example.structure.nodes)
    meta = {**example.meta, "site": f"te{i // 9:05d}"}
    return replace(example, structure=Structure(nodes), meta=meta)


def write_books(folder: Path, size: int) -> None:
    """A report and an index of so many sections that are not there."""
    folder.mkdir()
    write_report(folder / REPORT, _entries(size))
    (folder / "shard-000000.tar").touch()
    with (folder / INDEX).open("w") as index:
        index.writelines(json.dumps(entry) + "\n" for entry in _entries(size))


def _entries(size: int) -> Iterator[dict[str, object]]:
    for i in range(size):
        yield {
            "name": f"te{i // 9:05d}_{i:010x}",
            "split": "flat",
            "status": "ok",
            "group": f"te{i // 9:05d}",
            "digest": f"{i:032x}",
            "nodes": i % 90 + 1,
            "width": 640,
            "height": i % 900 + 100,
            "faults": [],
            "shard": "shard-000000.tar",
            "start": 0,
            "end": 1,
        }


def keep_division(folder: Path) -> None:
    """As the split stage does before it packs."""
    divide(read_items(folder / REPORT)[0], load_params().split.ratios, 0)


def keep_order(folder: Path) -> None:
    """As training does before its first step."""
    index = ShardIndex.read(folder)
    sections = PackedSections(index, range(len(index)), load_params().phases.phase3.model)
    nodes, rows = sections.nodes.tolist(), sections.rows.tolist()
    length_batches(nodes, rows, BATCH, np.random.default_rng(0))


def main() -> None:
    """Run the part that the command line names."""
    part, path, *more = sys.argv[1:]
    match part:
        case "load":
            load(Path(path), *more)
        case "train":
            train(Path(path), *more)
        case "small":
            write_small(Path(path), *map(int, more))
        case "report":
            write_books(Path(path), *map(int, more))
        case "division":
            keep_division(Path(path))
        case "order":
            keep_order(Path(path))
        case "imports":
            pass  # what the other two hold before they begin


if __name__ == "__main__":
    run_main("data_scale_parts", main)
