"""How far the synthetic sections are from real ones: the tables of docs/synthetic.md.

    python -m benchmarks.synthetic_vs_real --real FOLDER [--count 1000] [--seed 0]

Prints Markdown. FOLDER holds real examples, flat or in split folders, of which `train` is read.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from dlt.errors import DltError
from dlt.ingest.synthetic import generate
from dlt.process import run_main
from dlt.section.example import Example, find_examples, read_example
from dlt.section.labels import labels
from dlt.section.roles import DROP, MERGE, PROPS, ROLES
from dlt.section.tree import depths

LINE = "| {} | {} | {} | {} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--real", type=Path, required=True, help="a folder of real examples")
    parser.add_argument("--count", type=int, default=1000, help="synthetic sections to generate")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    found = find_examples(arguments.real)
    folders = found.get("train") or found.get("")
    if not folders:
        raise DltError(f"{arguments.real}: no example folders")
    real = [read_example(folder) for folder in folders]
    drawn = (generate(i, arguments.count, arguments.seed) for i in range(arguments.count))
    synthetic = [example for split, example, _ in drawn if split == "train"]
    print(f"{len(real)} real sections, {len(synthetic)} synthetic ones, both of the train split.\n")
    print_quantities(real, synthetic)
    for title, count in (("element roles", roles), ("node labels", actions), ("props", props)):
        print_shares(title, count(real), count(synthetic))


def print_quantities(real: Sequence[Example], synthetic: Sequence[Example]) -> None:
    """One line a quantity: percentiles of both and the Wasserstein distance between them."""
    print(
        "Percentiles 5 / 25 / 50 / 75 / 95 / 100; W₁ is the Wasserstein distance, in units of the"
    )
    print("quantity and, in brackets, of its standard deviation in the real sections.\n")
    print(LINE.format("quantity", "real", "synthetic", "W₁"))
    print("|---|---|---|---|")
    ours = quantities(synthetic)
    for name, values in quantities(real).items():
        distance = wasserstein(values, ours[name])
        relative = distance / max(float(np.std(values)), 1e-9)
        print(LINE.format(name, _row(values), _row(ours[name]), f"{distance:.2f} ({relative:.2f})"))


def print_shares(title: str, real: Mapping[str, float], synthetic: Mapping[str, float]) -> None:
    """One line a category with its share in both, in per cent; then their total variation."""
    print("\n" + LINE.format(title, "real, %", "synthetic, %", "difference"))
    print("|---|---|---|---|")
    for name in sorted(real.keys() | synthetic.keys(), key=lambda n: (-real.get(n, 0), n)):
        a, b = 100 * real.get(name, 0), 100 * synthetic.get(name, 0)
        print(LINE.format(name, f"{a:.1f}", f"{b:.1f}", f"{b - a:+.1f}"))
    print(LINE.format("*total variation*", "", "", f"{100 * total_variation(real, synthetic):.1f}"))


def quantities(examples: Iterable[Example]) -> dict[str, list[float]]:
    """Sizes of trees and layouts: a value a section, or an element for the merge lengths."""
    out: dict[str, list[float]] = {
        "DOM nodes": [],
        "DOM depth": [],
        "elements": [],
        "layout depth": [],
        "merge length": [],
    }
    for example in examples:
        assert example.layout is not None
        out["DOM nodes"].append(len(example.structure))
        out["DOM depth"].append(max(depths(example.structure.parents)))
        out["elements"].append(len(example.layout.elements))
        out["layout depth"].append(max(depths(example.layout.parents)))
        out["merge length"] += [len(element.selectors) for element in example.layout.elements]
    return out


def roles(examples: Iterable[Example]) -> dict[str, float]:
    """Share of each role among the elements."""
    return _shares(e.role for x in examples if x.layout for e in x.layout.elements)


def actions(examples: Iterable[Example]) -> dict[str, float]:
    """Share of nodes that start an element, merge and drop."""
    found = (r for x in examples if x.layout for r in labels(x.structure, x.layout).roles)
    return _shares(role if role in (MERGE, DROP) else "start" for role in found)


def props(examples: Sequence[Example]) -> dict[str, float]:
    """Share of the sections that have each prop."""
    found = Counter(prop for x in examples if x.layout for prop in x.layout.props)
    return {prop: found[prop] / len(examples) for prop in PROPS}


def _shares(found: Iterable[str]) -> dict[str, float]:
    counts = Counter(found)
    keys = [*ROLES, *(key for key in counts if key not in ROLES)]
    return {key: counts[key] / counts.total() for key in keys if counts[key]}


def wasserstein(a: Sequence[float], b: Sequence[float]) -> float:
    """First Wasserstein distance of two samples: the mean distance of their quantiles."""
    at = (np.arange(2000) + 0.5) / 2000
    return float(np.abs(np.quantile(a, at) - np.quantile(b, at)).mean())


def total_variation(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    """Half the sum of the differences of two distributions."""
    return sum(abs(a.get(key, 0) - b.get(key, 0)) for key in a.keys() | b.keys()) / 2


def _row(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.0f}" for value in np.percentile(values, (5, 25, 50, 75, 95, 100)))


if __name__ == "__main__":
    run_main("synthetic_vs_real", main)
