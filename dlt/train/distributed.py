"""More than one process: how training is spread over GPUs and machines, and how ranks talk.

`torchrun` starts the ranks of this machine, and joins those of others where its own environment
variables say so (PET_NNODES, PET_RDZV_ENDPOINT, …). When a rank dies all start again, and training
goes on from its newest checkpoint.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from dlt.errors import DltError, first_line
from dlt.params import TrainParams

RESTARTS = 3  # of all ranks after one has died
_START = timedelta(minutes=5)  # between the start of the first rank and of the last
_ANSWER = timedelta(minutes=30)  # the other ranks wait for the first to write and to evaluate
_FAULT = "DLT_FAULT"  # where a rank leaves the line that its user should read
_NODES = "PET_NNODES"  # torchrun reads its options from variables with this prefix

Value = TypeVar("Value")


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether it is this process that writes and speaks."""
        return self.rank == 0

    def gather(self, values: Sequence[float]) -> Tensor:
        """Every rank's numbers: float64 [world, len(values)] on the CPU."""
        own = torch.tensor(values, dtype=torch.float64)
        if self.world == 1:
            return own[None]
        found = [torch.empty_like(own) for _ in range(self.world)]
        dist.all_gather(found, own)
        return torch.stack(found)

    def gather_objects(self, value: Value) -> list[Value]:
        """Every rank's value."""
        found: list[Any] = [value] * self.world
        if self.world > 1:
            dist.all_gather_object(found, value)
        return found

    def share(self, value: Value) -> Value:
        """The first rank's value."""
        box = [value]
        if self.world > 1:
            dist.broadcast_object_list(box, src=0)
        return box[0]

    def say(self, line: str) -> None:
        """Print a line, once for all ranks."""
        if self.first:
            print(line, flush=True)


def launch(module: str, params: TrainParams) -> bool:
    """Run `python -m module` once for each rank of this machine, if more than one is wanted.

    Returns False, having done nothing, where this process is to train by itself: because it is the
    only one, or because it is one of those that were started here.

    Raises:
        DltError: the line that a rank left, or which rank died once too often.
    """
    ranks, nodes = local_ranks(params), os.environ.get(_NODES, "1")
    several = params.launcher == "torchrun" or ranks > 1 or nodes not in ("1", "1:1")
    if params.launcher == "none" or not several or dist.is_torchelastic_launched():
        return False
    print(f"torchrun: {ranks} processes here, machines: {nodes}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        fault = Path(folder) / "fault"
        os.environ[_FAULT] = str(fault)
        died = _torchrun([f"--nproc-per-node={ranks}", "--module", module])
        if fault.exists():
            raise DltError(fault.read_text(encoding="utf-8"))
    if died:
        raise DltError(died)
    return True


def _torchrun(options: list[str]) -> str:
    """Run ranks to their end; says which of them died, if one did once too often."""
    os.environ.setdefault("LOGLEVEL", "CRITICAL")  # of torchrun: what matters is said here
    # else ranks that start again find the addresses of those before them, and wait for the dead
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"  # pytorch issue 135712
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous import RendezvousError
    from torch.distributed.run import parse_args, run

    alone = [] if _NODES in os.environ else ["--standalone"]
    try:
        run(parse_args([*alone, f"--max-restarts={RESTARTS}", *options]))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        return f"rank {rank} ended with exit code {failure.exitcode}, after {RESTARTS} restarts"
    except RendezvousError as error:
        place, reason = os.environ.get("PET_RDZV_ENDPOINT"), first_line(error)
        return f"the machines did not meet at {place}: {reason}"
    except SignalException as error:
        raise SystemExit(128 + error.sigval) from None
    return ""


def local_ranks(params: TrainParams) -> int:
    """How many processes this machine is to train with.

    Raises:
        DltError: there are not so many GPUs.
    """
    gpus = torch.cuda.device_count()
    if params.num_gpus == "auto":
        return max(gpus, 1)
    if gpus and params.num_gpus > gpus:
        raise DltError(f"train.num_gpus: {params.num_gpus} wanted, {gpus} here")
    return params.num_gpus


@contextmanager
def joined(start: timedelta = _START, answer: timedelta = _ANSWER) -> Iterator[Ranks]:
    """Join the ranks that were started together; alone, be the only one.

    A DltError of one rank ends all of them: it is left for `launch` to raise, and no restart helps.
    A rank that waits for another in vain ends with a line, and torchrun starts all again.

    Args:
        start: how long to wait for the other ranks to start.
        answer: how long to wait for what they are doing.
    """
    cuda = torch.cuda.is_available()
    if not dist.is_torchelastic_launched():
        yield Ranks(0, 1, torch.device("cuda" if cuda else "cpu"))
        return
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    with _loss_of_others_in_one_line():
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=start)
        try:
            dist.set_timeout(answer)
            ranks = Ranks(dist.get_rank(), dist.get_world_size(), device)
            fault = Path(os.environ[_FAULT]) if _FAULT in os.environ else None
            if any(ranks.gather_objects(fault is not None and fault.exists())):
                raise SystemExit(0)
            yield ranks
        except DltError as error:
            if fault is None:
                raise
            fault.write_text(str(error), encoding="utf-8")
            raise SystemExit(1) from None
        finally:
            dist.destroy_process_group()  # its threads would abort an interpreter that ends


@contextmanager
def _loss_of_others_in_one_line() -> Iterator[None]:
    """End this rank with one line where another is gone or does not answer in time."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):  # has no class
            raise
        line = f"rank {os.environ['RANK']}: another rank is gone or does not answer"
        raise SystemExit(f"torchrun: {line}: {first_line(error)}") from None
