"""Where the pipeline keeps its files; dvc.yaml names the same places."""

from pathlib import Path

SOURCE = Path("data/source.json")
INIT = Path("data/init_from.json")
CONFIG = Path("data/config_file.json")
OLD_TEST = Path("data/old_test.json")
RAW = Path("data/raw")
VALIDATED = Path("data/validated")
SPLITS = Path("data/splits")
SUMMARY = SPLITS / "summary.json"
PROCESSED = Path("data/processed")
MODEL = Path("models/dlt")
TRAIN_LOG = Path("metrics/train")
VALIDATION = Path("metrics/validate.json")
EVALUATION = Path("metrics/evaluate.json")
ERROR_ANALYSIS = Path("metrics/error_analysis.json")
PERFORMANCE = Path("metrics/performance.json")
READINESS = Path("metrics/readiness.json")
PLOTS = Path("plots")
REQUIREMENTS = Path("production_requirements.yaml")


def main_checkout() -> Path:
    """The checkout that a DVC queue or temp run was started from; elsewhere the current folder."""
    here = Path.cwd()
    for i in range(len(here.parts) - 2):
        if here.parts[i : i + 3] == (".dvc", "tmp", "exps"):
            return Path(*here.parts[:i])
    return here


def outside(path: str) -> str:
    """A path or URL given by the user; relative paths mean the main checkout in queue runs, too."""
    return path if "://" in path else str(main_checkout() / Path(path).expanduser())
