"""Where the examples lie in a prepared dataset, which are taken, and how they come to data/raw."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from dlt.data.examples import find_places
from dlt.data.shards import packed_files
from dlt.errors import DltError
from dlt.ingest.unpack import LIMITS, in_mib
from dlt.section.example import FILES, SPLITS, Place

_STRAY = re.compile(r"\.|__MACOSX$")


def choose(source: str, folder: Path, limit: int | None) -> dict[str, Sequence[Place]]:
    """The examples to take, by split ("" for none); what is no example is left out."""
    by_split = find_places(_step_through(folder))
    found = {split: list(filter(_is_taken, places)) for split, places in by_split.items()}
    found = {split: places for split, places in found.items() if places}
    for outside in by_split.get("", []):
        if outside.end is None and any(map(_is_example, outside.path.iterdir())):
            raise DltError(
                f"ingest.archive.path: {source}: {outside.name}/ holds examples but is no split;"
                f" the splits are {', '.join(SPLITS)}"
            )
    if not found:
        raise DltError(f"ingest.archive.path: {source}: no example folder in it")
    if len(found) > 1 and "" in found:
        raise DltError(
            f"ingest.archive.path: {source}: {found[''][0].name}/ stands beside the splits,"
            " not in one of them"
        )
    taken = shares({split: len(places) for split, places in found.items()}, limit)
    return {split: places[: taken[split]] for split, places in found.items()}


def _step_through(folder: Path) -> Path:
    """The folder that holds the examples or splits: below any number of lone top folders."""
    while True:
        inner = [p for p in folder.iterdir() if p.is_dir() and not _STRAY.match(p.name)]
        if len(inner) != 1 or inner[0].name in SPLITS or _is_example(inner[0]):
            return folder
        folder = inner[0]


def _is_taken(place: Place) -> bool:
    return place.end is not None or _is_example(place.path)


def _is_example(folder: Path) -> bool:
    """Whether any file of an example is there; `validate` tells which are missing."""
    return any((folder / name).is_file() for name in FILES)


def shares(sizes: dict[str, int], limit: int | None) -> dict[str, int]:
    """How many examples each split gives: as proportional as whole numbers are, none left empty.

    One goes at a time to the split that is served least for its size (Adams' rule), so what a
    larger limit takes holds what a smaller one takes.
    """
    if limit is None or limit >= sum(sizes.values()):
        return sizes
    taken = dict.fromkeys(sizes, 0)
    for _ in range(limit):
        taken[min(sizes, key=lambda split: taken[split] / sizes[split])] += 1
    return taken


def bring(
    chosen: Mapping[str, Sequence[Place]], root: Path, transfer: Callable[[Path, Path], object]
) -> None:
    """Bring the files of the chosen examples into folders under `root`; shards are unpacked."""
    total = sum(map(len, chosen.values()))
    with tqdm(total=total, desc="examples", unit="", disable=None, leave=False) as bar:
        for split, places in chosen.items():
            for place in places:
                target = root / split / place.name
                target.mkdir(parents=True)
                if place.end is None:
                    _transfer(place.path, target, transfer)
                else:
                    for file, content in packed_files(place).items():
                        (target / file).write_bytes(content)
                bar.update()


def _transfer(folder: Path, target: Path, transfer: Callable[[Path, Path], object]) -> None:
    for path in filter(Path.is_file, (folder / name for name in FILES)):
        if path.stat().st_size > LIMITS.member:
            raise DltError(f"{path}: larger than {in_mib(LIMITS.member)}")
        transfer(path, target / path.name)
