"""How fast each phase's size trains and predicts: `python -m benchmarks.speed`.

On the synthetic sections of middling size, so that batches hold little padding, with random weights.
The measurements of a phase take turns until its time is spent; the median of each counts. On a CPU one
thread, and seconds of CPU time, so that other load hardly matters; on a GPU the wall clock. There,
--peak-flops (of the precision that is used) adds the model FLOP/s utilisation of a training step.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.results import write_section
from dlt.data.batch import collate_inputs
from dlt.data.labelled import Sections, label
from dlt.ingest.synthetic import generate
from dlt.model.layout_model import LayoutModel, count_parameters
from dlt.model.sampler import sample
from dlt.params import Phase, Phases, Sample, load_params
from dlt.predict import Predictor
from dlt.process import keep_freed_memory
from dlt.train.batches import Limits, Part, Steps
from dlt.train.distributed import Ranks
from dlt.train.fit import spacings_of
from dlt.train.hardware import settle
from dlt.train.loop import role_weights, train_epoch
from dlt.train.run import new_run

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
MANY = 64  # sections sampled at once
LONG = 100  # steps of the sampler to compare with
HEAD = (
    *("phase", "parameters", "training, samples/s", "proposal only, samples/s"),
    *("prediction, ms", f"sampling, batch {MANY}, ms a section", "saved", "saved at 8 steps"),
    *(f"prediction against {LONG} steps", "MFU"),
)
ABOUT = f"""\
Training: whole steps of {{batch}} sections and steps of the proposal alone, making batches included.
Prediction: one section from PNG and structure to lawful labels, `sample.steps` {{steps}}. Sampling: tensors to
probabilities and boxes, in as many. Saved: of a section's sampling by encoding its condition once, not
at every step. Last: a prediction's share of the time of one in {LONG} steps.

On {{device}}; median of {{rounds}} rounds by phase.

"""


def main() -> None:
    """Print the table, and put it into benchmarks/RESULTS.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=30, help="for each phase, at least a round"
    )
    parser.add_argument("--batch", type=int, default=16, help="sections of a training step")
    parser.add_argument("--peak-flops", type=float, help="FLOP/s that the GPU could do")
    args = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    settings, rounds = load_params().sample, []
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    for name in Phases.model_fields:
        bench = Bench(load_params().phase(name), settings, args.batch)
        found, count = bench.measure(args.seconds)
        rounds.append(str(count))
        mfu = bench.flops() / found["train"] / args.peak_flops if args.peak_flops else None
        lines.append(row(name, bench, found, mfu))
        print(lines[-1], f"{count} rounds", flush=True)
    device = torch.cuda.get_device_name() if DEVICE.type == "cuda" else "one thread of a CPU"
    facts = {"batch": args.batch, "steps": settings.steps, "device": device}
    about = ABOUT.format(**facts, rounds=", ".join(rounds))
    write_section("Speed", "`python -m benchmarks.speed`\n\n" + about + "\n".join(lines))


def row(name: str, bench: "Bench", seconds: Mapping[str, float], mfu: float | None) -> str:
    """A line of the table."""
    steps = bench.settings.steps
    cells = [
        *(name, f"{count_parameters(bench.model) / 1e6:.1f} M"),
        *(f"{bench.batch / seconds[kind]:.1f}" for kind in ("train", "propose")),
        *(f"{1000 * seconds['predict']:.1f}", f"{1000 * seconds['many'] / MANY:.1f}"),
        f"{1 - seconds['sample'] / (steps * seconds['one step']):.0%}",
        f"{1 - seconds['eight steps'] / (8 * seconds['one step']):.0%}",
        f"1/{seconds['long'] / seconds['predict']:.0f}",
        "" if mfu is None else f"{mfu:.1%}",
    ]
    return f"| {' | '.join(cells)} |"


class Ready(Steps):
    """Steps that are made once: what is timed is the model's work."""

    def __init__(self, *what: Any):
        super().__init__(*what)
        self.made = super().__getitem__(0)

    def __getitem__(self, index: int) -> list[Part]:
        return self.made


class Bench:
    """A phase's model, what it is fed, and what is done with it."""

    def __init__(self, phase: Phase, settings: Sample, batch: int):
        torch.manual_seed(0)
        self.settings, self.batch = settings, batch
        self.model = LayoutModel(phase.model).to(DEVICE)
        count = 2 * max(batch, MANY)
        made = [generate(i, count, 0)[1:] for i in range(count)]
        made.sort(key=lambda one: len(one[0].structure))
        made = made[count // 4 : -count // 4]
        found = [label(*one, phase.model) for one in made]
        self.example, self.screenshot = made[len(made) // 2]
        self.alone = collate_inputs([found[len(made) // 2].encoded]).to(DEVICE)
        self.many = collate_inputs([one.encoded for one in found[:MANY]]).to(DEVICE)
        self.size = phase.model
        self.spacings = spacings_of(found, phase.model.image_width)
        ranks = Ranks(0, 1, DEVICE)
        self.params = settle(phase.train, ranks).model_copy(
            update={"batch_size": batch, "dataloader_num_workers": 0, "proposal_epochs": 1}
        )
        self.run = new_run(self.model, self.params, ranks)
        self.weights = role_weights([one.encoded for one in found], 0).to(DEVICE)
        own = (Sections(found), range(batch), self.params, Limits.of(phase.model, self.params))
        self.steps = [Ready(*own, 0, epoch, ranks, batch) for epoch in range(2)]

    def measure(self, budget: float) -> tuple[dict[str, float], int]:
        """Median seconds of each thing, and the number of rounds."""
        things: dict[str, Callable[[], object]] = {
            "propose": lambda: self.train(self.steps[0]),
            "train": lambda: self.train(self.steps[1]),
            "predict": lambda: self.predict(self.settings.steps),
            "long": lambda: self.predict(LONG),
            "many": lambda: sample(self.model.eval(), self.many, self.settings),
            "one step": lambda: self.sample(1),
            "sample": lambda: self.sample(self.settings.steps),
            "eight steps": lambda: self.sample(8),
        }
        seconds: dict[str, list[float]] = {name: [] for name in things}
        begun, rounds = now(), 0
        while not rounds or now() - begun < budget:
            for name, do in things.items():
                before = now()
                do()
                seconds[name].append(now() - before)
            rounds += 1
        return {name: median(own) for name, own in seconds.items()}, rounds

    def train(self, steps: Steps) -> None:
        """A step of the optimiser."""
        train_epoch(self.run, steps, self.params, self.weights, span=(0, 10**6))

    def predict(self, steps: int) -> None:
        """A section, from its files' content to labels."""
        settings = self.settings.model_copy(update={"steps": steps})
        predictor = Predictor(self.model, self.size, settings, spacings=self.spacings)
        predictor.predict(self.example.structure, self.screenshot)

    def sample(self, steps: int) -> None:
        """A section, from tensors to tensors."""
        sample(self.model.eval(), self.alone, self.settings.model_copy(update={"steps": steps}))

    def flops(self) -> int:
        """Of a training step."""
        with FlopCounterMode(display=False) as counter:
            self.train(self.steps[1])
        return counter.get_total_flops()


def now() -> float:
    """Seconds, once the GPU is done with what it was given; of CPU time where there is none."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


if __name__ == "__main__":
    main()
