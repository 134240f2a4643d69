"""What training asks at each evaluation: may this run stop here?

Only the training of a sweep's trial gets a yes. It knows itself by the name that DVC gives the
experiment it runs, and by the file that the sweep left for this name in the main checkout.
"""

import json
import math
import os
from functools import cache
from pathlib import Path
from typing import Any

from dlt.paths import main_checkout
from dlt.tune.places import trial_path

PRUNED = "pruned"  # the attribute that tells the sweep, and in which epoch


def should_stop(epoch: int, value: float) -> bool:
    """Report a val accuracy to the study; True where the trial is worse than others were by then.

    Outside a sweep, always False. A study that cannot be asked stops nothing.
    """
    try:
        trial = _trial()
        if trial is None or not math.isfinite(value):
            return False
        trial.report(value, epoch)
        stop = bool(trial.should_prune())
        if stop:
            trial.set_user_attr(PRUNED, epoch)
            print(f"pruned after epoch {epoch}")
        return stop
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        print(f"the study of this trial does not answer, so training goes on: {error}")
        return False


@cache
def _trial() -> Any:
    """The trial that this process trains, or None."""
    path = main_checkout() / trial_path(os.environ.get("DVC_EXP_NAME", ""))
    if not path.is_file():
        return None
    from optuna import load_study  # takes a second, and only sweeps need it
    from optuna.trial import Trial

    from dlt.params import Pruning
    from dlt.tune.study import frozen, new_pruner, open_storage

    given = json.loads(path.read_text(encoding="utf-8"))
    pruner = new_pruner(Pruning(**given["pruning"]))
    storage = open_storage(Path(given["journal"]))
    study = load_study(study_name=given["study"], storage=storage, pruner=pruner)
    return Trial(study, frozen(study, given["number"])._trial_id)
