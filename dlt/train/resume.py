"""How a run goes on: from its own newest checkpoint, or from one of the user's choice."""

import math
from pathlib import Path
from typing import Any

from dlt.errors import DltError, first_line
from dlt.paths import outside
from dlt.train.checkpoint import load_checkpoint, read_checkpoint
from dlt.train.run import Run


def resume(run: Run, folder: Path, resume_from: str | None) -> None:
    """Take up the newest checkpoint in `folder`, or else `resume_from`, or else nothing.

    Raises:
        DltError: the checkpoint to resume from is not there, damaged or of another model.
    """
    state = run.ranks.share(_find(run, folder, resume_from) if run.ranks.first else None)
    if state is None:
        return
    try:
        run.load_state_dict(state)
    except (RuntimeError, KeyError, ValueError) as error:
        raise DltError(
            f"train.resume_from: {resume_from} does not fit: {first_line(error)}"
        ) from None
    place = f", step {run.batch} of the next" if run.batch else ""
    run.ranks.say(f"going on after epoch {run.epoch}{place}")


def _find(run: Run, folder: Path, resume_from: str | None) -> dict[str, Any] | None:
    own = load_checkpoint(folder)
    if own is not None or resume_from is None:
        return own
    state = read_checkpoint(Path(outside(resume_from)))
    if (state.get("order"), state.get("step_size")) != (run.order, run.step_size):
        # other examples, or in another order: the epoch begins anew, and so does the search for
        # the best one
        state |= {"order": run.order, "step_size": run.step_size, "batch": 0, "sums": {}}
        state |= {"best": -math.inf, "best_epoch": state.get("epoch"), "best_weights": {}}
    return state
