"""What the switches of training do to speed and memory: `python -m benchmarks.switches`.

Each variant trains the model of a phase for two epochs in a process of its own; the second epoch is
timed. Speed is samples a second of this process's CPU time, so that other load on the machine hardly
matters; on a GPU use the wall clock instead (`samples_per_second` in the log of the stage).
"""

import argparse
import resource
import subprocess
import sys
import time
from typing import Any

import torch

from dlt.data.labelled import Sections, label
from dlt.ingest.synthetic import generate
from dlt.model.layout_model import LayoutModel
from dlt.params import ModelParams, load_params
from dlt.process import keep_freed_memory
from dlt.train.batches import Limits, Steps
from dlt.train.distributed import Ranks
from dlt.train.hardware import settle
from dlt.train.loop import role_weights, train_epoch
from dlt.train.run import new_run

VARIANTS: dict[str, dict[str, Any]] = {
    "none": {},
    "gradient_accumulation=2, batch_size=8": {"gradient_accumulation": 2, "batch_size": 8},
    "max_tokens_per_batch=2048": {"max_tokens_per_batch": 2048},
    "gradient_checkpointing=true": {"gradient_checkpointing": True},
    "mixed_precision=bf16": {"mixed_precision": "bf16"},
    "mixed_precision=fp16": {"mixed_precision": "fp16"},
    "dataloader_num_workers=1": {"dataloader_num_workers": 1},
    "compile_model=true": {"compile_model": True},
}


def main() -> None:
    """Print a table, a row for each variant."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--phase", default="phase1")
    parser.add_argument("--sections", type=int, default=48)
    parser.add_argument("--variant", choices=VARIANTS, help="measure this one, here")
    args = parser.parse_args()
    if args.variant:
        measure(args.variant, args.phase, args.sections)
        return
    print("| `train.` | samples a CPU second | peak memory |\n|---|---|---|", flush=True)
    size = [f"--phase={args.phase}", f"--sections={args.sections}"]
    for name in VARIANTS:
        command = [sys.executable, "-m", "benchmarks.switches", *size, "--variant", name]
        subprocess.run(command, check=True)


def measure(name: str, phase: str, count: int) -> None:
    """Print the row of one variant."""
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ranks = Ranks(0, 1, torch.device("cpu"))
    chosen = load_params().resolve(phase)
    params = settle(
        chosen.train.model_copy(update={"dataloader_num_workers": 0, "proposal_epochs": 0}), ranks
    )
    params = params.model_copy(update={"mixed_precision": "no", **VARIANTS[name]})
    data = sections(count, chosen.model)
    run = new_run(LayoutModel(chosen.model), params, ranks)
    weights = role_weights([s.encoded for s in data], params.role_balance)
    limits = Limits.of(chosen.model, params)
    for epoch in range(2):
        steps = Steps(data, range(count), params, limits, 0, epoch, ranks, run.step_size)
        before = time.process_time()
        train_epoch(run, steps, params, weights, span=(0, 1000))
        seconds = time.process_time() - before
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"| `{name}` | {count / seconds:.1f} | {memory:,.0f} MiB |", flush=True)


def sections(count: int, model: ModelParams) -> Sections:
    """Synthetic sections."""
    made = (generate(index, count, 0)[1:] for index in range(count))
    return Sections([label(example, png, model) for example, png in made])


if __name__ == "__main__":
    main()
