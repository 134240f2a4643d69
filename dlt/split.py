"""The split stage: a dataset divided, packed and encoded for training."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from dlt.data.encoded_bytes import to_bytes
from dlt.data.examples import read_place
from dlt.data.labelled import label
from dlt.data.shards import FACTS, ShardWriter, hash_shards
from dlt.division import Division, Item, divide, make_folds, take_fold
from dlt.errors import DltError
from dlt.files import new_folder, write_json
from dlt.params import ModelParams, Params, Split
from dlt.paths import SUMMARY
from dlt.phase import phase_of
from dlt.process import parallel_map
from dlt.section.example import SPLITS, Place
from dlt.validate import REPORT, place_of, read_entry, read_report

COPIES_SHOWN = 10


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
        write_json(listed / SUMMARY.name, summary)
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
    return ["+".join(sorted({item.group for item in part if item.has_site})) for part in parts]


def _unique_names(members: Sequence[Item]) -> list[str]:
    """Names that differ: given train and val, put together for folds, may share some."""
    counts = Counter(item.name for item in members)
    return [i.name if counts[i.name] == 1 else f"{i.split}-{i.name}" for i in members]


def _fold(params: Split) -> dict[str, Any]:
    return {} if params.folds is None else {"folds": params.folds, "fold": params.fold}


def _summary(division: Division, found: int) -> dict[str, Any]:
    groups = {name: {item.group for item in items} for name, items in division.splits.items()}
    sites = [{item.group for item in items if item.has_site} for items in division.splits.values()]
    homes = Counter(site for found_there in sites for site in found_there)
    return {
        "found": found,
        "examples": sum(map(len, division.splits.values())),
        "phase": phase_of(found),
        "split": {name: len(items) for name, items in division.splits.items()},
        "groups": {name: len(members) for name, members in groups.items()},
        "shared_sites": sorted(site for site, n in homes.items() if n > 1),
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
        rows.append(f"... and {more:,} more (all in {SUMMARY.name})")
    if summary["shared_sites"]:
        rows.append(f"in two given splits: {', '.join(summary['shared_sites'])}")
    return "\n".join(rows)
