"""Checkpoints of a run in progress, kept out of DVC's sight.

They lie in an ignored folder of the main checkout, keyed by a digest of everything that decides the
result: the same run goes on where it was, any other starts afresh. A finished run moves its last one
to `finished/`, so that `dvc repro -f` trains again and `train.resume_from` can go on from it.
"""

import hashlib
import io
import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch

from dlt.errors import DltError, first_line
from dlt.files import new_file
from dlt.paths import main_checkout

CHECKPOINTS = Path(".checkpoints")
FINISHED = "finished"
BEST = "best.pt"
# packages whose code decides the weights
_CODE = ("section", "grounding", "data", "spacing", "model", "train")
_DAMAGE = (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError)
# train: parameters that say where and how a run is computed; it may go on with others
_MEANS = (
    *("num_gpus", "launcher", "shard_model", "dataloader_num_workers", "compile_model"),
    *("gradient_checkpointing", "max_tokens_per_batch", "checkpoint_minutes", "keep_checkpoints"),
)


def run_key(config: dict[str, Any], data_hash: str) -> str:
    """The digest of resolved parameters, data and code."""
    train = {k: v for k, v in config.get("train", {}).items() if k not in _MEANS}
    if train:  # a batch in two halves is the same batch
        parts = train.pop("gradient_accumulation")
        train["batch_size"] *= 1 if parts == "auto" else parts
    deciding = [{**config, "train": train}, data_hash]
    digest = hashlib.sha256(json.dumps(deciding, sort_keys=True).encode())
    package = Path(__file__).parents[1]
    for folder in _CODE:
        for path in sorted((package / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def checkpoint_folder(key: str) -> Path:
    """Where the run of this key keeps its checkpoints."""
    return main_checkout() / CHECKPOINTS / key


def save_checkpoint(folder: Path, state: dict[str, Any], keep: int, best: bool) -> None:
    """Write a checkpoint and keep the newest `keep`, and the best apart from them."""
    content = io.BytesIO()  # torch.save hides what the disk says, such as that it is full
    torch.save(state, content)
    path = folder / f"step-{state['step']:09d}.pt"
    with new_file(path) as aside:
        aside.write_bytes(content.getbuffer())
    if best:
        with new_file(folder / BEST) as aside:
            shutil.copyfile(path, aside)
    for old in _newest_first(folder)[keep:]:
        old.unlink()


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Read the newest checkpoint that can be read; None where there is none."""
    for path in (*_newest_first(folder), folder / BEST):
        if path.exists():
            try:
                return read_checkpoint(path)
            except DltError as error:
                print(f"{error}; falling back to the one before", flush=True)
    return None


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint of a run, readable or not."""
    return next(iter(_newest_first(folder)), None)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read one checkpoint, tensors and plain values only.

    Raises:
        DltError: there is none, or it is damaged.
    """
    if not path.is_file():
        raise DltError(f"{path}: no such checkpoint")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        raise DltError(f"{path}: not a readable checkpoint: {first_line(error)}") from None
    if not isinstance(state, dict) or "step" not in state:
        raise DltError(f"{path}: not a checkpoint of this project")
    return state


def checkpoint_digest(path: Path) -> str:
    """SHA-256 (hex) of a checkpoint.

    Raises:
        DltError: there is none.
    """
    if not path.is_file():
        raise DltError(f"{path}: no such checkpoint")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def finish_checkpoints(folder: Path, keep: int) -> None:
    """Forget a finished run, but for its last checkpoint, among those of the last `keep` runs."""
    kept = folder.with_name(FINISHED)
    kept.mkdir(parents=True, exist_ok=True)
    for path in _newest_first(folder)[:1]:
        os.replace(path, kept / f"{folder.name}.pt")
    shutil.rmtree(folder, ignore_errors=True)
    found = {path: path.stat().st_mtime for path in kept.glob("*.pt")}
    for path in sorted(found, key=lambda p: found[p], reverse=True)[keep:]:
        path.unlink(missing_ok=True)


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.pt"), reverse=True)
