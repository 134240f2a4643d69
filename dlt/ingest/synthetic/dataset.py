"""The synthetic dataset: which section is which, and its files."""

import itertools
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from random import Random

from dlt.ingest.synthetic import backdrop
from dlt.ingest.synthetic.composer import Composer, Kind
from dlt.ingest.synthetic.held_out import TEST, VALIDATION
from dlt.ingest.synthetic.item import Item, place
from dlt.ingest.synthetic.kinds import TRAINING
from dlt.ingest.synthetic.paint import paint
from dlt.ingest.synthetic.style import VIEWPORT, WIDTH, make_site
from dlt.process import parallel_map
from dlt.section.example import SPLITS, Example, write_example
from dlt.section.labels import Labels, contract
from dlt.section.roles import NO_PROP, ROLES
from dlt.section.selector import format_selector
from dlt.section.tree import Box, Node, Structure

KINDS: dict[str, dict[Kind, int]] = {"train": TRAINING, "val": VALIDATION, "test": TEST}
_MOST_NODES = 160  # larger sections are drawn anew; real ones have no more
_SITE_SECTIONS = 9  # mean number of sections of a site


def write_dataset(root: Path, count: int, seed: int) -> None:
    """Write `count` sections as example folders into root/train, root/val and root/test.

    The split is 80/10/10 by count, by site and by kind; the same arguments give the same bytes.
    """
    for split in SPLITS:
        (root / split).mkdir(parents=True, exist_ok=True)
    write = partial(_write, root=root, count=count, seed=seed)
    for _ in parallel_map(write, range(count), total=count, title="synthetic"):
        pass


def _write(index: int, root: Path, count: int, seed: int) -> None:
    split, example, screenshot = generate(index, count, seed)
    write_example(root / split / example.name, example, screenshot)


def generate(index: int, count: int, seed: int) -> tuple[str, Example, bytes]:
    """Section `index` of a dataset of `count`: its split, the example and its screenshot as PNG."""
    plan = _plan(index, count, seed)
    site = make_site(plan.site, plan.split, f"{seed}/{plan.site}")
    for attempt in itertools.count():
        composer = Composer(site, plan.kind.__name__, Random(f"{seed}/{index}/{attempt}"))
        root = backdrop.decorated(composer, _compose(composer, plan.kind))
        height = max(round(place(root, 0, 0, WIDTH)), 24)
        if _is_sound(root):
            break
    meta = {
        "format": 1,
        "site": site.name,
        "kind": composer.kind,
        "source": "synthetic",
        "language": site.language.code,
        "habit": site.habit,
        "viewport": VIEWPORT,
    }
    structure, labels = _label(root, height)
    name = f"{site.name}_{blake2b(f'{seed}/{index}'.encode(), digest_size=5).hexdigest()}"
    return (
        plan.split,
        Example(name, structure, contract(structure, labels), meta),
        paint(root, height),
    )


def _is_sound(root: Item) -> bool:
    """Whether a section is not too large, nothing in it was squeezed to less than nothing, and none
    of its elements is empty."""
    items = list(root.walk())
    elements = [item for item in items if item.role in ROLES]
    return (
        len(items) <= _MOST_NODES
        and min(item.rect[2] for item in items) >= 0
        and min(min(item.rect[2:]) for item in elements) > 0
    )


def _compose(c: Composer, kind: Kind) -> Item:
    """A section of a kind, now and then in other colours or before a picture."""
    chance = c.rng.random()
    if chance < 0.1:
        c.use(c.site.accented)
    elif chance < 0.25:
        c.use(c.site.dark)
    root = kind(c)
    plain = all(item.prop == NO_PROP for item in (root, *root.children))
    if 0.1 < chance < 0.25 and plain:
        return backdrop.picture(c, root, veiled=c.rng.random() < 0.3)
    return root


def _label(root: Item, height: int) -> tuple[Structure, Labels]:
    """Items as a structure and its labels; boxes are fractions of the screenshot."""
    nodes: list[Node] = []
    items: list[Item] = []
    stack = [(root, -1)]
    while stack:
        item, parent = stack.pop()
        selector = format_selector(item.tag, item.classes)
        stack.extend((child, len(nodes)) for child in reversed(item.children))
        nodes.append(Node(selector, parent, item.text, item.attrs))
        items.append(item)
    boxes = tuple(_box(item, height) if item.role in ROLES else None for item in items)
    roles, props = tuple(item.role for item in items), tuple(item.prop for item in items)
    return Structure(tuple(nodes)), Labels(roles, props, boxes)


def _box(item: Item, height: int) -> Box:
    x, y, w, h = item.rect
    left, right = (min(max(v / WIDTH, 0.0), 1.0) for v in (x, x + w))
    top, bottom = (min(max(v / height, 0.0), 1.0) for v in (y, y + h))
    return round(left, 4), round(top, 4), round(right - left, 4), round(bottom - top, 4)


# --- which section is which -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    split: str
    site: str
    kind: Kind


def _plan(index: int, count: int, seed: int) -> _Plan:
    """Kinds come in shuffled rounds, each as often in a round as its weight says."""
    if not 0 <= index < count:
        raise ValueError(f"section {index} of {count}")
    held_out = max(1, round(count / 10)) if count > 2 else 0
    sizes = {"train": count - 2 * held_out, "val": held_out, "test": held_out}
    split, at = "train", index
    for split in SPLITS:
        if at < sizes[split]:
            break
        at -= sizes[split]
    weights = KINDS[split]
    deck = [kind for kind, weight in weights.items() for _ in range(weight)]
    turn, card = divmod(at, len(deck))
    Random(f"{seed}/{split}/{turn}").shuffle(deck)
    return _Plan(split, f"{split[:2]}{_site_number(at, split, seed):05d}", deck[card])


def _site_number(at: int, split: str, seed: int) -> int:
    """Sites hold 5 to 13 sections: nine each, their ends moved by up to two."""
    number, rest = divmod(at, _SITE_SECTIONS)
    end = Random(f"{seed}/{split}/site/{number}").randint(-2, 2) if number else 0
    before = Random(f"{seed}/{split}/site/{number + 1}").randint(-2, 2)
    if rest < end:
        return number - 1
    return number + 1 if rest >= _SITE_SECTIONS + before else number
