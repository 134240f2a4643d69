"""How a dataset is divided: no site and no near-duplicate in two splits, nor in two folds.

A dataset that comes in train/val/test is kept as it is divided; a flat one is divided by group.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dlt.errors import DltError
from dlt.section.example import OWN_GROUP, SPLITS
from dlt.validate import FLAT

CLOSE_ENOUGH = 0.005  # of all examples, off the wanted share of a split
ATTEMPTS = 64  # orders of the groups tried until a division is as close as that


@dataclass(frozen=True, slots=True)
class Item:
    """What the division of a dataset must know of an example."""

    name: str
    split: str  # where the dataset has it: train, val, test or FLAT
    group: str  # must not be in two splits
    digest: str  # equal for near-duplicates, which must not be in two splits either
    line: int = 0  # where its entry begins in validation's report; all else is read there again

    @property
    def has_site(self) -> bool:
        """Whether its group is a site, and not the example itself."""
        return not self.group.startswith(OWN_GROUP)


@dataclass(frozen=True, slots=True)
class Division:
    """The items of each split, and the copies left out: (item, the one that stays)."""

    splits: dict[str, list[Item]]
    dropped: list[tuple[Item, Item]]


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
        by_name = (components[key] for key in sorted(components))
        found = [items for items in by_name if any(item.has_site for item in items)]
        if len(found) < 2:
            raise DltError(f"split.folds: sites: {len(found)} sites in train and val")
        return found
    if len(components) < folds:
        raise DltError(f"split.folds: {folds}, but train and val have {len(components)} groups")
    parts: list[list[Item]] = [[] for _ in range(folds)]
    for key in sorted(components, key=lambda key: (-len(components[key]), _draw(seed, key))):
        min(parts, key=len).extend(components[key])
    return parts


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
    for key in sorted(sizes, key=lambda key: _draw(salt, key)):
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


def _draw(salt: int | str, key: str) -> bytes:
    """What a key is sorted by: an order that looks random, and is the same everywhere."""
    return hashlib.sha256(f"{salt}/{key}".encode()).digest()
