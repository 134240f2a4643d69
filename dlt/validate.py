"""The validate stage: a verdict for every example of a dataset, and repairs where they are wanted.

The report names each example's faults and what the split stage must know of it; ingest's output is
only read, repaired examples are written to the stage's own. Examples pass one by one: what is kept
of them is counts.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from dlt.check import HARMLESS, REPAIRABLE, Checked, Fault, check_example
from dlt.data.examples import find_places
from dlt.data.shards import is_plain_name
from dlt.errors import DltError
from dlt.files import new_folder
from dlt.process import parallel_map
from dlt.section.example import OWN_GROUP, SPLITS, Place, write_example
from dlt.section.roles import PROPS, ROLES
from dlt.section.tree import Structure

REPORT, REPAIRED = "report.json", "repaired"
FLAT = "flat"  # the split of an example that lies in no split's folder
STATUSES = ("ok", "repaired", "quarantined")

FAULTS_SHOWN = 10

Entry = Mapping[str, Any]


def validate(raw: Path, out: Path, *, fix_errors: bool, verbose: bool) -> dict[str, Any]:
    """Check the dataset in `raw` and write `out`/report.json, a verdict for each example.

    With `fix_errors`, examples with one right repair are written to `out`/repaired/<split>/<name>
    (a flat dataset: repaired/flat/<name>), and those without are listed as quarantined. `verbose`
    prints all faults instead of the first ten. Returns the summary, with counts per split, status,
    role, prop and fault.

    Raises:
        DltError: no examples; a damaged shard; faults without `fix_errors`; no example left with it.
    """
    found = _find(raw)
    tally = Tally(shown=None if verbose else FAULTS_SHOWN)
    with new_folder(out) as aside:
        check = partial(_check, raw=raw, repaired=aside / REPAIRED if fix_errors else None)
        items = ((split, place) for split, places in found.items() for place in places)
        entries = parallel_map(check, items, sum(map(len, found.values())), "validate")
        write_report(aside / REPORT, tally.counting(entries))
        bad = tally.status["quarantined"]
        if bad and (not fix_errors or bad == tally.examples):
            hint = "none is left" if fix_errors else "validate.fix_errors mends or leaves out"
            counts = f"{tally.faults_of['quarantined']:,} faults in {bad:,} of {tally.examples:,}"
            head = f"{raw}: {counts} examples; {hint}"
            raise DltError("\n".join([head, *tally.fault_lines("quarantined")]))
    summary = tally.summary()
    print(_table(summary))
    for status in reversed(STATUSES):
        if lines := tally.fault_lines(status):
            print("\n".join([f"{status}, with faults:", *lines]))
    return summary


def write_report(path: Path, entries: Iterable[Entry]) -> None:
    """Write a report: JSON with one example a line, so that it is read line by line, too."""
    with path.open("w", encoding="utf-8") as file:
        file.write('{"examples": [')
        for i, entry in enumerate(entries):
            file.write(f"{',' if i else ''}\n{json.dumps(entry, ensure_ascii=False)}")
        file.write("\n]}\n")


def read_report(path: Path) -> Iterator[tuple[int, Entry]]:
    """The entries of a report one by one, each with the byte that `read_entry` finds it at."""
    at = 0
    with path.open("rb") as lines:
        for line in lines:
            if line.startswith(b'{"name"'):
                yield at, json.loads(line.rstrip(b",\n"))
            at += len(line)


def read_entry(report: IO[bytes], at: int) -> Entry:
    """One entry of an open report."""
    report.seek(at)
    entry: Entry = json.loads(report.readline().rstrip(b",\n"))
    return entry


def place_of(entry: Entry, raw: Path, validated: Path) -> Place:
    """Where the example of a report entry lies: as ingested, or repaired."""
    name, split = entry["name"], entry["split"]
    if entry["status"] == "repaired":
        return Place(name, validated / REPAIRED / split / name)
    if "shard" in entry:
        return Place(name, raw / entry["shard"], entry["start"], entry["end"])
    return Place(name, raw / _title(entry))


def _find(raw: Path) -> dict[str, Sequence[Place]]:
    found = find_places(raw)
    if not found:
        raise DltError(f"{raw}: no examples found")
    if "" in found and len(found) > 1:
        stray = found[""][0]
        where = stray.path if stray.end is None else f"{stray.path}: {stray.name}"
        raise DltError(f"{where}: beside train, val and test, where only these belong")
    return {split or FLAT: places for split, places in found.items()}


def _check(item: tuple[str, Place], raw: Path, repaired: Path | None) -> Entry:
    """Check one example; `repaired` is the folder for repaired ones, None where none are wanted."""
    split, place = item
    checked = check_example(place)
    codes = {fault.code for fault in checked.faults}
    status = "quarantined"
    if not codes or (repaired is None and codes <= HARMLESS):
        status = "ok"
    elif repaired is not None and codes <= REPAIRABLE and checked.example:
        status = "repaired"
        write_example(repaired / split / place.name, checked.example, checked.screenshot)
    name = place.name if is_plain_name(place.name) else ascii(place.name)[1:-1]
    entry: dict[str, Any] = {"name": name, "split": split, "status": status}
    if place.end is not None:
        shard = place.path.relative_to(raw).as_posix()
        entry |= {"shard": shard, "start": place.start, "end": place.end}
    if status != "quarantined":
        entry |= _facts(checked)
    return entry | {"faults": [asdict(fault) for fault in checked.faults]}


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


@dataclass
class Tally:
    """Counts over all examples (status, faults) and over those that can be used (the others)."""

    shown: int | None  # fault lines kept of each status; None: all
    examples: int = 0
    with_boxes: int = 0
    status: Counter[str] = field(default_factory=Counter)
    split: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    props: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    faults_of: Counter[str] = field(default_factory=Counter)  # faults by status
    sites: set[str] = field(default_factory=set)
    sizes: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def counting(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The same entries, counted as they pass."""
        for entry in entries:
            self._add_faults(entry)
            if entry["status"] != "quarantined":
                self._add_facts(entry)
            yield entry

    def _add_faults(self, entry: Entry) -> None:
        status = entry["status"]
        self.examples += 1
        self.status[status] += 1
        for fault in entry["faults"]:
            self.codes[fault["code"]] += 1
            self.faults_of[status] += 1
            if self.shown is None or len(self.lines[status]) < self.shown:
                self.lines[status].append(f"  {_title(entry)}: {Fault(**fault)}")

    def _add_facts(self, entry: Entry) -> None:
        self.split[entry["split"]] += 1
        self.roles.update(entry["roles"])
        self.props.update(entry["props"])
        self.with_boxes += entry["boxes"]
        if not entry["group"].startswith(OWN_GROUP):
            self.sites.add(entry["group"])
        for name in ("width", "height", "nodes"):
            self.sizes[name][entry[name]] += 1

    def summary(self) -> dict[str, Any]:
        """What metrics/validate.json holds."""
        return {
            "examples": self.examples,
            "status": _count(STATUSES, self.status),
            "split": _count((*SPLITS, FLAT), self.split),
            "sites": len(self.sites),
            "with_boxes": self.with_boxes,
            "roles": _count(ROLES, self.roles),
            "props": _count(PROPS, self.props),
            "faults": _count((), self.codes),
            **{name: _spread(self.sizes[name]) for name in ("width", "height", "nodes")},
        }

    def fault_lines(self, status: str) -> list[str]:
        """The lines kept of a status, and one for how many are left."""
        left = self.faults_of[status] - len(self.lines[status])
        more = [f"  ... and {left:,} more (validate.verbose lists all)"] if left else []
        return self.lines[status] + more


def _count(known: Iterable[str], counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in [*known, *sorted(counts.keys() - set(known))]}


def _spread(counts: Counter[int]) -> dict[str, int | None]:
    """The least, the lower median and the greatest of counted values."""
    if not counts:
        return dict.fromkeys(("min", "median", "max"))
    before, half = 0, (counts.total() + 1) // 2
    for median in sorted(counts):
        before += counts[median]
        if before >= half:
            break
    return {"min": min(counts), "median": median, "max": max(counts)}


def _table(summary: Mapping[str, Any]) -> str:
    rows = [f"{'examples':10} {summary['examples']:,} of {summary['sites']:,} sites"]
    for name in ("status", "split", "roles", "props", "faults"):
        counts = ", ".join(f"{key} {count:,}" for key, count in summary[name].items() if count)
        rows.append(f"{name:10} {counts or 'none'}")
    for name in ("width", "height", "nodes"):
        spread = summary[name]
        rows.append(f"{name:10} {spread['min']} to {spread['max']}, median {spread['median']}")
    return "\n".join(rows)


def _title(entry: Entry) -> str:
    return entry["name"] if entry["split"] == FLAT else f"{entry['split']}/{entry['name']}"
