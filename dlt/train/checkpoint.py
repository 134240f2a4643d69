"""Checkpoints of a run in progress, kept out of DVC's sight.

They lie in an ignored folder of the main checkout, keyed by a digest of everything that decides the
result: the same run goes on where it was, any other starts afresh. A finished run removes its own,
so that `dvc repro -f` trains again.
"""

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from dlt.files import new_file
from dlt.paths import main_checkout

CHECKPOINTS = Path(".checkpoints")
_FILE = "last.pt"
_CODE = ("section", "data", "model", "train")  # packages whose code decides the weights


def run_key(config: dict[str, Any], data_hash: str) -> str:
    """The digest of resolved parameters, data and code."""
    digest = hashlib.sha256(json.dumps([config, data_hash], sort_keys=True).encode())
    package = Path(__file__).parents[1]
    for folder in _CODE:
        for path in sorted((package / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def checkpoint_folder(key: str) -> Path:
    """Where the run of this key keeps its checkpoint."""
    return main_checkout() / CHECKPOINTS / key


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint in place of the one before."""
    content = io.BytesIO()  # torch.save hides what the disk says, such as that it is full
    torch.save(state, content)
    with new_file(folder / _FILE) as aside:
        aside.write_bytes(content.getbuffer())


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Read the checkpoint, tensors and plain values only; None where there is none."""
    path = folder / _FILE
    return torch.load(path, weights_only=True) if path.exists() else None


def remove_checkpoint(folder: Path) -> None:
    """Forget a finished run."""
    shutil.rmtree(folder, ignore_errors=True)
