"""Hypothesis strategies for structures, their labels and the layouts that labels describe."""

from hypothesis import strategies as st

from dlt.section.labels import Labels, contract
from dlt.section.roles import DROP, MERGE, NO_PROP, PROPS, ROLES, ROOT_ROLE
from dlt.section.selector import format_selector
from dlt.section.tree import Layout, Node, Structure

TAGS = ("div", "section", "h1", "p", "a", "img", "svg", "text")
NASTY_CLASSES = ("mt-2.5", "@container", "w-1/2", "back\\slash", "\\", "ünï", "標題", "a b", "")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
unit = st.floats(0, 1)
boxes = st.tuples(unit, unit, unit, unit)


def parents(max_nodes: int = 12, min_nodes: int = 1) -> st.SearchStrategy[list[int]]:
    """Parent lists of trees in pre-order: a node hangs on the previous one or an ancestor of it."""

    climbs = st.integers(0, 3)

    def build(steps_up: list[int]) -> list[int]:
        out = [-1]
        for steps in steps_up:
            parent = len(out) - 1
            for _ in range(steps):
                parent = max(out[parent], 0)
            out.append(parent)
        return out

    return st.lists(climbs, min_size=min_nodes - 1, max_size=max_nodes - 1).map(build)


def selectors() -> st.SearchStrategy[str]:
    """Selectors as a page might have them, classes with signs that need an escape included."""
    classes = st.lists(st.sampled_from(NASTY_CLASSES) | texts, max_size=3).map(tuple)
    return st.builds(format_selector, st.sampled_from(TAGS), classes)


@st.composite
def structures(
    draw: st.DrawFn, max_nodes: int = 12, names: st.SearchStrategy[str] | None = None
) -> Structure:
    """Structures; `names` gives the selectors (by default mostly few ones, so siblings repeat)."""
    if names is None:
        names = st.one_of(st.just("div"), st.sampled_from(TAGS), selectors())
    attrs = st.dictionaries(st.sampled_from(("src", "href", "alt")), texts, max_size=2)
    nodes = [
        Node(draw(names), parent, draw(texts), draw(attrs))
        for parent in draw(parents(max_nodes=max_nodes))
    ]
    return Structure(tuple(nodes))


@st.composite
def labels_of(
    draw: st.DrawFn, structure: Structure, roles: tuple[str, ...] = ROLES, boxed: bool = True
) -> Labels:
    """Valid labels of a structure; elements below the root take one of `roles`."""
    given = [ROOT_ROLE]
    for parent in structure.parents[1:]:
        may_merge = given[parent] != DROP
        kinds = ("start", DROP, MERGE) if may_merge else ("start", DROP)
        kind = draw(st.sampled_from(kinds))
        given.append(draw(st.sampled_from(roles)) if kind == "start" else kind)
    props = [NO_PROP] * len(structure)
    for prop in draw(st.sets(st.sampled_from(PROPS), max_size=len(structure))):
        free = [i for i, other in enumerate(props) if other == NO_PROP]
        props[draw(st.sampled_from(free))] = prop
    placed = None
    if boxed and draw(st.booleans()):
        placed = tuple(draw(boxes) if role in ROLES else None for role in given)
    return Labels(tuple(given), tuple(props), placed)


@st.composite
def labelled(
    draw: st.DrawFn, max_nodes: int = 12, names: st.SearchStrategy[str] | None = None
) -> tuple[Structure, Labels]:
    """A structure with valid labels."""
    structure = draw(structures(max_nodes=max_nodes, names=names))
    return structure, draw(labels_of(structure))


@st.composite
def sections(
    draw: st.DrawFn, max_nodes: int = 12, names: st.SearchStrategy[str] | None = None
) -> tuple[Structure, Layout]:
    """A structure with a layout that fits it."""
    structure, given = draw(labelled(max_nodes=max_nodes, names=names))
    return structure, contract(structure, given)
