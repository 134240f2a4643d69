"""Where a sweep keeps its files; light, for training reads this."""

from pathlib import Path

TUNE = Path(".tune")  # of the main checkout, ignored by git


def journal_path(study: str, storage: str | None) -> Path:
    """The journal of a study, in a folder that several machines may share."""
    return (Path(storage).expanduser() if storage else TUNE).absolute() / f"{study}.journal"


def report_path(study: str) -> Path:
    """The page about a study."""
    return TUNE / f"{study}.html"


def trial_path(experiment: str) -> Path:
    """What the training of an experiment must know to ask its study: `write_json` of a dict."""
    return TUNE / "trials" / f"{experiment}.json"
