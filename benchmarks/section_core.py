"""Read, match and contract 1,000 sections of 60 nodes: `python -m benchmarks.section_core`."""

import random
import time

from dlt.section.formats import dump_layout, dump_structure, parse_layout, parse_structure
from dlt.section.labels import Labels, contract, labels
from dlt.section.roles import DROP, MERGE, NO_PROP, ROLES
from dlt.section.tree import Node, Structure

SECTIONS, NODES = 1000, 60
NAMES = ("div", "div", "div.row", "div.col", "h2.title", "p", "a.btn", "img", "span", "li")


def main() -> None:
    """Print the seconds of CPU time of each step, in total for all sections."""
    texts = [section(random.Random(seed)) for seed in range(SECTIONS)]
    start = time.process_time()
    pairs = [(parse_structure(structure), parse_layout(layout)) for structure, layout in texts]
    read = time.process_time()
    found = [labels(structure, layout) for structure, layout in pairs]
    matched = time.process_time()
    layouts = [contract(s, given) for (s, _), given in zip(pairs, found, strict=True)]
    end = time.process_time()
    assert layouts == [layout for _, layout in pairs]
    print(f"{SECTIONS:,} sections of {NODES} nodes, seconds on one core")
    print(f"read {read - start:.2f}  match {matched - read:.2f}  contract {end - matched:.2f}")
    print(f"total {end - start:.2f}")


def section(rng: random.Random) -> tuple[str, str]:
    """The text of a structure.json and of a layout.json that fits it, with boxes."""
    nodes, roles = [Node("section.hero", -1)], ["section"]
    for i in range(1, NODES):
        parent = i - 1
        while parent and rng.random() < 0.55:
            parent = nodes[parent].parent
        nodes.append(Node(rng.choice(NAMES), parent, "Some words of text" * rng.randint(0, 2)))
        kinds = (rng.choice(ROLES), DROP, DROP if roles[parent] == DROP else MERGE)
        roles.append(rng.choice(kinds))
    structure = Structure(tuple(nodes))
    boxes = tuple((0.1, 0.2, 0.3, 0.4) if role in ROLES else None for role in roles)
    layout = contract(structure, Labels(tuple(roles), (NO_PROP,) * NODES, boxes))
    return dump_structure(structure), dump_layout(layout)


if __name__ == "__main__":
    main()
