"""`python -m dlt.tune.report`: a study as a table and as one HTML page that needs nothing else."""

import argparse
import base64
import io
import warnings
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import matplotlib
import optuna
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization import matplotlib as drawings

from dlt.errors import DltError
from dlt.files import new_file
from dlt.params import load_params
from dlt.process import run_main
from dlt.tune.places import journal_path, report_path
from dlt.tune.study import open_storage
from dlt.tune.sweep import REASON, experiment_name

PRINTED, LISTED = 10, 20  # best trials, in the terminal and on the page
LEAST = 4  # complete trials below which nothing is drawn
ACROSS = 4  # panels in a row
ENDED = {TrialState.COMPLETE: "#2563eb", TrialState.PRUNED: "#d97706"}
MEASURE = "val layout accuracy"
STYLE = """:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1200px;padding:0 1rem}
table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}
td,th{padding:.2rem .6rem;border-bottom:1px solid #8886;text-align:right}td{white-space:nowrap}
td:first-child,th:first-child{text-align:left}img{max-width:100%;background:#fff}"""


def main() -> None:
    """Write the page of a study and print its best trials."""
    parser = argparse.ArgumentParser(prog="python -m dlt.tune.report", description=main.__doc__)
    parser.add_argument("study", nargs="?", help="its name, such as tune-phase1; default: the only")
    study = find_study(parser.parse_args().study)
    write_report(study, report_path(study.study_name))
    print_best(study)
    print(f"\npage: {report_path(study.study_name)}")


def find_study(name: str | None) -> optuna.Study:
    """A study in the folder of `tune.storage`; without a name, the only one there.

    Raises:
        DltError: there is none of this name, or more than one to choose from.
    """
    storage = load_params().tune.storage
    folder = journal_path("any", storage).parent
    names = sorted(path.stem for path in folder.glob("*.journal"))
    if name is None and len(names) != 1:
        raise DltError(f"{folder}: name a study; there is {', '.join(names) or 'none'}")
    chosen = name or names[0]
    if chosen not in names:
        raise DltError(f"{folder}: no study {chosen}; there is {', '.join(names) or 'none'}")
    return optuna.load_study(study_name=chosen, storage=open_storage(journal_path(chosen, storage)))


def ranked(study: optuna.Study) -> list[FrozenTrial]:
    """Complete trials, best first."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(trials, key=lambda trial: (-(trial.value or 0.0), trial.number))


def print_best(study: optuna.Study) -> None:
    """Print the best trials, and how many ended in which way."""
    print(f"\n{_counts(study)}")
    for trial in ranked(study)[:PRINTED]:
        values = "  ".join(f"{name}={_short(value)}" for name, value in trial.params.items())
        print(f"{experiment_name(study, trial.number)}  {trial.value:.4f}  {values}")


def write_report(study: optuna.Study, path: Path) -> None:
    """Write the page in place of the one before."""
    body = [f"<h1>{escape(study.study_name)}</h1><p>{escape(_counts(study))}.</p>"]
    body.append(_table(study, ranked(study)))
    if len(ranked(study)) >= LEAST:
        body += [
            f"<h2>{escape(title)}</h2>{_picture(title, draw, study)}" for title, draw in PICTURES
        ]
    else:
        body.append(f"<p>Pictures want {LEAST} complete trials.</p>")
    failed = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    if failed:
        lines = [(experiment_name(study, t.number), str(t.user_attrs.get(REASON))) for t in failed]
        body.append("<h2>Failed</h2>" + _rows(("trial", "reason"), lines))
    head = f"<meta charset=utf-8><title>{escape(study.study_name)}</title><style>{STYLE}</style>"
    page = f"<!doctype html><html lang=en>{head}<main>{''.join(body)}</main>\n"
    with new_file(path) as aside:
        aside.write_text(page, encoding="utf-8")


def _counts(study: optuna.Study) -> str:
    trials = study.get_trials(deepcopy=False)
    kinds = {state: sum(t.state == state for t in trials) for state in TrialState}
    told = ", ".join(f"{number} {state.name.lower()}" for state, number in kinds.items() if number)
    return f"{len(trials)} trials: {told}"


def _table(study: optuna.Study, trials: Sequence[FrozenTrial]) -> str:
    names = sorted({name for trial in trials for name in trial.params})
    lines = [
        (
            experiment_name(study, trial.number),
            f"{trial.value:.4f}",
            f"{_minutes(trial):.1f}",
            *(_short(trial.params.get(name)) for name in names),
        )
        for trial in trials[:LISTED]
    ]
    return _rows(("experiment", MEASURE, "minutes", *names), lines)


def _rows(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    cells = ["".join(f"<td>{escape(cell)}</td>" for cell in line) for line in lines]
    titles = [escape(name).replace(".", ".<wbr>").replace("_", "_<wbr>") for name in head]
    top = "".join(f"<th>{title}</th>" for title in titles)
    return f"<table><tr>{top}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _minutes(trial: FrozenTrial) -> float:
    return trial.duration.total_seconds() / 60 if trial.duration else 0.0


def _picture(title: str, draw: Callable[[optuna.Study], Figure], study: optuna.Study) -> str:
    """A drawing as an image in the page; SVG of its own, so that no two share an id."""
    matplotlib.use("Agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few trials, or of some that are all alike
        figure = draw(study)
    svg = io.BytesIO()
    figure.savefig(svg, format="svg", bbox_inches="tight")
    plt.close(figure)
    data = base64.b64encode(svg.getvalue()).decode()
    return f'<img alt="{escape(title)}" src="data:image/svg+xml;base64,{data}">'


def _figure_of(axes: Any, width: float, height: float) -> Figure:
    figure: Figure = (axes if hasattr(axes, "figure") else axes.flat[0]).figure
    figure.set_size_inches(width, height)
    return figure


def _coordinates(study: optuna.Study) -> Figure:
    return _figure_of(drawings.plot_parallel_coordinate(study, target_name=MEASURE), 12, 5)


def _importance(study: optuna.Study) -> Figure:
    drawn = drawings.plot_param_importances(
        study, evaluator=PedAnovaImportanceEvaluator(), target_name=MEASURE
    )
    return _figure_of(drawn, 8, 4)


def _slices(study: optuna.Study) -> Figure:
    """A panel for each parameter; Optuna's own has them in one row, where their names overlap."""
    trials = ranked(study)
    space = {name: kind for trial in trials for name, kind in trial.distributions.items()}
    rows = -(-len(space) // ACROSS)
    figure, grid = plt.subplots(rows, ACROSS, figsize=(12, 2.6 * rows), sharey=True, squeeze=False)
    for axes, (name, kind) in zip(grid.flat, space.items(), strict=False):
        shown = [trial for trial in trials if name in trial.params]
        values = [trial.params[name] for trial in shown]
        axes.scatter(values, [t.value or 0.0 for t in shown], c=ENDED[TrialState.COMPLETE])
        axes.set(xlabel=name, xscale="log" if getattr(kind, "log", False) else "linear")
    for axes in grid.flat[len(space) :]:
        axes.remove()
    figure.supylabel(MEASURE)
    figure.tight_layout()
    return figure


def _times(study: optuna.Study) -> Figure:
    figure, axes = plt.subplots(figsize=(8, 4))
    for state, colour in ENDED.items():
        trials = [t for t in study.get_trials(deepcopy=False, states=(state,)) if t.value]
        minutes = [_minutes(trial) for trial in trials]
        axes.scatter(minutes, [t.value or 0.0 for t in trials], c=colour, label=state.name.lower())
    axes.set(xlabel="minutes from proposal to result", ylabel=MEASURE)
    axes.legend()
    return figure


def _history(study: optuna.Study) -> Figure:
    return _figure_of(drawings.plot_optimization_history(study, target_name=MEASURE), 8, 4)


PICTURES: Sequence[tuple[str, Callable[[optuna.Study], Figure]]] = (
    ("Parallel coordinates", _coordinates),
    ("Importance (PED-ANOVA, Watanabe et al. 2023)", _importance),
    ("Accuracy against each parameter", _slices),
    ("Accuracy against time", _times),
    ("Accuracy in the order of trials", _history),
)


if __name__ == "__main__":
    run_main("tune", main)
