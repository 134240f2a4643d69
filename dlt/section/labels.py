"""The label law: a layout is a contraction of the DOM tree, written as two labels on each node.

A node's role label is a role (it starts an element), `merge` (it joins its parent's element) or
`drop` (it is absent). Its prop label says whether it is the background image, video or overlay.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from dlt.section.errors import SectionError
from dlt.section.roles import DROP, MERGE, NO_PROP, PROPS, ROLES, ROOT_ROLE
from dlt.section.tree import Box, Element, Layout, Structure, children, subtree_ends

MAX_STEPS = 200_000  # node placements tried before a match is given up as too ambiguous


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
    elements = tuple(
        Element(labels.roles[i], tuple(selectors[e]), owners.enclosing[structure.parents[i]] if i else -1)
        for e, i in enumerate(firsts)
    )
    return Layout(elements, _contract_props(structure, labels.props), _contract_boxes(labels, firsts))


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


def labels(structure: Structure, layout: Layout) -> Labels:
    """Recover the labels of a layout: the first assignment that places all of it.

    Nodes are taken in pre-order; each tries to merge, then to start the next element, then drops.

    Raises:
        SectionError: no assignment exists; the message names the first key without a place.
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

_Trail = tuple[int, str, Any, Any] | None  # node, its role label, trail below it, trail after it
_Answer = tuple[int, int, _Trail]  # nodes that joined, next element to start, and how


class _Question:
    """A memoised question, with its answers as far as someone has asked for them."""

    __slots__ = ("answers", "done", "search")

    def __init__(self, search: "Iterator[_Answer | _Question]"):
        self.search = search
        self.answers: list[_Answer] = []
        self.done = False


class _Matcher:
    """Backtracking search for role labels, memoised.

    A question is: how can node i, its later siblings and all that is below them be labelled? Its
    answers depend only on the enclosing element, how many of that element's nodes are placed and
    which element starts next. They come in order of preference, and of answers that place the same
    nodes and elements only the first one counts.

    A search is a generator. It yields an answer of its own or the question that it waits for, and
    `_advance` runs the one that is waited for: so a deep tree takes no Python stack.
    """

    def __init__(self, structure: Structure):
        self.dom = [node.selector for node in structure.nodes]
        self.dom_ends = subtree_ends(structure.parents)
        self.siblings = _next_siblings(structure.parents)
        self.steps = 0

    def match(self, elements: Sequence[Element]) -> tuple[str, ...] | None:
        """The role labels that place all elements, or None."""
        self.elements = elements
        self.ends = subtree_ends([element.parent for element in elements])
        self.wanted = list(accumulate((len(e.selectors) for e in elements), initial=0))
        self.questions: dict[tuple[int, int, int, int], _Question] = {}
        if elements[0].selectors[0] != self.dom[0]:
            return None
        if not Counter(s for e in elements for s in e.selectors) <= Counter(self.dom):
            return None
        question = self._below(0, 0, 1, 1)
        for answer in self._answers(question):
            if answer is None:
                _advance(question)
            elif self._completes(0, answer):
                return self._unroll((0, elements[0].role, answer[2], None))
        return None

    def _search(
        self, i: int, element: int, placed: int, upcoming: int
    ) -> Iterator[_Answer | _Question]:
        seen = set()
        for label, below in self._options(i, element, placed, upcoming):
            for answer in self._answers(below):
                if answer is None:
                    yield below
                    continue
                joined, following, inner = answer
                if label == MERGE:
                    joined += 1
                elif label != DROP:
                    if not self._completes(upcoming, answer):
                        continue
                    joined = 0
                after = self._ask(self.siblings[i], element, placed + joined, following)
                for answer in self._answers(after):
                    if answer is None:
                        yield after
                        continue
                    outcome = (joined + answer[0], answer[1])
                    if outcome not in seen:
                        seen.add(outcome)
                        yield *outcome, (i, label, inner, answer[2])

    def _options(
        self, i: int, element: int, placed: int, upcoming: int
    ) -> Iterator[tuple[str, _Question]]:
        """The labels that node i may have, best first, each with the question about its children."""
        selector, own = self.dom[i], self.elements[element].selectors
        if placed < len(own) and own[placed] == selector:
            yield MERGE, self._below(i, element, placed + 1, upcoming)
        if upcoming < self.ends[element]:
            starter = self.elements[upcoming]
            wanted = self.wanted[self.ends[upcoming]] - self.wanted[upcoming]
            if starter.selectors[0] == selector and wanted <= self.dom_ends[i] - i:
                yield starter.role, self._below(i, upcoming, 1, upcoming + 1)
        yield DROP, self._below(i, element, len(own), upcoming)  # all placed: nothing may merge

    def _completes(self, element: int, answer: _Answer) -> bool:
        joined, following, _ = answer
        return joined + 1 == len(self.elements[element].selectors) and following == self.ends[element]

    def _below(self, i: int, element: int, placed: int, upcoming: int) -> _Question:
        child = i + 1 if self.dom_ends[i] > i + 1 else -1
        return self._ask(child, element, placed, upcoming)

    def _ask(self, i: int, element: int, placed: int, upcoming: int) -> _Question:
        """The question about node i (-1: about no node at all)."""
        if upcoming == self.ends[element] and placed == len(self.elements[element].selectors):
            i = -1  # nothing is left to place: all is dropped
        key = (i, element, placed, upcoming)
        if key not in self.questions:
            search = self._search(*key) if i >= 0 else iter([(0, upcoming, None)])
            self.questions[key] = _Question(search)
        return self.questions[key]

    def _answers(self, question: _Question) -> Iterator[_Answer | None]:
        """The answers to a question in order; None where it must be advanced to know the next."""
        at = 0
        while at < len(question.answers) or not question.done:
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise SectionError(f"structure: too ambiguous, no match in {MAX_STEPS:,} steps")
            if at == len(question.answers):
                yield None
            else:
                yield question.answers[at]
                at += 1

    def _unroll(self, trail: _Trail) -> tuple[str, ...]:
        roles = [DROP] * len(self.dom)
        stack = [trail]
        while stack:
            top = stack.pop()
            if top:
                i, roles[i], below, after = top
                stack += below, after
        return tuple(roles)


def _advance(question: _Question) -> None:
    """Run a question's search, and those that it waits for, to its next answer or its end."""
    waiting = [question]
    while waiting:
        found = next(waiting[-1].search, None)
        if isinstance(found, _Question):
            waiting.append(found)
            continue
        top = waiting.pop()
        if found is None:
            top.done = True
        else:
            top.answers.append(found)


def _next_siblings(parents: Sequence[int]) -> list[int]:
    """For each item of a pre-order sequence, its next sibling, or -1."""
    out = [-1] * len(parents)
    for siblings in children(parents):
        for item, following in pairwise(siblings):
            out[item] = following
    return out


# --- props and boxes ------------------------------------------------------------------------------


def _match_props(structure: Structure, layout: Layout) -> tuple[str, ...]:
    found = [NO_PROP] * len(structure)
    for prop, selector in layout.props.items():
        if prop not in PROPS:
            raise SectionError(f"props: unknown prop {prop!r}")
        i = next((i for i, node in enumerate(structure.nodes) if node.selector == selector), None)
        if i is None:
            raise SectionError(f"props: {prop}: {selector!r} is not in the DOM")
        if found[i] != NO_PROP:
            raise SectionError(f"props: {prop}: {selector!r} is {found[i]} already")
        found[i] = prop
    return tuple(found)


def _contract_props(structure: Structure, props: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node, prop in zip(structure.nodes, props, strict=True):
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
