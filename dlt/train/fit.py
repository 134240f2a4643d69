"""The train stage: from packed splits to a trained model, resumable at every epoch."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from dvclive import Live

from dlt.data.encode import CLASS_BUCKETS, TEXT_BUCKETS
from dlt.data.examples import read_place
from dlt.data.labelled import Labelled, Sections, load_labelled, open_sections
from dlt.data.shards import ShardIndex
from dlt.data.words import shared_buckets
from dlt.errors import DltError
from dlt.evaluate.metrics import layout_accuracy
from dlt.model.layout_model import LayoutModel, count_parameters
from dlt.params import ModelParams, Params, Phase, TrainParams
from dlt.paths import outside
from dlt.predict import predict_pairs
from dlt.process import cores
from dlt.train.checkpoint import (
    checkpoint_folder,
    load_checkpoint,
    remove_checkpoint,
    run_key,
    save_checkpoint,
)
from dlt.train.examples import epoch_examples
from dlt.train.loop import Run, new_run, role_weights, train_epoch, val_losses
from dlt.train.model_file import load_model, model_digest, save_model
from dlt.train.stopping import is_finished, keep_best
from dlt.tune.pruning import should_stop

VAL_SECTIONS = 2_000  # evenly spaced; a standard error of half a per cent is enough to choose by


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
        "sample": params.sample.model_dump(),
        "data": params.data.model_dump(),
    }
    folder = checkpoint_folder(run_key(config, splits["data_hash"]))
    train_set, val_set = _read_sets(processed, params, chosen.model)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(cores())
    torch.manual_seed(params.seed)
    model = _initial_model(chosen.model, start)
    sample = train_set.sample()
    model.encoder.nodes.know(*known_words(sample))
    weights = role_weights([s.encoded for s in sample], chosen.train.role_balance).to(device)
    chosen = chosen.model_copy(update={"train": enough_epochs(chosen.train, len(train_set))})
    run = new_run(model.to(device), chosen.train)
    _announce(phase, splits["examples"], chosen, run, device)
    with Live(str(log), dvcyaml=False, save_dvc_exp=False, monitor_system=False) as live:
        live.log_params(config)
        _resume(run, folder, live)
        _train(run, chosen, params, train_set, val_set, weights, folder, live)
    run.model.load_state_dict(run.best_weights)
    save_model(models, run.model, config)
    remove_checkpoint(folder)


def _read_sets(
    processed: Path, params: Params, model: ModelParams
) -> tuple[Sections, Sequence[Labelled]]:
    """The train split, or so many of it as are wanted, and at most VAL_SECTIONS of val."""
    train, val = (ShardIndex.read(processed / name) for name in ("train", "val"))
    chosen: Sequence[int] = range(len(train))
    if most := params.data.max_examples:  # a larger set holds every smaller one of the same seed
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(params.seed))
        chosen = order[:most].tolist()
    few = range(0, len(val), -(-len(val) // VAL_SECTIONS))
    train_set = open_sections(train, chosen, model, "train")
    return train_set, load_labelled((read_place(val[i]) for i in few), model, "val")


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
    weights: torch.Tensor,
    folder: Path,
    live: Live,
) -> None:
    val_sections = [s.encoded for s in val_set]
    pruned = False
    while not pruned and not is_finished(run, chosen.train):
        sections = epoch_examples(train_set, chosen.train, params.seed, run.epoch)
        metrics = train_epoch(run, sections, chosen.train, weights, params.seed)
        if run.epoch % chosen.train.eval_every == 0 or run.epoch == chosen.train.epochs:
            average = cast(LayoutModel, run.average.module)
            metrics |= val_losses(average, val_sections, chosen.train, weights)
            pairs = predict_pairs(average, val_set, params.sample.steps)
            metrics["val/layout_accuracy"] = layout_accuracy(pairs) or 0.0
            keep_best(run, metrics)
            pruned = should_stop(run.epoch, metrics["val/layout_accuracy"])
        run.history.append(metrics)
        _log(live, metrics)
        save_checkpoint(folder, run.state_dict())
    live.log_metric("val/best_layout_accuracy", run.best, plot=False)
    print(f"best: epoch {run.best_epoch}, val layout_accuracy {run.best:.4f}")


def _log(live: Live, metrics: dict[str, float]) -> None:
    for name, value in metrics.items():
        live.log_metric(name, value)
    live.next_step()
