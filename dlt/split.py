"""The split stage: no site and no near-duplicate in two splits; packed and encoded for training.

A dataset that comes in train/val/test is kept as it is divided; a flat one is divided by group.
"""

import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from dlt.data.encoded_bytes import to_bytes
from dlt.data.examples import read_place
from dlt.data.labelled import label
from dlt.data.shards import FACTS, ShardWriter, hash_shards
from dlt.errors import DltError
from dlt.files import new_folder, write_json
from dlt.params import ModelParams, Params, Split
from dlt.phase import SUMMARY, phase_of
from dlt.process import parallel_map
from dlt.section.example import OWN_GROUP, SPLITS, Place
from dlt.validate import FLAT, REPORT, place_of, read_entry, read_report

CLOSE_ENOUGH = 0.005  # of all examples, off the wanted share of a split
COPIES_SHOWN = 10
ATTEMPTS = 64  # orders of the groups tried until a division is as close as that


@dataclass(frozen=True, slots=True)
class Item:
    """What the division of a dataset must know of an example."""

    name: str
    split: str  # where the dataset has it: train, val, test or FLAT
    group: str  # must not be in two splits
    digest: str  # equal for near-duplicates, which must not be in two splits either
    line: int = 0  # where its entry begins in validation's report; all else is read there again


@dataclass(frozen=True, slots=True)
class Division:
    """The items of each split, and the copies left out: (item, the one that stays)."""

    splits: dict[str, list[Item]]
    dropped: list[tuple[Item, Item]]


def split(
    raw: Path,
    validated: Path,
    splits: Path,
    processed: Path,
    *,
    params: Params,
) -> dict[str, Any]:
    """Divide the examples that validation let pass, pack them, and encode them for the model.

    Writes `splits`/{train,val,test}.txt (names) and summary.json, and tar shards in
    `processed`/{train,val,test}. Returns the summary; its `data_hash` covers the names and
    contents of train and val, which is all that training reads.

    Raises:
        DltError: the dataset cannot be divided in three non-empty splits, or there is no such fold.
    """
    items, found = read_items(validated / REPORT)
    try:
        division = divide(items, params.split.ratios, params.seed)
        if params.split.folds is not None:
            division = take_fold(division, params.split.folds, params.split.fold, params.seed)
    except DltError as error:
        raise DltError(f"{raw}: {error}") from None
    model = params.resolve(params.phase_for(phase_of(found))).model
    with ExitStack() as whole:  # the folders around them stay: DVC keeps a .gitignore there
        listed = whole.enter_context(new_folder(splits))
        packed = {name: whole.enter_context(new_folder(processed / name)) for name in SPLITS}
        for name, members in division.splits.items():
            names = _unique_names(members)
            _pack(packed[name], members, names, raw, validated, model)
            (listed / f"{name}.txt").write_text("".join(f"{n}\n" for n in names), encoding="utf-8")
        data_hash = hash_shards([packed["train"], packed["val"]])
        summary = {**_summary(division, found), **_fold(params.split), "data_hash": data_hash}
        write_json(listed / SUMMARY, summary)
    print(_table(summary))
    return summary


def read_items(report: Path) -> tuple[list[Item], int]:
    """The usable examples, some 300 bytes each, and the number of all."""
    items, found = [], 0
    for line, entry in read_report(report):
        found += 1
        if entry["status"] != "quarantined":
            group = sys.intern(entry["group"])  # many share it
            items.append(Item(entry["name"], entry["split"], group, entry["digest"], line))
    return items, found


def _pack(
    folder: Path,
    items: Sequence[Item],
    names: Sequence[str],
    raw: Path,
    validated: Path,
    model: ModelParams,
) -> None:
    with ShardWriter(folder) as writer, (validated / REPORT).open("rb") as report:
        places = (place_of(read_entry(report, item.line), raw, validated) for item in items)
        encode = partial(_encode, model=model)
        encoded = parallel_map(encode, places, len(items), f"pack {folder.name}")
        for item, name, (place, content) in zip(items, names, encoded, strict=True):
            entry = read_entry(report, item.line)
            writer.add(place, {fact: entry[fact] for fact in FACTS}, name, content)


def _encode(place: Place, model: ModelParams) -> tuple[Place, bytes]:
    return place, to_bytes(label(*read_place(place), model).encoded)


def name_folds(raw: Path, validated: Path, params: Split, seed: int) -> list[str]:
    """What `split` would make val, fold by fold: their numbers, or their sites.

    Raises:
        DltError: as `split`.
    """
    assert params.folds is not None
    items, _ = read_items(validated / REPORT)
    try:
        parts = make_folds(divide(items, params.ratios, seed), params.folds, seed)
    except DltError as error:
        raise DltError(f"{raw}: {error}") from None
    if params.folds != "sites":
        return [str(number) for number in range(len(parts))]
    return ["+".join(sorted({item.group for item in part if _has_site([item])})) for part in parts]


def take_fold(
    division: Division, folds: int | Literal["sites"], number: int, seed: int
) -> Division:
    """Put train and val together, make fold `number` val and all other folds train.

    Test stays as it is. With folds by site, sections without a site are in train every time.

    Raises:
        DltError: as `make_folds`, or there is no fold of that number.
    """
    parts = make_folds(division, folds, seed)
    if number >= len(parts):
        raise DltError(f"split.fold: {number}, but there are folds 0 to {len(parts) - 1} only")
    pool = [*division.splits["train"], *division.splits["val"]]
    val = set(parts[number])
    splits = {
        "train": [item for item in pool if item not in val],
        "val": [item for item in pool if item in val],
        "test": division.splits["test"],
    }
    return Division(splits, division.dropped)


def make_folds(division: Division, folds: int | Literal["sites"], seed: int) -> list[list[Item]]:
    """Folds over train and val: no group, and no near-duplicate, is in two of them.

    A number of folds gets groups by size, each to the smallest fold; "sites" makes every site a
    fold of its own, sites with a near-duplicate in common counted as one.

    Raises:
        DltError: fewer groups than folds, or fewer than two sites.
    """
    components = _components([*division.splits["train"], *division.splits["val"]])
    if folds == "sites":
        found = [components[key] for key in sorted(components) if _has_site(components[key])]
        if len(found) < 2:
            raise DltError(f"split.folds: sites: {len(found)} sites in train and val")
        return found
    if len(components) < folds:
        raise DltError(f"split.folds: {folds}, but train and val have {len(components)} groups")
    parts: list[list[Item]] = [[] for _ in range(folds)]
    for key in sorted(components, key=lambda key: (-len(components[key]), _draw(seed, key))):
        min(parts, key=len).extend(components[key])
    return parts


def _has_site(items: Iterable[Item]) -> bool:
    return any(not item.group.startswith(OWN_GROUP) for item in items)


def _draw(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed}/{key}".encode()).digest()


def divide(items: Sequence[Item], ratios: tuple[float, float, float], seed: int) -> Division:
    """Place items in train, val and test.

    Flat items are divided by group, groups with a near-duplicate in common counted as one. Given
    splits stay as they are, but a copy of something in test is left out of train and val, and a
    copy of something in val out of train; a split that is not given is taken from train.

    Raises:
        DltError: too few groups, or nothing in train.
    """
    kept, dropped = _drop_copies(items)
    given = {name: [item for item in kept if item.split == name] for name in (*SPLITS, FLAT)}
    wanted = dict(zip(SPLITS, ratios, strict=True))
    if given[FLAT]:
        return Division(_divide_groups(given[FLAT], wanted, seed), [])
    if not given["train"]:
        raise DltError("no usable examples in train")
    missing = {name: share for name, share in wanted.items() if not given[name] or name == "train"}
    taken = _divide_groups(given["train"], missing, seed) if len(missing) > 1 else {}
    return Division({name: taken.get(name, given[name]) for name in SPLITS}, dropped)


def _drop_copies(items: Sequence[Item]) -> tuple[list[Item], list[tuple[Item, Item]]]:
    """Leave out what a split held back further already has: test before val before train."""
    kept: list[Item] = []
    dropped: list[tuple[Item, Item]] = []
    held_back: dict[str, Item] = {}
    for name in ("test", "val", "train", FLAT):
        fresh = []
        for item in items:
            if item.split != name:
                continue
            if item.digest in held_back:
                dropped.append((item, held_back[item.digest]))
            else:
                fresh.append(item)
        held_back.update((item.digest, item) for item in reversed(fresh))
        kept.extend(fresh)
    return kept, dropped


def _divide_groups(
    items: Sequence[Item], shares: Mapping[str, float], seed: int
) -> dict[str, list[Item]]:
    """Divide items so that the splits' sizes come close to their shares, in a hashed order."""
    components = _components(items)
    if len(components) < len(shares):
        needed = f"{', '.join(shares)} need at least {len(shares)}"
        raise DltError(
            f"{len(items):,} usable examples in {len(components)} groups (sites, joined where they "
            f"share near-duplicates); {needed}"
        )
    sizes = {key: len(members) for key, members in components.items()}
    best: tuple[float, dict[str, str]] | None = None
    for attempt in range(ATTEMPTS):
        found = _fill(sizes, shares, f"{seed}/{attempt}")
        if best is None or found[0] < best[0]:
            best = found
        if best[0] <= CLOSE_ENOUGH:
            break
    assert best is not None
    divided: dict[str, list[Item]] = {name: [] for name in shares}
    for key, name in best[1].items():
        divided[name].extend(components[key])
    return {name: sorted(members, key=lambda item: item.name) for name, members in divided.items()}


def _components(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Items by group, groups with an equal digest joined; the key is the least group's name."""
    leader: dict[str, str] = {}

    def find(group: str) -> str:
        """The leader of a group (union-find, with path halving)."""
        while (parent := leader.setdefault(group, group)) != group:
            leader[group] = leader[parent]
            group = parent
        return group

    groups: dict[str, str] = {}
    items = list(items)
    for item in items:
        one, other = find(item.group), find(groups.setdefault(item.digest, item.group))
        leader[max(one, other)] = min(one, other)
    joined = defaultdict(list)
    for item in items:
        joined[find(item.group)].append(item)
    return joined


def _fill(
    sizes: Mapping[str, int], shares: Mapping[str, float], salt: str
) -> tuple[float, dict[str, str]]:
    """Give each group to the split that lacks most; the largest share missed, and the splits."""
    total = sum(sizes.values())
    lacking = {name: share * total / sum(shares.values()) for name, share in shares.items()}
    placed: dict[str, list[str]] = {name: [] for name in shares}
    for key in sorted(sizes, key=lambda key: hashlib.sha256(f"{salt}/{key}".encode()).digest()):
        name = max(lacking, key=lambda name: lacking[name])
        placed[name].append(key)
        lacking[name] -= sizes[key]
    for name in (name for name in placed if not placed[name]):
        donor = max(placed, key=lambda name: len(placed[name]))
        key = min(placed[donor], key=lambda key: sizes[key])
        placed[donor].remove(key)
        placed[name].append(key)
        lacking[donor] += sizes[key]
        lacking[name] -= sizes[key]
    missed = max(map(abs, lacking.values())) / total
    return missed, {key: name for name, keys in placed.items() for key in keys}


def _unique_names(members: Sequence[Item]) -> list[str]:
    """Names that differ: given train and val, put together for folds, may share some."""
    counts = Counter(item.name for item in members)
    return [i.name if counts[i.name] == 1 else f"{i.split}-{i.name}" for i in members]


def _fold(params: Split) -> dict[str, Any]:
    return {} if params.folds is None else {"folds": params.folds, "fold": params.fold}


def _summary(division: Division, found: int) -> dict[str, Any]:
    groups = {name: {item.group for item in items} for name, items in division.splits.items()}
    homes = Counter(group for members in groups.values() for group in members)
    return {
        "found": found,
        "examples": sum(map(len, division.splits.values())),
        "phase": phase_of(found),
        "split": {name: len(items) for name, items in division.splits.items()},
        "groups": {name: len(members) for name, members in groups.items()},
        "shared_sites": sorted(
            group for group, n in homes.items() if n > 1 and not group.startswith(OWN_GROUP)
        ),
        "dropped": [
            {"name": item.name, "split": item.split, "copy_of": f"{stays.split}/{stays.name}"}
            for item, stays in division.dropped
        ],
    }


def _table(summary: Mapping[str, Any]) -> str:
    rows = [
        f"{name:6} {count:,} examples in {summary['groups'][name]:,} groups"
        for name, count in summary["split"].items()
    ]
    rows.append(f"{summary['phase']}, by the {summary['found']:,} examples that ingest found")
    for copy in summary["dropped"][:COPIES_SHOWN]:
        rows.append(f"left out: {copy['split']}/{copy['name']}, a copy of {copy['copy_of']}")
    if more := len(summary["dropped"][COPIES_SHOWN:]):
        rows.append(f"... and {more:,} more (all in {SUMMARY})")
    if summary["shared_sites"]:
        rows.append(f"in two given splits: {', '.join(summary['shared_sites'])}")
    return "\n".join(rows)
