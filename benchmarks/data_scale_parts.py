"""What `benchmarks.data_scale` measures in processes of their own.

python -m benchmarks.data_scale_parts PART PATH [MORE]
"""

import json
import resource
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.data_scale import LOADED
from dlt.data.batch import length_batches
from dlt.data.labelled import PackedSections, Sections, open_sections
from dlt.data.shards import INDEX, ShardIndex, ShardWriter, packed_bytes
from dlt.ingest.synthetic import generate
from dlt.params import load_params
from dlt.process import run_main
from dlt.section.example import Example, Place, write_example
from dlt.section.tree import Structure
from dlt.split import divide, read_items
from dlt.train.batches import Limits, Steps, load_steps
from dlt.train.distributed import Ranks
from dlt.validate import REPORT, write_report

BATCH = 32
DRAWN = 100  # the least of so many sections is the small one


def load(told: Path, what: str) -> None:
    """Make the steps of LOADED sections ready, and write the CPU seconds of that to `told`.

    `what`: the phase; "bytes": the sections' bytes are read and no more; "kept": its sections are in
    memory; "worker": a worker process makes the steps.
    """
    phase, *how = what.split()
    params = load_params().resolve(phase)
    index = ShardIndex.read(Path("data/processed/train"))
    chosen = np.random.default_rng(0).permutation(len(index))[:LOADED].tolist()
    sections: Sections = PackedSections(index, chosen, params.model)
    if how == ["kept"]:
        sections = open_sections(index, chosen, params.model, "")
    train, limits = params.train, Limits.of(params.model, params.train)
    epoch = train.proposal_epochs  # the first of the whole model
    numbers = [n % len(chosen) for n in range(LOADED)]
    alone = Ranks(0, 1, torch.device("cpu"))
    steps = Steps(sections, numbers, train, limits, 0, epoch, alone, train.batch_size)
    made = load_steps(steps, 0, workers=int(how == ["worker"]))
    before = _cpu_seconds()
    for _ in made if how != ["bytes"] else (packed_bytes(index[i]) for i in chosen):
        pass
    told.write_text(str(_cpu_seconds() - before))


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
