"""The train stage: from packed splits to a trained model, resumable at every step."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dvclive import Live

from dlt.data.bearings import find_bearings
from dlt.data.encode import CLASS_BUCKETS, TEXT_BUCKETS
from dlt.data.labelled import Labelled, Sections, open_sections
from dlt.data.shards import ShardIndex
from dlt.data.words import shared_buckets
from dlt.errors import DltError
from dlt.evaluate.metrics import evaluate_pairs
from dlt.files import write_json
from dlt.model.layout_model import LayoutModel, count_parameters
from dlt.params import ModelParams, Params, Phase, Sample, TrainParams
from dlt.paths import outside
from dlt.predict import Predictor
from dlt.spacing.spacings import Spacings, find_spacings
from dlt.train.batches import Limits, Steps
from dlt.train.calibrate import calibrate
from dlt.train.checkpoint import (
    checkpoint_digest,
    checkpoint_folder,
    finish_checkpoints,
    run_key,
    save_checkpoint,
)
from dlt.train.curriculum import beginning, stage_metric
from dlt.train.distributed import Ranks
from dlt.train.hardware import local_cores, settle
from dlt.train.health import memory_in_one_line, way_back
from dlt.train.loop import role_weights, train_epoch
from dlt.train.memory import divide_batch
from dlt.train.model_file import model_digest, save_model
from dlt.train.plan import Plan
from dlt.train.resume import resume
from dlt.train.run import Run, new_run
from dlt.train.start import drawn_back, initial_model
from dlt.train.stopping import check_metric, is_finished, keep_best
from dlt.train.validation import val_losses, val_pairs
from dlt.tune.pruning import should_stop
from dlt.watch.observer import Observer
from dlt.watch.warnings import spare_missing_gpu

VAL_SECTIONS = 2_000  # evenly spaced; a standard error of half a per cent is enough to choose by

# params.yaml's may change without a new training. Val passes do not share, as each rank has its part
VAL_SAMPLE = Sample(steps=1, site_share=0)
CALIBRATION_SAMPLE = Sample(steps=1, site_share=0.7)


@dataclass(frozen=True)
class Job:
    """What a run trains on, and how."""

    phase: str
    params: Params
    chosen: Phase  # nothing left open
    train_set: Sections
    val_set: Sequence[Labelled]
    words: tuple[np.ndarray, np.ndarray]  # of classes and texts, as from `known_words`
    bearings: np.ndarray  # as from `find_bearings`
    spacings: Spacings
    weights: torch.Tensor  # of the roles
    folder: Path  # of checkpoints
    start: Mapping[str, torch.Tensor]  # the weights at first; empty where none of them are kept


def fit(
    processed: Path, summary: Path, models: Path, log: Path, params: Params, ranks: Ranks
) -> None:
    """Train on `processed`/train, choose on `processed`/val, write the model and the log.

    Args:
        summary: splits/summary.json, which tells the phase and the digest of the data.
        log: the DVCLive folder.
    """
    splits = json.loads(summary.read_text(encoding="utf-8"))
    phase = chosen_phase(summary, params)
    config = _config(phase, params)
    folder = checkpoint_folder(run_key(config, splits["data_hash"]))
    torch.set_num_threads(local_cores())
    chosen = params.resolve(phase)
    chosen = chosen.model_copy(update={"train": settle(chosen.train, ranks)})
    train_set, val_set = _read(processed, chosen.model, params)
    check_metric(chosen.train.early_stopping.metric, val_set)
    chosen = chosen.model_copy(update={"train": divide_batch(chosen, train_set, ranks)})
    sample = train_set.sample()
    encoded, share = [section.encoded for section in sample], params.train.init_share
    torch.manual_seed(params.seed)
    model = initial_model(chosen.model, params.train.init_from)
    job = Job(
        phase=phase,
        params=params,
        chosen=chosen,
        train_set=train_set,
        val_set=val_set,
        words=known_words(sample),
        bearings=find_bearings(encoded, chosen.model.image_width),
        spacings=spacings_of(sample, chosen.model.image_width),
        weights=role_weights(encoded, chosen.train.role_balance).to(ranks.device),
        folder=folder,
        start={k: v.clone() for k, v in model.state_dict().items()} if share else {},
    )
    with (
        memory_in_one_line(chosen.train),
        way_back(folder),
        _log(log, config, params.train.monitor_system, ranks) as live,
        Observer(log, phase, chosen.train, params.train, speaks=ranks.first) as observer,
    ):
        run = _begin(model, job, splits, live, ranks)
        _train(run, job, live, observer)
    if ranks.first:
        _tell(run, log)
        model = LayoutModel(chosen.model)
        model.load_state_dict(run.best_weights)
        predictor = Predictor(model.to(ranks.device), chosen.model, CALIBRATION_SAMPLE)
        save_model(models, model, config, calibrate(predictor, val_set), job.spacings)
        finish_checkpoints(folder, chosen.train.keep_checkpoints)


def chosen_phase(summary: Path, params: Params) -> str:
    """The phase that is set, or that which the split stage found."""
    return params.phase_for(json.loads(summary.read_text(encoding="utf-8"))["phase"])


def _config(phase: str, params: Params) -> dict[str, Any]:
    start, resumed = params.train.init_from, params.train.resume_from
    return {
        "phase": phase,
        "seed": params.seed,
        "init_from": model_digest(Path(outside(start))) if start else "",
        "init_share": params.train.init_share,
        "resume_from": checkpoint_digest(Path(outside(resumed))) if resumed else "",
        **params.resolve(phase).model_dump(),
        "data": params.data.model_dump(),
    }


def _read(
    processed: Path, model: ModelParams, params: Params
) -> tuple[Sections, Sequence[Labelled]]:
    """The train split, or so many of it as are wanted, and at most VAL_SECTIONS of val."""
    train, val = (ShardIndex.read(processed / name) for name in ("train", "val"))
    chosen: Sequence[int] = range(len(train))
    if most := params.data.max_examples:  # a larger set holds every smaller one of the same seed
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(params.seed))
        chosen = order[:most].tolist()
    few = range(0, len(val), -(-len(val) // VAL_SECTIONS))
    train_set = open_sections(train, chosen, model, "train")
    return train_set, open_sections(val, few, model, "val")


def _begin(
    model: LayoutModel, job: Job, splits: Mapping[str, Any], live: Live | None, ranks: Ranks
) -> Run:
    """A new run, or one that goes on."""
    model.encoder.nodes.know(*job.words)
    model.encoder.measure(job.bearings)
    run = new_run(model.to(ranks.device), job.chosen.train, ranks)
    millions = count_parameters(model) / 1e6
    found = f"{splits['examples']:,} examples, {millions:.2f} M parameters"
    ranks.say(f"{job.phase}: {found}, on {ranks.world} × {ranks.device.type}")
    for block, values in job.chosen.model_dump().items():
        ranks.say(f"  {block}: " + ", ".join(f"{name} {value}" for name, value in values.items()))
    data = [splits["data_hash"], job.params.seed, job.params.data.max_examples]
    run.order = json.dumps([*data, job.params.train.init_share, *_deciding(job.chosen.train)])
    resume(run, job.folder, job.params.train.resume_from)
    for metrics in run.history:
        _log_metrics(live, metrics)
    return run


def _deciding(params: TrainParams) -> list[Any]:
    """What else decides which examples a step sees, and which epoch is the best."""
    stages: list[Any] = [params.proposal_epochs, params.epochs, params.curriculum.model_dump()]
    stages = stages if params.curriculum.enabled else []
    return [params.augmentation_factor, params.early_stopping.metric, *stages]


def known_words(sections: Sequence[Labelled]) -> tuple[np.ndarray, np.ndarray]:
    """The buckets of class tokens and of words that several sites of `sections` share."""
    classes = shared_buckets(((s.site, s.encoded.class_tokens) for s in sections), CLASS_BUCKETS)
    words = shared_buckets(((s.site, s.encoded.text_tokens) for s in sections), TEXT_BUCKETS)
    return classes, words


def spacings_of(sections: Sequence[Labelled], image_width: int) -> Spacings:
    """How far elements of `sections` are from each other; `image_width` in px, as encoded."""
    return find_spacings(
        (s.structure, s.truth, s.encoded.image_height / image_width) for s in sections
    )


def _train(run: Run, job: Job, live: Live | None, observer: Observer) -> None:
    usual, seed = job.params.phase(job.phase).train.batch_size, job.params.seed
    plan = Plan.of(job.train_set, job.chosen.train, usual, run.step_size)
    params, limits = plan.params, Limits.of(job.chosen.model, plan.params)
    observer.started(run, params.epochs)
    pruned = False
    while not pruned and not is_finished(run, params):
        chosen, size, span = plan.numbers[run.epoch], run.step_size, plan.span(run.epoch)
        if line := beginning(run.epoch, len(chosen), params):
            run.ranks.say(line)
        steps = Steps(job.train_set, chosen, params, limits, seed, run.epoch, run.ranks, size)
        metrics = train_epoch(run, steps, params, job.weights, span, lambda: _save(run, job, False))
        metrics |= stage_metric(run.epoch - 1, params)
        better = False
        due = run.epoch % params.eval_every == 0 or run.epoch == params.epochs
        if due and run.epoch > params.proposal_epochs:
            weights = run.average_weights()
            if job.start:
                weights = drawn_back(weights, job.start, job.params.train.init_share)
            metrics |= _evaluate(run, job, params, weights)
            better = keep_best(run, metrics, weights, params.early_stopping)
            accuracy = metrics["val/layout_accuracy"]
            pruned = run.ranks.share(run.ranks.first and should_stop(run.epoch, accuracy))
        run.history.append(metrics)
        _log_metrics(live, metrics)
        _save(run, job, better)
        observer.epoch(run)
    if not run.best_weights:
        raise DltError(f"train.epochs: {run.epoch} are done in train.resume_from; set more")


def _tell(run: Run, log: Path) -> None:
    """Write the few figures that DVC's table of experiments shows; DVCLive's metrics.json has all."""
    last = run.history[-1]
    accuracy = run.history[run.best_epoch - 1]["val/layout_accuracy"]
    losses = {part: {"loss": last[f"{part}/loss"]} for part in ("train", "val")}
    losses["val"]["best_layout_accuracy"] = accuracy
    write_json(log / "summary.json", {**losses, "epochs": run.epoch})
    print(f"best: epoch {run.best_epoch}, val layout_accuracy {accuracy:.4f}")


def _evaluate(
    run: Run, job: Job, params: TrainParams, weights: Mapping[str, torch.Tensor]
) -> dict[str, float]:
    model = LayoutModel(job.chosen.model).to(run.ranks.device).eval()
    model.load_state_dict(weights)
    limits = Limits.of(job.chosen.model, params)
    metrics = val_losses(model, job.val_set, params, limits, job.weights, run.ranks)
    predictor = Predictor(model, job.chosen.model, VAL_SAMPLE, spacings=job.spacings)
    pairs = val_pairs(predictor, job.val_set, run.ranks)
    found = evaluate_pairs(pairs)
    accuracy = found["layout_accuracy"].value or 0.0
    metrics |= {"val/layout_accuracy": accuracy, "val/score": accuracy}
    if (visual := found["visual_similarity"].value) is not None:  # there are boxes
        metrics |= {"val/visual_similarity": visual, "val/score": (accuracy + visual) / 2}
    return metrics


def _save(run: Run, job: Job, best: bool) -> None:
    state = run.state_dict()
    if run.ranks.first:
        save_checkpoint(job.folder, state, job.chosen.train.keep_checkpoints, best)


@contextmanager
def _log(log: Path, config: dict[str, Any], monitor: bool, ranks: Ranks) -> Iterator[Live | None]:
    """DVCLive for the first rank, nothing for others."""
    if not ranks.first:
        yield None
        return
    spare_missing_gpu()
    with Live(str(log), dvcyaml=False, save_dvc_exp=False, monitor_system=monitor) as live:
        live.log_params(config)
        yield live


def _log_metrics(live: Live | None, metrics: Mapping[str, float]) -> None:
    if live is not None:
        for name, value in metrics.items():
            live.log_metric(name, value)
        live.next_step()
