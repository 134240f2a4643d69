"""Views of a section for training: another page that would be rebuilt into the same layout.

What pages of one design differ in changes: wrappers, class names, words, the order and the number
of parts that no element is made of. Elements, their nesting, roles, boxes and props stay. A page
comes from a template, so what happens to a node happens to the others with its selector, too.

Everything is drawn from the generator that the caller seeds: the same seed gives the same view.
"""

from collections.abc import Callable, Iterable

import numpy as np

from dlt.data.augment_words import new_names, rename, rewrite
from dlt.data.items import Item, from_items, preorder, to_items
from dlt.section.labels import Labels
from dlt.section.roles import DROP, MERGE, NO_PROP
from dlt.section.selector import parse_selector
from dlt.section.tree import Structure

PRUNED = 0.05  # of the parts that are dropped: what shows an element's kind is often among them
FLATTENED = 0.15  # of selectors: builders put one to three wrappers around an element, so some stay
WRAPPED = 0.1  # of selectors, and of parents of runs: adds about what flattening takes out
WHOLE_RUN = 0.5  # the usual wrapper holds all there is; some hold a part of it
SECOND_CLASS = 0.4  # a wrapper of a real page has one class, or, less often, two

# Which wrapper HTML allows between a node and its children; no other node is given one.
_WRAPPER_IN = {
    **dict.fromkeys(
        "body main header footer section article aside div li figure form".split(), "div"
    ),
    **dict.fromkeys("a span p h1 h2 h3 h4 h5 h6 button".split(), "span"),
}
_PLAIN_TAGS = frozenset(_WRAPPER_IN.values())  # of nodes that show nothing themselves

Step = Callable[[Item, np.random.Generator], None]


def augment(
    structure: Structure, labels: Labels, rng: np.random.Generator
) -> tuple[Structure, Labels]:
    """A view of a labelled structure.

    It obeys the label law, and its layout has the same elements, with the same roles, nesting,
    boxes and props, made of other nodes.
    """
    root = to_items(structure, labels)
    for (step, share), draw in zip(_STEPS, rng.random(len(_STEPS)).tolist(), strict=True):
        if draw < share:
            step(root, rng)
    return from_items(root, boxed=labels.boxes is not None)


def prune(root: Item, rng: np.random.Generator) -> None:
    """Remove some subtrees of which nothing is in the layout, but never all that a node holds."""
    order = preorder(root)
    dead = _dead(order)
    draws = iter(rng.random(len(order)).tolist())
    for item in order:
        item.children = [
            child for child in item.children if next(draws) >= PRUNED or child not in dead
        ] or item.children


def shuffle(root: Item, rng: np.random.Generator) -> None:
    """Reorder the children of a node where none of them nor of what they hold is in the layout."""
    order = preorder(root)
    dead = _dead(order)
    for item in order:
        if len(item.children) > 1 and dead.issuperset(item.children):
            item.children = [item.children[i] for i in rng.permutation(len(item.children))]


def flatten(root: Item, rng: np.random.Generator) -> None:
    """Take out wrappers that show nothing and that no element needs: their children move up."""
    order = preorder(root)
    chosen = _choose((item.selector for item in order), FLATTENED, rng)
    for item in reversed(order):  # children first, so that what moves up is final
        if any(child.selector in chosen for child in item.children):
            item.children = [
                kept
                for child in item.children
                for kept in (_without(child) if child.selector in chosen else [child])
            ]


def _without(item: Item) -> list[Item]:
    """What takes the place of an item: the item itself where it cannot go."""
    plain = parse_selector(item.selector)[0] in _PLAIN_TAGS and not item.text
    if not plain or not item.children or item.prop != NO_PROP:
        return [item]
    if item.role in (MERGE, DROP):
        return item.children
    if len(item.children) > 1 or item.children[0].role != MERGE:
        return [item]
    heir = item.children[0]
    heir.role, heir.box = item.role, item.box
    return [heir]


def wrap_nodes(root: Item, rng: np.random.Generator) -> None:
    """Put wrappers around single nodes.

    The outermost node of what a page's author placed starts its element: so a wrapper around a node
    that starts one takes over role and box, and the node merges. Elsewhere it is as the node is.
    """
    order = preorder(root)
    classes = _choose((item.selector for item in order), WRAPPED, rng)
    for item in order:
        tag = _wrapper_tag(item)
        if tag and any(child.selector in classes for child in item.children):
            item.children = [
                _wrap(child, tag + classes[child.selector]) if child.selector in classes else child
                for child in item.children
            ]


def _wrap(item: Item, selector: str) -> Item:
    wrapper = Item(selector, "", {}, item.role, NO_PROP, item.box, [item])
    if item.role != DROP:
        item.role, item.box = MERGE, None
    return wrapper


def wrap_runs(root: Item, rng: np.random.Generator) -> None:
    """Put wrappers around runs of siblings.

    Such a wrapper merges, and what it holds attaches to the same element as before. Under a
    dropped parent it is dropped; so it is around some of the parts of which nothing is in the
    layout, as labellers merge wrappers down to where the tree branches and drop what lies below.
    """
    order = preorder(root)
    dead = _dead(order)
    classes = _choose((item.selector for item in order), WRAPPED, rng)
    places = dict(zip(classes, np.sort(rng.random((len(classes), 2))).tolist(), strict=True))
    whole = dict(zip(classes, rng.random(len(classes)).tolist(), strict=True))
    for item in order:
        tag = _wrapper_tag(item)
        if tag and item.selector in classes:
            count = len(item.children)
            first, last = (int(place * count) for place in places[item.selector])
            if whole[item.selector] < WHOLE_RUN:
                first, last = 0, count - 1
            _wrap_run(item, first, last + 1, tag + classes[item.selector], dead)


def _wrap_run(parent: Item, start: int, end: int, selector: str, dead: set[Item]) -> None:
    run = parent.children[start:end]
    partial = len(run) < len(parent.children)
    if len(run) < 2 or (partial and any(item.role == "column" for item in run)):
        return  # some columns of a grid in a wrapper of their own would be another grid
    dropped = parent.role == DROP or (partial and dead.issuperset(run))
    wrapper = Item(selector, "", {}, DROP if dropped else MERGE, NO_PROP, None, run)
    parent.children[start:end] = [wrapper]


def _wrapper_tag(parent: Item) -> str | None:
    return _WRAPPER_IN.get(parse_selector(parent.selector)[0])


def _dead(order: list[Item]) -> set[Item]:
    """The items whose subtree holds no part of the layout: no element, no node of one, no prop."""
    dead: set[Item] = set()
    for item in reversed(order):
        if item.role == DROP and item.prop == NO_PROP and dead.issuperset(item.children):
            dead.add(item)
    return dead


def _choose(selectors: Iterable[str], share: float, rng: np.random.Generator) -> dict[str, str]:
    """Choose a share of the selectors; each comes with new classes, as `.one` or `.one.two`."""
    distinct = list(dict.fromkeys(selectors))
    draws = rng.random(len(distinct)).tolist()
    chosen = [selector for selector, draw in zip(distinct, draws, strict=True) if draw < share]
    names = new_names(2 * len(chosen), rng)
    two = (rng.random(len(chosen)) < SECOND_CLASS).tolist()
    return {
        selector: "." + ".".join(names[2 * i : 2 * i + 1 + two[i]])
        for i, selector in enumerate(chosen)
    }


# Each step with the share of views that take it: about a half, so that each change is seen with and
# without the others, and some views stay the section itself. Order and parts that are dropped hardly
# differ between pages of one kind, hence less often; words differ most.
_STEPS: tuple[tuple[Step, float], ...] = (
    (prune, 0.25),
    (shuffle, 0.25),
    (flatten, 0.5),
    (wrap_nodes, 0.5),
    (wrap_runs, 0.5),
    (rename, 0.6),
    (rewrite, 0.6),
)
