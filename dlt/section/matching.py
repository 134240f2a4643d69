"""Which nodes of a structure the elements of a layout stand for."""

from collections.abc import Sequence

from dlt.section.errors import SectionError
from dlt.section.roles import DROP, MERGE
from dlt.section.tree import Element, Structure, children, subtree_ends

MAX_STEPS = 5_000_000  # some three seconds; a real section takes a few hundred


def match_roles(structure: Structure, elements: Sequence[Element]) -> tuple[str, ...]:
    """The role labels that place all elements: the first assignment that does.

    Nodes are taken in pre-order; each tries to merge, then to start the next element, then drops.

    Raises:
        SectionError: no assignment exists; the message names the first key without a place. Or
            the tree is so large and uniform that MAX_STEPS do not decide it.
    """
    matcher = _Matcher(structure)
    roles = matcher.match(elements)
    if roles is None:
        misfit = _first_misfit(matcher, elements)
        raise SectionError(f"structure: {misfit.key!r} has no place in the DOM")
    return roles


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
