"""What simpler methods reach on a dataset: `python -m benchmarks.references DATA`.

DATA is a folder with train, val and test folders of examples. Two methods that see neither screenshot
nor boxes, trained on train alone, over seeds:

- extra-trees on hand-made node features (`dlt/evaluate/node_trees.py`);
- our own encoder with the diffusion taken out: the proposal, by cross-entropy.

With --init-from the second starts from a trained model, and keeps --init-share of its weights. One
thread, so that rows repeat exactly.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import mean, stdev

import torch

from benchmarks.results import write_section
from dlt.data.bearings import find_bearings
from dlt.data.examples import find_places, read_place
from dlt.data.labelled import Labelled, Sections, load_labelled
from dlt.evaluate.metrics import Pair, evaluate_pairs
from dlt.evaluate.node_trees import NodeTrees
from dlt.evaluate.pairs import predict_pairs
from dlt.model.layout_model import LayoutModel
from dlt.params import Phase, load_params
from dlt.predict import Predictor
from dlt.process import keep_freed_memory, run_main
from dlt.train.batches import Limits, Steps
from dlt.train.distributed import Ranks
from dlt.train.fit import known_words
from dlt.train.hardware import settle
from dlt.train.loop import role_weights, train_epoch
from dlt.train.model_file import load_model
from dlt.train.run import new_run
from dlt.train.start import drawn_back

METRICS = ("layout_accuracy", "element_precision", "element_f1", "node_accuracy")
Predict = Callable[[Sequence[Labelled]], list[Pair]]


def main() -> None:
    """Print the table, and put it into benchmarks/RESULTS.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="at least 2")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--init-from", type=Path)
    parser.add_argument("--init-share", type=float, default=0.0)
    args = parser.parse_args()
    if args.init_share and not args.init_from:
        parser.error("--init-share is a share of --init-from's weights")
    keep_freed_memory()
    torch.set_num_threads(1)
    phase = load_params().phases.phase1
    places = find_places(args.data)
    data = {
        split: load_labelled((read_place(p) for p in places[split]), phase.model, split)
        for split in ("train", "val", "test")
    }
    methods: dict[str, Callable[[int], Predict]] = {
        "encoder alone": lambda seed: encoder(data["train"], phase, args, seed)
    }
    if not args.init_from:
        methods["extra-trees"] = lambda seed: trees(data["train"], seed)
    lines = [f"| method | split | {' | '.join(METRICS)} |", "|---" * (2 + len(METRICS)) + "|"]
    for name, train in methods.items():
        predict = [train(seed) for seed in range(args.seeds)]
        lines += [row(name, split, predict, data[split]) for split in ("val", "test")]
        print("\n".join(lines[-2:]), flush=True)
    start = f" --init-from MODEL --init-share {args.init_share}" if args.init_from else ""
    command = f"`python -m benchmarks.references DATA --epochs {args.epochs}{start}`\n\n"
    about = f"Mean ± standard deviation over {args.seeds} seeds, one thread.\n\n"
    title = "References" + (", from a model of synthetic sections" if start else "")
    write_section(title, command + about + "\n".join(lines))


def row(name: str, split: str, methods: Iterable[Predict], sections: Sequence[Labelled]) -> str:
    """A line of the table."""
    found = [evaluate_pairs(predict(sections)) for predict in methods]
    cells = []
    for metric in METRICS:
        values = [measures[metric].value or 0.0 for measures in found]
        cells.append(f"{mean(values):.3f} ± {stdev(values):.3f}")
    return f"| {name} | {split} | {' | '.join(cells)} |"


def trees(train: Sequence[Labelled], seed: int) -> Predict:
    """Extra-trees, fitted."""
    forest = NodeTrees([(s.structure, s.truth) for s in train], seed=seed)
    return lambda sections: [
        Pair(s.encoded.name, s.site, s.structure, s.truth, forest.predict(s.structure))
        for s in sections
    ]


def encoder(
    train: Sequence[Labelled], phase: Phase, args: argparse.Namespace, seed: int
) -> Predict:
    """The encoder and its proposal, trained; the denoiser stays as it begins, without effect."""
    torch.manual_seed(seed)
    ranks = Ranks(0, 1, torch.device("cpu"))
    model = LayoutModel(phase.model)
    if args.init_from:
        started, _ = load_model(args.init_from)
        model.encoder.load_state_dict(started.encoder.state_dict())
    start = {name: weight.clone() for name, weight in model.state_dict().items()}
    model.encoder.nodes.know(*known_words(train))
    encoded = [section.encoded for section in train]
    model.encoder.measure(find_bearings(encoded, phase.model.image_width))
    changes = {"proposal_epochs": args.epochs, "epochs": args.epochs, "batch_size": 8}
    params = settle(phase.train.model_copy(update=changes), ranks)
    run = new_run(model, params, ranks)
    weights = role_weights(encoded, params.role_balance)
    data, limits = Sections(list(train)), Limits.of(phase.model, params)
    span = (0, args.epochs * -(-len(train) // run.step_size))
    for epoch in range(args.epochs):
        steps = Steps(data, range(len(train)), params, limits, seed, epoch, ranks, run.step_size)
        train_epoch(run, steps, params, weights, span)
    model.load_state_dict(drawn_back(run.average_weights(), start, args.init_share))
    return lambda sections: predict_pairs(Predictor(model, phase.model), sections)


if __name__ == "__main__":
    run_main("references", main)
