"""The train stage: from packed splits to a trained model, resumable at every epoch."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from dvclive import Live

from dlt.data.encode import CLASS_BUCKETS, TEXT_BUCKETS
from dlt.data.labelled import Labelled, load_labelled
from dlt.data.shards import read_shards
from dlt.data.views import views
from dlt.data.words import shared_buckets
from dlt.errors import DltError
from dlt.evaluate.metrics import layout_accuracy
from dlt.model.layout_model import LayoutModel, count_parameters
from dlt.params import ModelParams, Params, Phase, Sample, TrainParams
from dlt.paths import outside
from dlt.predict import Predictor, predict_pairs
from dlt.process import cores
from dlt.train.calibrate import calibrate
from dlt.train.checkpoint import (
    checkpoint_folder,
    load_checkpoint,
    remove_checkpoint,
    run_key,
    save_checkpoint,
)
from dlt.train.loop import Run, new_run, role_weights, train_epoch, val_losses
from dlt.train.model_file import load_model, model_digest, save_model
from dlt.tune.pruning import should_stop

VAL_SAMPLE = Sample(steps=2)  # of the val pass: params.yaml's may change without a new training


def fit(processed: Path, summary: Path, models: Path, log: Path, params: Params) -> None:
    """Train on `processed`/train, choose on `processed`/val, write the model and the log.

    Args:
        summary: splits/summary.json, which tells the phase and the digest of the data.
        log: the DVCLive folder.
    """
    splits = json.loads(summary.read_text(encoding="utf-8"))
    phase = splits["phase"] if params.train.phase == "auto" else params.train.phase
    chosen = params.resolve(phase)
    start = params.train.init_from
    config = {
        "phase": phase,
        "seed": params.seed,
        "init_from": model_digest(Path(outside(start))) if start else "",
        **chosen.model_dump(),
        "data": params.data.model_dump(),
    }
    folder = checkpoint_folder(run_key(config, splits["data_hash"]))
    train_set = load_labelled(read_shards(processed / "train"), chosen.model, "train")
    val_set = load_labelled(read_shards(processed / "val"), chosen.model, "val")
    if not train_set or not val_set:
        raise DltError(f"{processed}: training needs examples in train and in val")
    if most := params.data.max_examples:  # a larger set holds every smaller one of the same seed
        order = torch.randperm(len(train_set), generator=torch.Generator().manual_seed(params.seed))
        train_set = [train_set[i] for i in order[:most].tolist()]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(cores())
    torch.manual_seed(params.seed)
    model = _initial_model(chosen.model, start)
    model.encoder.nodes.know(*known_words(train_set))
    chosen = chosen.model_copy(update={"train": enough_epochs(chosen.train, len(train_set))})
    run = new_run(model.to(device), chosen.train)
    _announce(phase, splits["examples"], chosen, run, device)
    with Live(str(log), dvcyaml=False, save_dvc_exp=False, monitor_system=False) as live:
        live.log_params(config)
        _resume(run, folder, live)
        _train(run, chosen, params, train_set, val_set, folder, live)
    run.model.load_state_dict(run.best_weights)
    calibration = calibrate(Predictor(run.model, chosen.model, VAL_SAMPLE), val_set)
    save_model(models, run.model, config, calibration)
    remove_checkpoint(folder)


def _initial_model(params: ModelParams, start: str | None) -> LayoutModel:
    """Random weights, or those of a trained model of the same size."""
    model = LayoutModel(params)
    if start is not None:
        trained, config = load_model(Path(outside(start)))
        size = ModelParams(**config["model"]).model_copy(update={"dropout": params.dropout})
        if size != params:
            raise DltError(f"train.init_from: {start} has another model: {config['model']}")
        model.load_state_dict(trained.state_dict())
    return model


def enough_epochs(params: TrainParams, examples: int) -> TrainParams:
    """As many times the epochs as it takes to train `min_steps`, evaluating as much less often."""
    views = examples * max(params.augmentation_factor, 1)
    steps = params.epochs * math.ceil(views / params.batch_size)
    factor = max(params.min_steps / steps, 1.0)
    return params.model_copy(
        update={
            "epochs": math.ceil(params.epochs * factor),
            "eval_every": round(params.eval_every * factor),
        }
    )


def known_words(sections: Sequence[Labelled]) -> tuple[np.ndarray, np.ndarray]:
    """The buckets of class tokens and of words that several sites of `sections` share."""
    classes = shared_buckets(((s.site, s.encoded.class_tokens) for s in sections), CLASS_BUCKETS)
    words = shared_buckets(((s.site, s.encoded.text_tokens) for s in sections), TEXT_BUCKETS)
    return classes, words


def _announce(phase: str, examples: int, chosen: Phase, run: Run, device: torch.device) -> None:
    millions = count_parameters(run.model) / 1e6
    print(f"{phase}: {examples:,} examples, {millions:.2f} M parameters, on {device}")
    for block, values in chosen.model_dump().items():
        print(f"  {block}: " + ", ".join(f"{name} {value}" for name, value in values.items()))


def _resume(run: Run, folder: Path, live: Live) -> None:
    """Take up the run's checkpoint, if it has one, and log again what it had logged."""
    state = load_checkpoint(folder)
    if state is None:
        return
    run.load_state_dict(state)
    for metrics in run.history:
        _log(live, metrics)
    print(f"going on after epoch {run.epoch}")


def _train(
    run: Run,
    chosen: Phase,
    params: Params,
    train_set: Sequence[Labelled],
    val_set: Sequence[Labelled],
    folder: Path,
    live: Live,
) -> None:
    val_sections = [s.encoded for s in val_set]
    device = next(run.model.parameters()).device
    weights = role_weights([s.encoded for s in train_set], chosen.train.role_balance).to(device)
    patience = chosen.train.patience * chosen.train.eval_every
    pruned = False
    while run.epoch < chosen.train.epochs and run.epoch - run.best_epoch < patience and not pruned:
        sections = views(train_set, chosen.train.augmentation_factor, params.seed, run.epoch)
        metrics = train_epoch(run, sections, chosen.train, weights, params.seed)
        if run.epoch % chosen.train.eval_every == 0 or run.epoch == chosen.train.epochs:
            average = cast(LayoutModel, run.average.module)
            metrics |= val_losses(average, val_sections, chosen.train, weights)
            pairs = predict_pairs(Predictor(average, chosen.model, VAL_SAMPLE), val_set)
            metrics["val/layout_accuracy"] = layout_accuracy(pairs) or 0.0
            _keep_best(run, metrics["val/layout_accuracy"])
            pruned = should_stop(run.epoch, metrics["val/layout_accuracy"])
        run.history.append(metrics)
        _log(live, metrics)
        save_checkpoint(folder, run.state_dict())
    live.log_metric("val/best_layout_accuracy", run.best, plot=False)
    print(f"best: epoch {run.best_epoch}, val layout_accuracy {run.best:.4f}")


def _keep_best(run: Run, accuracy: float) -> None:
    if accuracy > run.best:
        run.best, run.best_epoch = accuracy, run.epoch
        weights: dict[str, Any] = run.average.module.state_dict()
        run.best_weights = {name: weight.clone() for name, weight in weights.items()}


def _log(live: Live, metrics: dict[str, float]) -> None:
    for name, value in metrics.items():
        live.log_metric(name, value)
    live.next_step()
