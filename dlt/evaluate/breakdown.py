"""Where a model is good and where not: accuracy by role, site, kind, number of nodes and depth."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dlt.evaluate.metrics import Measure, Pair, SectionScore, measures
from dlt.evaluate.teds import placed_elements
from dlt.section.roles import ROLES
from dlt.section.tree import depths

NODE_STEPS = (10, 20, 40, 80)  # upper ends of the classes of sections by number of nodes
DEPTH_STEPS = (3, 5, 7, 9)
UNKNOWN_KIND = "not given"

Row = dict[str, Any]


def by_role(pairs: Sequence[Pair]) -> list[Row]:
    """Precision, recall and F1 of each role that is true or predicted somewhere, in ROLES order."""
    counts = {role: [0, 0, 0] for role in ROLES}  # predicted, true, right
    for pair in pairs:
        sides = [
            {(e.role, e.nodes) for e in placed_elements(pair.structure, labels)}
            for labels in (pair.predicted, pair.truth)
        ]
        for i, side in enumerate((*sides, sides[0] & sides[1])):
            for role, _ in side:
                counts[role][i] += 1
    return [_role_row(role, *count) for role, count in counts.items() if any(count)]


def breakdowns(
    pairs: Sequence[Pair], scores: Sequence[SectionScore], kinds: Mapping[str, str]
) -> dict[str, list[Row]]:
    """Layout accuracy and element F1 of groups of sections: by site, kind, nodes and depth.

    `kinds` gives the kind of the sections that have one, by name. Sites and kinds are ordered from
    the worst to the best, sizes from small to large.
    """
    sites = _groups(scores, lambda i: pairs[i].site)
    by_kind = _groups(scores, lambda i: kinds.get(pairs[i].name, UNKNOWN_KIND))
    nodes = _groups(scores, lambda i: _step(len(pairs[i].structure), NODE_STEPS))
    levels = _groups(scores, lambda i: _step(max(depths(pairs[i].structure.parents)), DEPTH_STEPS))
    return {
        "site": _worst_first(sites),
        "kind": _worst_first(by_kind) if kinds else [],
        "nodes": _in_order(nodes, NODE_STEPS),
        "depth": _in_order(levels, DEPTH_STEPS),
    }


def _role_row(role: str, predicted: int, true: int, right: int) -> Row:
    return {
        "role": role,
        "true": true,
        "predicted": predicted,
        "precision": right / predicted if predicted else None,
        "recall": right / true if true else None,
        "f1": 2 * right / (predicted + true),
    }


def _groups(
    scores: Sequence[SectionScore], name: Callable[[int], str]
) -> dict[str, dict[str, Measure]]:
    groups: dict[str, list[SectionScore]] = defaultdict(list)
    for i, score in enumerate(scores):
        groups[name(i)].append(score)
    return {key: measures(own) for key, own in groups.items()}


def accuracy_row(name: str, scores: Sequence[SectionScore]) -> Row:
    """Layout accuracy with its interval, and element F1, of some scored sections."""
    return _row(name, measures(scores))


def _row(name: str, own: Mapping[str, Measure]) -> Row:
    accuracy = own["layout_accuracy"]
    return {
        "name": name,
        "sections": accuracy.count,
        "layout_accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "element_f1": own["element_f1"].value,
    }


def _worst_first(groups: Mapping[str, Mapping[str, Measure]]) -> list[Row]:
    rows = [_row(name, own) for name, own in groups.items()]
    return sorted(rows, key=lambda row: (row["layout_accuracy"], row["name"]))


def _in_order(groups: Mapping[str, Mapping[str, Measure]], steps: Sequence[int]) -> list[Row]:
    names = dict.fromkeys(_step(value, steps) for value in (*steps, steps[-1] + 1))
    return [_row(name, groups[name]) for name in names if name in groups]


def _step(value: int, steps: Sequence[int]) -> str:
    """The class of a number, such as `11–20`."""
    below = 0
    for step in steps:
        if value <= step:
            return f"{below + 1 if below else 0}–{step}"
        below = step
    return f"over {below}"
