"""report.html: one self-contained page that opens offline, for people who decide and who mend.

Whatever comes from data (names, selectors, texts) is escaped by the template engine, and the page's
content security policy lets nothing run or load but what is written here.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from dlt.data.examples import find_places
from dlt.evaluate.cards import Card, example_link, make_card
from dlt.evaluate.charts import line_chart
from dlt.evaluate.curves import training_charts
from dlt.evaluate.error_analysis import in_words
from dlt.evaluate.gallery import choose
from dlt.evaluate.metrics import Pair, SectionScore, confusion_counts
from dlt.evaluate.predictions import AGAINST, TEST, Key, Source, screenshots
from dlt.evaluate.words import (
    ERROR_WORDS,
    METRIC_WORDS,
    PERTURBATION_WORDS,
    PREDICTOR_WORDS,
    summary,
    title,
)
from dlt.files import new_file
from dlt.params import Evaluate, Sample
from dlt.phase import PHASES
from dlt.section.roles import NODE_ROLES
from dlt.section.screenshot import decode_screenshot

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Report:
    """Everything that the page tells."""

    evaluation: Mapping[str, Any]
    performance: Mapping[str, Any]
    readiness: Mapping[str, Any]
    analysis: Mapping[str, Any]
    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    predictions: Mapping[Key, Sequence[Pair]]
    scores: Mapping[Key, Sequence[SectionScore]]
    kinds: Mapping[str, str]
    config: Mapping[str, Any]  # that the model was trained with
    params: Evaluate
    settings: Sample  # of the sampler
    data_hash: str  # SHA-256 of the test examples


def write_page(path: Path, report: Report, source: Source) -> None:
    """Write the page; `source` gives screenshots, the training log and the examples' folders.

    Raises:
        DltError: a screenshot cannot be decoded.
    """
    chosen, differing = _choose(report), _differing(report)
    names = {pair.name for pair, _ in (*chosen, *differing)}
    pictures = screenshots(source.test, names)
    links = _links(path, source.folders, names | _named(report.analysis))
    make = _CardMaker(report, pictures, links)
    html = render(
        report,
        cards=[make(pair, why) for pair, why in chosen],
        differing=[make(pair, why, beside_other=True) for pair, why in differing],
        links=links,
        parameters=_parameters(report, source.made_with),
        curves=training_charts(source.log) if source.log else [],
    )
    with new_file(path) as aside:
        aside.write_text(html, encoding="utf-8")


def render(
    report: Report,
    cards: Sequence[Card],
    differing: Sequence[Card],
    links: Mapping[str, str],
    parameters: Mapping[str, str],
    curves: Sequence[Mapping[str, Any]],
) -> str:
    """The page as text; `links` leads to the examples' folders, by name."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"title": title, "number": _number, "share": _share}
    script = (TEMPLATES / "script.js").read_text(encoding="utf-8")
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
        report=report,
        cells={(row["column"], row["metric"]): row for row in report.evaluation["rows"]},
        phase=next((p for p in PHASES if p.name == report.config.get("phase")), None),
        summary=summary(report.evaluation, report.readiness, report.analysis, report.tables),
        confusion=_confusion(report.predictions[TEST]),
        steps_chart=_steps_chart(report.tables["steps"]),
        milliseconds={row["steps"]: row["milliseconds"] for row in report.performance["steps"]},
        reliability_chart=_reliability_chart(report.tables["calibration"]),
        facts=_facts(report),
        cards=cards,
        differing=differing,
        links=links,
        parameters=parameters,
        curves=curves,
        script=Markup(script),
        style=Markup(style),
        policy=_policy(script),
        metric_words=METRIC_WORDS,
        error_words=ERROR_WORDS,
        perturbation_words=PERTURBATION_WORDS,
        predictor_words=PREDICTOR_WORDS | {AGAINST[1]: report.params.against},
        in_words=in_words,
    )


class _CardMaker:
    def __init__(self, report: Report, pictures: Mapping[str, bytes], links: Mapping[str, str]):
        self.report, self.pictures, self.links = report, pictures, links
        self.scores = {score.name: score for score in report.scores[TEST]}
        others = zip(
            report.predictions.get(AGAINST, ()), report.scores.get(AGAINST, ()), strict=True
        )
        self.others = {pair.name: (pair, score) for pair, score in others}

    def __call__(self, pair: Pair, why: str, beside_other: bool = False) -> Card:
        return make_card(
            pair,
            self.scores[pair.name],
            decode_screenshot(pair.name, self.pictures[pair.name]),
            why,
            kind=self.report.kinds.get(pair.name),
            link=self.links.get(pair.name),
            other=self.others[pair.name] if beside_other else None,
        )


def _choose(report: Report) -> list[tuple[Pair, str]]:
    """The gallery's pairs, each once, the worst first, and why each is shown."""
    chosen = choose(report.predictions[TEST], report.params.gallery)
    found = {pair.name: (pair, stem.split("_")[0]) for stem, pair in chosen.items()}
    accuracy = {score.name: score.layout_accuracy for score in report.scores[TEST]}
    return sorted(found.values(), key=lambda item: (accuracy[item[0].name], item[0].name))


def _differing(report: Report) -> list[tuple[Pair, str]]:
    """Where the model gains and loses most against the other one; nothing without another."""
    if AGAINST not in report.scores:
        return []
    gains = [
        (ours.layout_accuracy - theirs.layout_accuracy, pair)
        for ours, theirs, pair in zip(
            report.scores[TEST], report.scores[AGAINST], report.predictions[TEST], strict=True
        )
    ]
    gains.sort(key=lambda item: (item[0], item[1].name))
    each = report.params.gallery
    losses = [(pair, "loses") for gain, pair in gains[:each] if gain < 0]
    return losses + [(pair, "wins") for gain, pair in gains[::-1][:each] if gain > 0]


def _links(page: Path, folders: Path | None, names: set[str]) -> dict[str, str]:
    found = find_places(folders) if folders else {}
    places = [place for own in found.values() for place in own if place.name in names]
    return {place.name: example_link(page, place) for place in places}


def _named(analysis: Mapping[str, Any]) -> set[str]:
    """The sections that the error analysis names."""
    hardest = {row["section"] for row in analysis["hardest"]}
    return hardest.union(*(row["examples"] for row in analysis["confusions"]))


def _confusion(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The roles that occur, and the counts of nodes by true and predicted role."""
    counts = confusion_counts(pairs)
    occurs = [i for i in range(len(NODE_ROLES)) if counts[i].any() or counts[:, i].any()]
    return {
        "roles": [NODE_ROLES[i] for i in occurs],
        "rows": [
            {
                "role": NODE_ROLES[i],
                "total": int(counts[i].sum()),
                "counts": [int(counts[i, j]) for j in occurs],
            }
            for i in occurs
        ],
    }


def _steps_chart(rows: Sequence[Mapping[str, Any]]) -> Markup:
    points = [(float(row["steps"]), float(row["layout_accuracy"])) for row in rows]
    label = "Layout accuracy by number of denoising steps"
    return line_chart({"layout accuracy": points}, "denoising steps", label)


def _reliability_chart(rows: Sequence[Mapping[str, Any]]) -> Markup | None:
    if not rows:
        return None
    splits = dict.fromkeys(row["split"] for row in rows)
    series = {
        split: [(row["confidence"], row["right"]) for row in rows if row["split"] == split]
        for split in splits
    }
    label = "Share of right elements by confidence"
    return line_chart({**series, "perfect": [(0.0, 0.0), (1.0, 1.0)]}, "confidence", label)


def _facts(report: Report) -> dict[str, str]:
    """What one must know to repeat the run."""
    run = report.performance["run"][0]
    return {
        "git revision": run["revision"],
        "test data (SHA-256)": report.data_hash,
        "test sections": f"{len(report.scores[TEST]):,}",
        "test sites": f"{len({score.site for score in report.scores[TEST]}):,}",
        "hardware": run["hardware"],
        "torch": run["torch"],
        "phase": str(report.config.get("phase", "not recorded")),
    }


def _parameters(report: Report, made_with: Mapping[str, Any]) -> dict[str, str]:
    """What the data was made with, what the model was trained with, and what ran here."""
    blocks = {"sample": report.settings.model_dump(), "evaluate": report.params.model_dump()}
    return dict(_flat({**made_with, **report.config, **blocks}))


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and values as params.yaml writes them."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value if isinstance(value, str) else json.dumps(value)


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def _number(value: float | None, digits: int = 3) -> str:
    return "null" if value is None else f"{value:.{digits}f}" if abs(value) <= 1 else f"{value:.1f}"


def _share(value: float | None) -> str:
    """A fraction as a CSS length."""
    return "0%" if value is None else f"{100 * min(max(value, 0.0), 1.0):.1f}%"
