"""The evaluate stage: the model and the baselines on a test split, in numbers and pictures.

Nothing else in the project reads the test split.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from dlt.evaluate.breakdown import accuracy_row, breakdowns, by_role
from dlt.evaluate.calibration import calibration
from dlt.evaluate.compare import compare, score_all
from dlt.evaluate.conditioning import conditioning
from dlt.evaluate.error_analysis import analyse
from dlt.evaluate.errors import section_errors
from dlt.evaluate.forgetting import forgetting, forgetting_line
from dlt.evaluate.gallery import write_gallery
from dlt.evaluate.metrics import Pair, SectionScore, confusion_counts, measures
from dlt.evaluate.page import Report, write_page
from dlt.evaluate.performance import measure_performance
from dlt.evaluate.plots import draw_confusion, draw_headlines, write_confusion_rows
from dlt.evaluate.predictions import (
    CHANGED,
    TEST,
    VAL,
    Examples,
    Key,
    Source,
    in_group,
    predict_all,
    screenshots,
    some,
    try_steps,
)
from dlt.evaluate.report import assemble, evaluation_table, rounded
from dlt.evaluate.tables import write_errors, write_speed, write_tables
from dlt.files import write_json
from dlt.params import Evaluate, Sample
from dlt.paths import outside
from dlt.predict import Predictor
from dlt.process import cores
from dlt.readiness import check_readiness, read_requirements
from dlt.section.example import Example
from dlt.section.formats import dump_structure
from dlt.train.model_file import load_model


@dataclass(frozen=True)
class Outputs:
    """Where an evaluation writes.

    Accuracy and errors repeat exactly, performance does not. `plots` gets the pictures, the
    confusion rows, `tables/` and `errors.csv` for DVC's plots, and `report.html`.
    """

    evaluation: Path
    performance: Path
    error_analysis: Path
    plots: Path


@dataclass
class Noted:
    """What is remembered of the examples as they are read."""

    kinds: dict[str, str] = field(default_factory=dict)
    digest: Any = field(default_factory=hashlib.sha256)

    def reading(self, examples: Examples) -> Iterator[tuple[Example, bytes]]:
        """The same examples."""
        for example, screenshot in examples():
            if example.meta.get("kind"):
                self.kinds[example.name] = str(example.meta["kind"])
            self.digest.update(f"{example.name}\n{dump_structure(example.structure)}".encode())
            self.digest.update(screenshot)
            yield example, screenshot


def evaluate(
    source: Source, outputs: Outputs, requirements: Path, params: Evaluate, settings: Sample
) -> None:
    """Measure a model on labelled examples, beside the baselines and whatever else is asked for.

    Raises:
        DltError: no or damaged examples, no model, or requirements that cannot be read.
    """
    torch.set_num_threads(cores())
    predictor, config = Predictor.load(source.model, settings), load_model(source.model)[1]
    noted = Noted()
    performance = measure_performance(predictor, source.test())
    predictions = predict_all(predictor, noted.reading(source.test), source, params)
    few = some(source.test, len(predictions[TEST]), predictor.params)
    steps, performance["steps"] = try_steps(predictor, few, params.batch_size)
    predictions |= steps
    given = conditioning(predictor, few, params.batch_size) if params.conditioning else []
    scores, trust = score_all(predictions), calibrations(predictions)
    evaluation = summarise(scores) | {
        "calibration": calibration_rows(trust),
        "conditioning": given,
    }
    if params.old_test:
        old = Path(outside(params.old_test))
        evaluation["old_test"] = forgetting(predictor, source.start, old, params.batch_size)
    errors = [section_errors(pair) for pair in predictions[TEST]]
    tables = table_rows(predictions[TEST], scores, noted.kinds)
    report = Report(
        evaluation=evaluation,
        performance=performance,
        readiness=check_readiness(evaluation, performance, requirements),
        analysis=analyse(predictions[TEST], scores[TEST], errors),
        tables=tables | {"calibration": reliability_rows(trust), "conditioning": given},
        predictions=predictions,
        scores=scores,
        kinds=noted.kinds,
        config=config,
        params=params,
        settings=settings,
        data_hash=noted.digest.hexdigest(),
    )
    _write(outputs, report, source, requirements)
    write_errors(outputs.plots / "errors.csv", errors)
    print(evaluation_table(evaluation, performance, report.readiness))
    if "old_test" in evaluation:
        print(forgetting_line(evaluation["old_test"]))


def _write(outputs: Outputs, report: Report, source: Source, requirements: Path) -> None:
    write_json(outputs.evaluation, report.evaluation)
    write_json(outputs.performance, report.performance)
    write_json(outputs.error_analysis, report.analysis)
    write_tables(outputs.plots / "tables", report.tables)
    write_speed(outputs.plots / "speed.csv", report.tables["steps"], report.performance["steps"])
    _draw(outputs.plots, report, source.test, requirements)
    write_page(outputs.plots / "report.html", report, source)


def summarise(scores: Mapping[Key, Sequence[SectionScore]]) -> dict[str, Any]:
    """The content of metrics/evaluate.json: all metrics, and the model against each other one."""
    test = scores[TEST]
    others = in_group(scores, "baselines") | in_group(scores, "against")
    val = measures(scores[VAL]) if VAL in scores else None
    evaluation = assemble(measures(test), val, {n: measures(own) for n, own in others.items()})
    groups = {group: in_group(scores, group) for group in CHANGED}
    for group, own in groups.items():
        if own:
            evaluation[group] = [
                {"name": n, "layout_accuracy": measures(found)["layout_accuracy"].value}
                for n, found in own.items()
            ]
    beside = others | in_group(scores, "joint")
    comparisons = [row for own in (beside, *groups.values()) for row in compare(test, own)]
    return evaluation | {"comparisons": comparisons}


def table_rows(
    pairs: Sequence[Pair], scores: Mapping[Key, Sequence[SectionScore]], kinds: Mapping[str, str]
) -> dict[str, list[dict[str, Any]]]:
    """Rows by table: what the report shows and what DVC plots."""
    beside = [in_group(scores, group) for group in ("joint", "baselines", "against")]
    others = {name: own for group in beside for name, own in group.items()}
    lists = {"benchmark": {"model": scores[TEST], **others}} | {
        group: in_group(scores, group) for group in CHANGED
    }
    steps = in_group(scores, "steps")
    return {
        "roles": by_role(pairs),
        **breakdowns(pairs, scores[TEST], kinds),
        **{
            name: [accuracy_row(n, found) for n, found in own.items()]
            for name, own in lists.items()
        },
        "steps": [{**accuracy_row(n, found), "steps": int(n)} for n, found in steps.items()],
    }


def calibrations(predictions: Mapping[Key, Sequence[Pair]]) -> dict[str, dict[str, Any]]:
    """How far the confidences can be trusted, on test and on val, where there are any."""
    found = {key[1]: calibration(predictions.get(key, ())) for key in (TEST, VAL)}
    return {split: own for split, own in found.items() if own}


def calibration_rows(found: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The figures of each split's confidences, of what `calibrations` returns."""
    return [
        {
            "column": column,
            "error": rounded(own["error"]),
            "auroc": rounded(own["auroc"]),
            "count": own["count"],
        }
        for column, own in found.items()
    ]


def reliability_rows(found: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The bins of each split's confidences, of what `calibrations` returns."""
    return [{"split": split, **row} for split, own in found.items() for row in own["rows"]]


def _draw(plots: Path, report: Report, examples: Examples, requirements: Path) -> None:
    pairs = report.predictions[TEST]
    write_confusion_rows(plots / "confusion.csv", pairs)
    draw_confusion(plots / "confusion.png", confusion_counts(pairs))
    bounds = {r.name: r.bound for r in read_requirements(requirements) if r.comparison == ">"}
    draw_headlines(plots / "headlines.png", report.evaluation, bounds)
    write_gallery(
        plots / "visualizations",
        pairs,
        lambda names: screenshots(examples, names),
        report.params.gallery,
    )
