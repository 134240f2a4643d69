"""The validate stage: a verdict for every example of a dataset, and repairs where they are wanted.

The report names each example's faults and what the split stage must know of it; ingest's output is
only read, repaired examples are written to the stage's own.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median_low
from typing import Any

from dlt.check import HARMLESS, REPAIRABLE, Checked, Fault, check_example
from dlt.data.shards import is_plain_name
from dlt.errors import DltError
from dlt.files import new_folder, write_json
from dlt.process import parallel_map
from dlt.section.example import OWN_GROUP, SPLITS, find_examples, write_example
from dlt.section.roles import PROPS, ROLES
from dlt.section.tree import Structure

REPORT, REPAIRED = "report.json", "repaired"
FLAT = "flat"  # the split of an example that lies in no split's folder
STATUSES = ("ok", "repaired", "quarantined")

FAULTS_SHOWN = 10


def validate(raw: Path, out: Path, *, fix_errors: bool, verbose: bool) -> dict[str, Any]:
    """Check the dataset in `raw` and write `out`/report.json, a verdict for each example.

    With `fix_errors`, examples with one right repair are written to `out`/repaired/<split>/<name>
    (a flat dataset: repaired/flat/<name>), and those without are listed as quarantined. `verbose`
    prints all faults instead of the first ten. Returns the summary, with counts per split, status,
    role, prop and fault.

    Raises:
        DltError: no examples; faults without `fix_errors`; no example left with it.
    """
    items = _find(raw)
    shown = None if verbose else FAULTS_SHOWN
    with new_folder(out) as aside:
        check = partial(_check, repaired=aside / REPAIRED if fix_errors else None)
        entries = list(parallel_map(check, items, len(items), "validate"))
        bad = [entry for entry in entries if entry["status"] == "quarantined"]
        if bad and (not fix_errors or len(bad) == len(entries)):
            hint = "none is left" if fix_errors else "validate.fix_errors mends or leaves out"
            raise DltError("\n".join([_headline(raw, entries, hint), *_fault_lines(bad, shown)]))
        write_json(aside / REPORT, {"examples": entries})
    summary = _summary(entries)
    print(_table(summary))
    for status in reversed(STATUSES):
        lines = _fault_lines([entry for entry in entries if entry["status"] == status], shown)
        if lines:
            print("\n".join([f"{status}, with faults:", *lines]))
    return summary


def example_folder(entry: Mapping[str, Any], raw: Path, validated: Path) -> Path:
    """Where the example of a report entry lies: as ingested, or repaired."""
    if entry["status"] == "repaired":
        return validated / REPAIRED / entry["split"] / entry["name"]
    return raw / _place(entry)


def _find(raw: Path) -> list[tuple[str, Path]]:
    found = find_examples(raw)
    if not found:
        raise DltError(f"{raw}: no examples found")
    if "" in found and len(found) > 1:
        raise DltError(f"{found[''][0]}: beside train, val and test, where only these belong")
    return [(split or FLAT, folder) for split, folders in found.items() for folder in folders]


def _check(item: tuple[str, Path], repaired: Path | None) -> dict[str, Any]:
    """Check one example; `repaired` is the folder for repaired ones, None where none are wanted."""
    split, folder = item
    checked = check_example(folder)
    codes = {fault.code for fault in checked.faults}
    status = "quarantined"
    if not codes or (repaired is None and codes <= HARMLESS):
        status = "ok"
    elif repaired is not None and codes <= REPAIRABLE and checked.example:
        status = "repaired"
        write_example(repaired / split / folder.name, checked.example, checked.screenshot)
    name = folder.name if is_plain_name(folder.name) else ascii(folder.name)[1:-1]
    faults = [asdict(fault) for fault in checked.faults]
    facts = _facts(checked) if status != "quarantined" else {}
    return {"name": name, "split": split, "status": status, **facts, "faults": faults}


def _facts(checked: Checked) -> dict[str, Any]:
    example = checked.example
    assert example and example.layout and checked.size
    return {
        "group": example.group,
        "digest": _digest(example.structure, checked.screenshot),
        "nodes": len(example.structure),
        "roles": Counter(element.role for element in example.layout.elements),
        "props": sorted(example.layout.props),
        "boxes": example.layout.boxes is not None,
        "width": checked.size[0],
        "height": checked.size[1],
    }


def _digest(structure: Structure, screenshot: bytes) -> str:
    """Equal for near-duplicates: the same tags, tree and text, whatever the classes.

    Class names differ from site to site for the same markup. The tree of a section without any
    text says too little, so there the screenshot counts, too.
    """
    nodes = [(node.tag, node.parent, " ".join(node.text.split())) for node in structure.nodes]
    digest = hashlib.sha256(json.dumps(nodes).encode())
    if not any(text for _, _, text in nodes):
        digest.update(screenshot)
    return digest.hexdigest()[:32]


def _summary(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts over all examples (status, faults) and over those that can be used (the others)."""
    usable = [entry for entry in entries if entry["status"] != "quarantined"]
    roles = Counter({role: 0 for role in ROLES})
    for entry in usable:
        roles.update(entry["roles"])
    groups = {entry["group"] for entry in usable}
    return {
        "examples": len(entries),
        "status": _count(STATUSES, (entry["status"] for entry in entries)),
        "split": _count((*SPLITS, FLAT), (entry["split"] for entry in usable)),
        "sites": sum(not group.startswith(OWN_GROUP) for group in groups),
        "with_boxes": sum(entry["boxes"] for entry in usable),
        "roles": dict(roles),
        "props": _count(PROPS, (prop for entry in usable for prop in entry["props"])),
        "faults": _count((), (fault["code"] for entry in entries for fault in entry["faults"])),
        "width": _spread([entry["width"] for entry in usable]),
        "height": _spread([entry["height"] for entry in usable]),
        "nodes": _spread([entry["nodes"] for entry in usable]),
    }


def _count(known: Iterable[str], found: Iterable[str]) -> dict[str, int]:
    counts = Counter(found)
    return {name: counts[name] for name in [*known, *sorted(counts.keys() - set(known))]}


def _spread(values: list[int]) -> dict[str, int | None]:
    if not values:
        return dict.fromkeys(("min", "median", "max"))
    return {"min": min(values), "median": median_low(values), "max": max(values)}


def _table(summary: Mapping[str, Any]) -> str:
    rows = [f"{'examples':10} {summary['examples']:,} of {summary['sites']:,} sites"]
    for name in ("status", "split", "roles", "props", "faults"):
        counts = ", ".join(f"{key} {count:,}" for key, count in summary[name].items() if count)
        rows.append(f"{name:10} {counts or 'none'}")
    for name in ("width", "height", "nodes"):
        spread = summary[name]
        rows.append(f"{name:10} {spread['min']} to {spread['max']}, median {spread['median']}")
    return "\n".join(rows)


def _headline(raw: Path, entries: Sequence[Mapping[str, Any]], hint: str) -> str:
    faults = [len(entry["faults"]) for entry in entries if entry["status"] == "quarantined"]
    counts = f"{sum(faults):,} faults in {len(faults):,} of {len(entries):,} examples"
    return f"{raw}: {counts}; {hint}"


def _place(entry: Mapping[str, Any]) -> str:
    return entry["name"] if entry["split"] == FLAT else f"{entry['split']}/{entry['name']}"


def _fault_lines(entries: Iterable[Mapping[str, Any]], shown: int | None) -> list[str]:
    """One line for each of the first `shown` faults (None: all), and one for how many are left."""
    lines = [
        f"  {_place(entry)}: {Fault(**fault)}" for entry in entries for fault in entry["faults"]
    ]
    left = len(lines) - len(lines[:shown])
    more = [f"  ... and {left:,} more (validate.verbose lists all)"] if left else []
    return lines[:shown] + more
