"""How much of what training computes is padding: `python -m benchmarks.padding DATA …`.

DATA is a folder with a folder train of examples. For each phase's sizes: the shares of node tokens and
of patch tokens that are padding, over three epochs, and in batches drawn at random for comparison.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.results import write_section
from dlt.data.encode import Encoded
from dlt.data.examples import find_places, read_place
from dlt.data.labelled import Sections, load_labelled
from dlt.params import Phase, Phases, load_params
from dlt.process import run_main
from dlt.train.batches import Limits, Steps, count_tokens
from dlt.train.distributed import Ranks

EPOCHS = 3


def main() -> None:
    """Print the table, and put it into benchmarks/RESULTS.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, nargs="+")
    folders = parser.parse_args().data
    head = ("train split", "phase", "batch", "nodes", "patches", "random: nodes", "patches")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for folder in folders:
        places = find_places(folder)["train"]
        for name in Phases.model_fields:
            phase = load_params().phase(name)
            data = Sections(load_labelled(map(read_place, places), phase.model, name))
            lines.append(row(data, name, phase))
            print(lines[-1], flush=True)
    about = f"Shares that are padding, over {EPOCHS} epochs, without augmentation.\n\n"
    write_section("Padding", f"`python -m benchmarks.padding DATA …`\n\n{about}" + "\n".join(lines))


def row(data: Sections, name: str, phase: Phase) -> str:
    """A line of the table."""
    params, size, ranks = phase.train, phase.train.batch_size, Ranks(0, 1, torch.device("cpu"))
    limits, sections = Limits.of(phase.model, params), [section.encoded for section in data]
    parts, mixed = [], []
    for epoch in range(EPOCHS):
        for batch in Steps(data, range(len(data)), params, limits, 0, epoch, ranks, size).batches:
            chosen = [sections[i] for i in batch]
            parts += [[chosen[i] for i in part] for part in limits.split(chosen)]
        order = np.random.default_rng(epoch).permutation(len(data))
        mixed += [[sections[i] for i in order[at : at + size]] for at in range(0, len(data), size)]
    cells = [f"{share:.1%}" for own in (parts, mixed) for share in padding(own)]
    return f"| {len(data):,} sections | {name} | {size} | {' | '.join(cells)} |"


def padding(parts: Iterable[Sequence[Encoded]]) -> tuple[float, float]:
    """The shares of nodes and of patches."""
    nodes, node_places, patches, patch_places = np.sum([count_tokens(p) for p in parts], axis=0)
    return 1 - nodes / node_places, 1 - patches / patch_places


if __name__ == "__main__":
    run_main("padding", main)
