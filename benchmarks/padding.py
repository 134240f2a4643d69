"""How much of what training computes is padding: `python -m benchmarks.padding SHARDS …`.

SHARDS is a folder of packed sections, such as data/processed/train. For each phase's sizes: the shares
of node tokens, of patch tokens and of both that are padding, over three epochs, and in batches drawn at
random for comparison. With --draw N each folder counts as N sections, drawn from it with replacement:
lengths are more alike where there are more to choose from.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.results import write_section
from dlt.data.batch import length_batches
from dlt.data.labelled import PackedSections
from dlt.data.shards import ShardIndex
from dlt.params import Phase, Phases, load_params
from dlt.process import run_main

EPOCHS = 3
SHARES = ("nodes", "patches", "both")
HEAD = ("sections", "phase", "batch", *SHARES, *(f"random: {name}" for name in SHARES))


def main() -> None:
    """Print the table, and put it into benchmarks/RESULTS.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--draw", type=int)
    args = parser.parse_args()
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    for folder in args.shards:
        index = ShardIndex.read(folder)
        drawn = np.arange(len(index))
        if args.draw:
            drawn = np.random.default_rng(0).integers(0, len(index), args.draw)
        for name in Phases.model_fields:
            lines.append(row(index, drawn, name, load_params().phase(name)))
            print(lines[-1], flush=True)
    about = f"Shares that are padding, over {EPOCHS} epochs, without augmentation.\n\n"
    write_section(
        "Padding", f"`python -m benchmarks.padding SHARDS …`\n\n{about}" + "\n".join(lines)
    )


def row(index: ShardIndex, drawn: np.ndarray, name: str, phase: Phase) -> str:
    """A line of the table, of the sections with the numbers `drawn`."""
    sections, size = PackedSections(index, range(len(index)), phase.model), phase.train.batch_size
    height, width = phase.model.patch_size
    nodes, rows = sections.nodes[drawn], sections.rows[drawn]
    sizes = np.stack([nodes, np.ceil(rows / height) * (phase.model.image_width // width)])
    batches, mixed = [], []
    for epoch in range(EPOCHS):
        rng = np.random.default_rng([0, epoch])
        batches += length_batches(nodes.tolist(), rows.tolist(), size, rng)
        order = rng.permutation(len(drawn))
        mixed += [order[at : at + size].tolist() for at in range(0, len(order), size)]
    cells = [f"{share:.1%}" for own in (batches, mixed) for share in padding(sizes, own)]
    return f"| {len(drawn):,} | {name} | {size} | {' | '.join(cells)} |"


def padding(sizes: np.ndarray, batches: Sequence[Sequence[int]]) -> tuple[float, float, float]:
    """The shares of nodes, of patches and of both; `sizes` [2, sections] has the numbers of either."""
    used = sum(sizes[:, batch].sum(1) for batch in batches)
    places = sum(len(batch) * sizes[:, batch].max(1) for batch in batches)
    nodes, patches = 1 - used / places
    return nodes, patches, 1 - used.sum() / places.sum()


if __name__ == "__main__":
    run_main("padding", main)
