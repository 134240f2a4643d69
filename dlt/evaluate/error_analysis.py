"""error_analysis.json: errors counted, the most costly confusions, the hardest sections, why."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from dlt.evaluate.errors import CLASSES, Error
from dlt.evaluate.metrics import Pair, SectionScore
from dlt.evaluate.report import rounded
from dlt.section.roles import NO_PROP, NODE_PROPS, ROLES
from dlt.section.tree import depths

CONFUSIONS = 20
HARDEST = 20
EXAMPLES = 3  # named for each confusion
PROP_WORDS = {"bi": "background image", "bv": "background video", "bo": "background overlay"}

_COUNT = {"type": "integer", "minimum": 0}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_TEXT = {"type": "string"}
_LABEL = {"enum": [*ROLES, *NODE_PROPS, None]}
_KIND = {"enum": list(CLASSES)}


def _object(**fields: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(fields),
        "additionalProperties": False,
        "properties": fields,
    }


def _list(items: Any, most: int | None = None) -> dict[str, Any]:
    return {"type": "array", "items": items, **({"maxItems": most} if most else {})}


_BY_CLASS = _object(**dict.fromkeys(CLASSES, _COUNT))
_ERROR = _object(
    kind=_KIND, node=_COUNT, selector=_TEXT, true=_LABEL, predicted=_LABEL, cost=_SHARE
)

ERROR_ANALYSIS_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "error_analysis",
    **_object(
        sections=_COUNT,
        errors=_COUNT,
        by_class=_BY_CLASS,
        by_role={"type": "object", "additionalProperties": _BY_CLASS},
        by_site={"type": "object", "additionalProperties": _BY_CLASS},
        confusions=_list(
            _object(
                kind=_KIND,
                true=_LABEL,
                predicted=_LABEL,
                count=_COUNT,
                cost=_SHARE,
                examples=_list(_TEXT, EXAMPLES),
            ),
            CONFUSIONS,
        ),
        hardest=_list(
            _object(
                section=_TEXT,
                site=_TEXT,
                layout_accuracy=_SHARE,
                reasons=_list(_TEXT),
                errors=_list(_ERROR),
            ),
            HARDEST,
        ),
    ),
}


def analyse(
    pairs: Sequence[Pair], scores: Sequence[SectionScore], errors: Sequence[Sequence[Error]]
) -> dict[str, Any]:
    """The content of error_analysis.json, which ERROR_ANALYSIS_SCHEMA describes.

    Pairs, scores and errors are of the same sections in the same order. An error counts for the
    role of its true element; for the predicted one where it is invented; for the role that the
    node starts, or `none`, where its prop is wrong.
    """
    flat = [error for found in errors for error in found]
    role_at = {
        (pair.name, i): role
        for pair in pairs
        for i, role in enumerate(pair.truth.roles)
        if role in ROLES
    }
    return {
        "sections": len(pairs),
        "errors": len(flat),
        "by_class": _by_class(flat),
        "by_role": _grouped(flat, lambda e: _role(e, role_at.get((e.section, e.node)))),
        "by_site": _grouped(flat, lambda e: e.site),
        "confusions": _confusions(flat, len(pairs)),
        "hardest": _hardest(pairs, scores, errors),
    }


def _role(error: Error, at_node: str | None) -> str:
    if error.kind == "wrong prop":
        return at_node or "none"
    return error.true or error.predicted or "none"


def _by_class(errors: Iterable[Error]) -> dict[str, int]:
    counts = Counter(error.kind for error in errors)
    return {kind: counts[kind] for kind in CLASSES}


def _grouped(errors: Iterable[Error], key: Any) -> dict[str, dict[str, int]]:
    groups: dict[str, list[Error]] = defaultdict(list)
    for error in errors:
        groups[key(error)].append(error)
    largest = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return {name: _by_class(found) for name, found in largest}


def _confusions(errors: Iterable[Error], sections: int) -> list[dict[str, Any]]:
    """The confusions that cost most layout accuracy, as a fraction of the split's mean."""
    groups: dict[tuple[str, str | None, str | None], list[Error]] = defaultdict(list)
    for error in errors:
        groups[error.kind, error.true, error.predicted].append(error)
    rows: list[dict[str, Any]] = []
    for (kind, true, predicted), found in groups.items():
        dearest = sorted(found, key=lambda e: (-e.cost, e.section))
        rows.append(
            {
                "kind": kind,
                "true": true,
                "predicted": predicted,
                "count": len(found),
                "cost": rounded(sum(e.cost for e in found) / sections),
                "examples": list(dict.fromkeys(e.section for e in dearest))[:EXAMPLES],
            }
        )
    rows.sort(key=lambda r: (-r["cost"], -r["count"], r["kind"], str(r["true"])))
    return rows[:CONFUSIONS]


def _hardest(
    pairs: Sequence[Pair], scores: Sequence[SectionScore], errors: Sequence[Sequence[Error]]
) -> list[dict[str, Any]]:
    order = sorted(range(len(pairs)), key=lambda i: (scores[i].layout_accuracy, pairs[i].name))
    context = _Context(pairs, scores)
    return [
        {
            "section": pairs[i].name,
            "site": pairs[i].site,
            "layout_accuracy": rounded(scores[i].layout_accuracy),
            "reasons": [*error_reasons(errors[i]), *context.reasons(pairs[i])],
            "errors": [_plain(error) for error in errors[i]],
        }
        for i in order[:HARDEST]
        if errors[i]
    ]


def _plain(error: Error) -> dict[str, Any]:
    fields = asdict(error) | {"cost": rounded(error.cost)}
    return {name: value for name, value in fields.items() if name not in ("section", "site")}


def error_reasons(errors: Sequence[Error], most: int = 3) -> list[str]:
    """The largest groups of a section's errors in words: the most costly, then most frequent first."""
    groups: dict[tuple[str, str | None, str | None], list[float]] = defaultdict(list)
    for error in errors:
        groups[error.kind, error.true, error.predicted].append(error.cost)
    ranked = sorted(groups.items(), key=lambda item: (-sum(item[1]), -len(item[1]), str(item[0])))
    said = [
        f"{len(costs)} × {in_words(kind, true, guess)}"
        for (kind, true, guess), costs in ranked[:most]
    ]
    rest = len(errors) - sum(len(costs) for _, costs in ranked[:most])
    if rest:
        said.append(f"{rest} other {'errors' if rest > 1 else 'error'}")
    return said


def in_words(kind: str, true: str | None, predicted: str | None) -> str:
    """One confusion, such as `heading taken for paragraph`."""
    if kind == "wrong prop":
        return _prop_in_words(str(true), str(predicted))
    if kind == "wrong merge" and true == predicted:
        return f"{true} with too many or too few nodes"
    return {
        "wrong role": f"{true} taken for {predicted}",
        "wrong merge": f"{true} merged into {predicted}",
        "split element": f"{true} split into several",
        "missing": f"{true} missing",
        "invented": f"{predicted} invented",
        "wrong nesting": f"{true} in the wrong parent",
        "wrong box": f"{true} in the wrong place",
    }[kind]


def _prop_in_words(true: str, predicted: str) -> str:
    if true == NO_PROP:
        return f"{PROP_WORDS[predicted]} invented"
    if predicted == NO_PROP:
        return f"{PROP_WORDS[true]} missed"
    return f"{PROP_WORDS[true]} taken for {PROP_WORDS[predicted]}"


class _Context:
    """What makes sections hard whatever the model does, against the rest of the split."""

    def __init__(self, pairs: Sequence[Pair], scores: Sequence[SectionScore]):
        self.large = float(np.quantile([len(p.structure) for p in pairs], 0.9)) if pairs else 0
        self.deep = float(np.quantile([_depth(p) for p in pairs], 0.9)) if pairs else 0
        sites: dict[str, list[float]] = defaultdict(list)
        for score in scores:
            sites[score.site].append(score.layout_accuracy)
        self.sites = {site: (len(own), float(np.mean(own))) for site, own in sites.items()}
        self.mean = float(np.mean([s.layout_accuracy for s in scores])) if scores else 0.0

    def reasons(self, pair: Pair) -> list[str]:
        """Sentences on size, depth and site, where those stand out."""
        said = []
        if len(pair.structure) > self.large:
            said.append(f"{len(pair.structure)} nodes, among the largest tenth")
        if _depth(pair) > self.deep:
            said.append(f"{_depth(pair)} levels deep, among the deepest tenth")
        count, mean = self.sites[pair.site]
        if count > 1 and mean < 0.8 * self.mean:
            said.append(f"its site is hard: mean {mean:.2f} over {count} sections")
        return said


def _depth(pair: Pair) -> int:
    return max(depths(pair.structure.parents))
