"""The label law: a layout is a contraction of the DOM tree, written as two labels on each node.

A node's role label is a role (it starts an element), `merge` (it joins its parent's element) or
`drop` (it is absent). Its prop label says whether it is the background image, video or overlay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dlt.section.errors import SectionError
from dlt.section.roles import DROP, MERGE, NO_PROP, NODE_PROPS, PROPS, ROLES, ROOT_ROLE
from dlt.section.tree import Box, Element, Layout, Structure, children, subtree_ends

MAX_STEPS = 5_000_000  # some three seconds; a real section takes a few hundred


@dataclass(frozen=True)
class Labels:
    """A label sequence over the nodes of a structure in pre-order.

    `roles[i]` is one of NODE_ROLES, `props[i]` one of NODE_PROPS, `boxes[i]` the box of the element
    that node i starts, or None; `boxes` is None where the layout has no boxes at all.
    """

    roles: tuple[str, ...]
    props: tuple[str, ...]
    boxes: tuple[Box | None, ...] | None = None


def contract(structure: Structure, labels: Labels) -> Layout:
    """Build the layout that labels describe.

    Raises:
        SectionError: the labels break the law, as with a merge under a dropped parent.
    """
    if not len(structure) == len(labels.roles) == len(labels.props):
        raise SectionError(f"{len(labels.roles)} role labels for {len(structure)} nodes")
    owners = element_of_nodes(structure.parents, labels.roles)
    firsts = [i for i, role in enumerate(labels.roles) if role in ROLES]
    selectors: list[list[str]] = [[] for _ in firsts]
    for node, owner in zip(structure.nodes, owners.joined, strict=True):
        if owner >= 0:
            selectors[owner].append(node.selector)
    parents = [owners.enclosing[structure.parents[i]] if i else -1 for i in firsts]
    elements = tuple(
        Element(labels.roles[i], tuple(own), parent)
        for i, own, parent in zip(firsts, selectors, parents, strict=True)
    )
    props = _contract_props(structure, labels.props)
    return Layout(elements, props, _contract_boxes(labels, firsts))


@dataclass(frozen=True, slots=True)
class Owners:
    """For each node, the element it joined (-1: dropped) and the nearest enclosing element."""

    joined: tuple[int, ...]
    enclosing: tuple[int, ...]


def element_of_nodes(parents: Sequence[int], roles: Sequence[str]) -> Owners:
    """Follow role labels down the tree.

    Raises:
        SectionError: the root does not start a section, a merge stands under a dropped parent, or
            a label is unknown.
    """
    if roles[0] != ROOT_ROLE:
        raise SectionError(f"the root must start the {ROOT_ROLE}, its label is {roles[0]!r}")
    joined: list[int] = []
    enclosing: list[int] = []
    count = 0
    for i, role in enumerate(roles):
        if role in ROLES:
            joined.append(count)
            enclosing.append(count)
            count += 1
        elif role == MERGE:
            if joined[parents[i]] < 0:
                raise SectionError(f"node {i}: merge under a dropped parent")
            joined.append(joined[parents[i]])
            enclosing.append(joined[-1])
        elif role == DROP:
            joined.append(-1)
            enclosing.append(enclosing[parents[i]])
        else:
            raise SectionError(f"node {i}: unknown role label {role!r}")
    return Owners(tuple(joined), tuple(enclosing))


def node_boxes(parents: Sequence[int], labels: Labels) -> tuple[list[Box], list[Box | None]]:
    """The box and the content box of every node of labels that have boxes.

    A content box is the hull of the elements that start below a node; None where none do. The box is
    that of the element that starts at the node, else the content box, else that of the element that
    the node joined or that encloses it.

    Raises:
        SectionError: the labels break the label law.
    """
    assert labels.boxes is not None
    enclosing = element_of_nodes(parents, labels.roles).enclosing
    firsts = [box for box in labels.boxes if box is not None]
    contents: list[Box | None] = [None] * len(parents)
    for i in range(len(parents) - 1, 0, -1):
        if own := labels.boxes[i] or contents[i]:
            contents[parents[i]] = _hull(own, contents[parents[i]])
    boxes = [
        own or content or firsts[element]
        for own, content, element in zip(labels.boxes, contents, enclosing, strict=True)
    ]
    return boxes, contents


def _hull(a: Box, b: Box | None) -> Box:
    """The smallest box around both."""
    if b is None:
        return a
    x, y = min(a[0], b[0]), min(a[1], b[1])
    right, bottom = max(a[0] + a[2], b[0] + b[2]), max(a[1] + a[3], b[1] + b[3])
    return x, y, right - x, bottom - y


def labels(structure: Structure, layout: Layout) -> Labels:
    """Recover the labels of a layout: the first assignment that places all of it.

    Nodes are taken in pre-order; each tries to merge, then to start the next element, then drops.

    Raises:
        SectionError: no assignment exists; the message names the first key without a place. Or
            the tree is so large and uniform that MAX_STEPS do not decide it.
    """
    _check_vocabulary(layout)
    matcher = _Matcher(structure)
    roles = matcher.match(layout.elements)
    if roles is None:
        misfit = _first_misfit(matcher, layout.elements)
        raise SectionError(f"structure: {misfit.key!r} has no place in the DOM")
    props = _match_props(structure, layout)
    return Labels(roles, props, _match_boxes(layout, roles))


def _check_vocabulary(layout: Layout) -> None:
    if [e.parent for e in layout.elements].count(-1) != 1 or layout.elements[0].role != ROOT_ROLE:
        raise SectionError(f"structure: one {ROOT_ROLE} expected at the top")
    for element in layout.elements:
        if element.role not in ROLES:
            raise SectionError(f"structure: {element.key!r}: unknown role {element.role!r}")
        if not element.selectors:
            raise SectionError(f"structure: {element.key!r}: names no DOM node")


def _first_misfit(matcher: "_Matcher", elements: Sequence[Element]) -> Element:
    """The first element with which the layout, cut off after it, can no longer be placed."""
    placed, misfit = 0, len(elements)
    while misfit - placed > 1:
        middle = (placed + misfit) // 2
        if matcher.match(elements[:middle]) is None:
            misfit = middle
        else:
            placed = middle
    return elements[misfit - 1]


# --- matching -------------------------------------------------------------------------------------


class _Matcher:
    """Finds the preferred role labels of a layout by dynamic programming, without backtracking.

    Inside element e, started by node s, two counters say how far the match has come: `placed`, the
    nodes of e so far, and `started`, the elements directly inside e so far. An element less is
    always possible (drop its nodes), so for each `placed` it is enough to know the least `started`
    with which the rest can still be completed: its *need*. Needs are computed backwards through the
    DOM, elements inside out; then one walk forwards takes the first label whose need is met.

    A position is the index of the node that comes next in pre-order: `i + 1` on the way into node
    i's subtree, `ends[i]` on the way out.
    """

    def __init__(self, structure: Structure):
        self.selectors = [node.selector for node in structure.nodes]
        self.parents = structure.parents
        self.ends = subtree_ends(structure.parents)
        self.having: dict[str, list[int]] = {}
        for i, selector in enumerate(self.selectors):
            self.having.setdefault(selector, []).append(i)
        self.starts: dict[int, set[int]] = {}
        self.skips: dict[int, dict[int, list[int]]] = {}
        self.solved: dict[tuple[int, int], tuple[dict[int, list[int]], set[int]]] = {}
        self.steps = 0

    def match(self, elements: Sequence[Element]) -> tuple[str, ...] | None:
        """The role labels that place all elements, or None where there are none.

        May be called again for a beginning of the same elements: what is known is kept.
        """
        self.elements = elements
        parents = [element.parent for element in elements]
        self.inside, last, sizes = children(parents), subtree_ends(parents), _sizes(elements)
        for e in reversed(range(len(elements))):
            if (e, last[e]) not in self.solved:
                self.skips[e] = self._skips(e)
                self.starts[e] = self._starts(e, sizes[e])
                self.solved[e, last[e]] = self.skips[e], self.starts[e]
            self.skips[e], self.starts[e] = self.solved[e, last[e]]
            if not self.starts[e]:
                return None
        return self._walk()

    def _starts(self, e: int, size: int) -> set[int]:
        """The nodes that can start element e with all that it names; `size` nodes in number."""
        own = self.elements[e].selectors
        candidates = self.having.get(own[0], []) if e else [0]
        self._count(len(candidates))
        return {
            s
            for s in candidates
            if e <= s <= self.ends[s] - size
            and own[0] == self.selectors[s]
            and self._needs(s, e)[s + 1].get(1) == 0
        }

    def _skips(self, e: int) -> dict[int, list[int]]:
        """For nodes with a possible element of e at or below: need before it, by need after it.

        This is for a node that does not join e. A node that is not listed leaves the need as it is.
        """
        inside = self.inside[e]
        listed: dict[int, list[int]] = {}
        for s in set().union(*(self.starts[kid] for kid in inside)):
            while s >= 0 and s not in listed:
                listed[s] = list(range(len(inside) + 1))
                s = self.parents[s]
        for i in sorted(listed, reverse=True):  # children before parents, the last child first
            need = listed[i]
            self._count(len(need))
            for k, kid in enumerate(inside):
                if i in self.starts[kid] and k < need[k + 1]:
                    need[k + 1] = k
            if i > 0:
                listed[self.parents[i]] = [need[k] for k in listed[self.parents[i]]]
        return listed

    def _needs(self, s: int, e: int) -> dict[int, dict[int, int]]:
        """For positions inside node s, where s starts element e: the need by nodes placed so far.

        Only positions below nodes that may have joined e are present.
        """
        own, skips, ends = self.elements[e].selectors, self.skips[e], self.ends
        names = frozenset(own)
        needs = {ends[s]: {len(own): len(self.inside[e])}}
        for i in reversed(self._reach(s, names)):
            after = needs[ends[i]]
            skip = skips.get(i)
            need = {placed: skip[k] for placed, k in after.items()} if skip else dict(after)
            for placed, k in needs[i + 1].items() if self.selectors[i] in names else ():
                before = placed - 1
                if before and own[before] == self.selectors[i] and k <= need.get(before, k):
                    need[before] = k
            needs[i] = need
            self._count(1 + len(need))
        return needs

    def _reach(self, s: int, names: frozenset[str]) -> list[int]:
        """The nodes inside s all of whose ancestors up to s may have joined its element."""
        reach, i = [], s + 1
        while i < self.ends[s]:
            reach.append(i)
            i = i + 1 if self.selectors[i] in names else self.ends[i]
        return reach

    def _walk(self) -> tuple[str, ...]:
        roles = [DROP] * len(self.selectors)
        todo = [(0, 0)]
        while todo:
            s, e = todo.pop()
            own, needs = self.elements[e].selectors, self._needs(s, e)
            roles[s] = self.elements[e].role
            placed, started, i = 1, 0, s + 1
            while i < self.ends[s]:
                joins = placed < len(own) and own[placed] == self.selectors[i]
                if joins and needs[i + 1].get(placed + 1, started + 1) <= started:
                    roles[i] = MERGE
                    placed, i = placed + 1, i + 1
                else:
                    found = self._first_starts(i, e, started, needs[self.ends[i]][placed])
                    todo.extend(found)
                    started, i = started + len(found), self.ends[i]
        return tuple(roles)

    def _first_starts(self, i: int, e: int, started: int, need: int) -> list[tuple[int, int]]:
        """The preferred (node, element) starts at or below node i, which does not join e."""
        skips, inside, ends = self.skips[e], self.inside[e], self.ends
        needs = {ends[i]: need}
        for j in reversed(range(i, ends[i])):
            after = needs[ends[j]]
            needs[j] = skips[j][after] if j in skips else after
        found: list[tuple[int, int]] = []
        j = i
        while j < ends[i]:
            k = started + len(found)
            starts = k < len(inside) and j in self.starts[inside[k]]
            if starts and needs[ends[j]] <= k + 1:
                found.append((j, inside[k]))
                j = ends[j]
            else:
                j += 1
        return found

    def _count(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise SectionError(f"structure: too ambiguous, undecided after {MAX_STEPS:,} steps")


def _sizes(elements: Sequence[Element]) -> list[int]:
    """For each element, the number of DOM nodes that it and all elements inside it name."""
    sizes = [len(element.selectors) for element in elements]
    for e in range(len(elements) - 1, 0, -1):
        sizes[elements[e].parent] += sizes[e]
    return sizes


# --- props and boxes ------------------------------------------------------------------------------


def _match_props(structure: Structure, layout: Layout) -> tuple[str, ...]:
    """Give each prop to the first node with its selector.

    Where two props name the same selector, the second one takes the next node that has it: so any
    labels that `contract` accepts come back as labels.
    """
    found = [NO_PROP] * len(structure)
    for prop in layout.props:
        if prop not in PROPS:
            raise SectionError(f"props: unknown prop {prop!r}")
    for prop in (prop for prop in PROPS if prop in layout.props):
        selector = layout.props[prop]
        named = [i for i, node in enumerate(structure.nodes) if node.selector == selector]
        if not named:
            raise SectionError(f"props: {prop}: {selector!r} is not in the DOM")
        free = [i for i in named if found[i] == NO_PROP]
        if not free:
            raise SectionError(f"props: {prop}: {selector!r} is {found[named[-1]]} already")
        found[free[0]] = prop
    return tuple(found)


def _contract_props(structure: Structure, props: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node, prop in zip(structure.nodes, props, strict=True):
        if prop not in NODE_PROPS:
            raise SectionError(f"unknown prop label {prop!r}")
        if prop in found:
            raise SectionError(f"prop {prop} stands on two nodes")
        if prop != NO_PROP:
            found[prop] = node.selector
    return {prop: found[prop] for prop in PROPS if prop in found}


def _match_boxes(layout: Layout, roles: Sequence[str]) -> tuple[Box | None, ...] | None:
    if layout.boxes is None:
        return None
    if len(layout.boxes) != len(layout.elements):
        raise SectionError(f"boxes: {len(layout.boxes)} for {len(layout.elements)} elements")
    boxes = iter(layout.boxes)
    return tuple(next(boxes) if role in ROLES else None for role in roles)


def _contract_boxes(labels: Labels, firsts: Sequence[int]) -> tuple[Box, ...] | None:
    if labels.boxes is None:
        return None
    boxes = [labels.boxes[i] for i in firsts]
    if any(box is None for box in boxes):
        raise SectionError("boxes: an element's first node has none")
    return tuple(box for box in boxes if box is not None)
