"""A trained model on disk: one safetensors file with its configuration inside."""

import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from dlt.errors import DltError, first_line
from dlt.files import new_file, write_json
from dlt.model.confidence import Calibration
from dlt.model.layout_model import LayoutModel
from dlt.params import ModelParams
from dlt.section.roles import NODE_PROPS, NODE_ROLES
from dlt.spacing.spacings import Spacings

MODEL_FILE = "model.safetensors"
CALIBRATION_FILE = "calibration.json"
SPACINGS_FILE = "spacings.json"
FORMAT = "2"


def save_model(
    folder: Path,
    model: LayoutModel,
    config: dict[str, Any],
    calibration: Calibration | None = None,
    spacings: Spacings | None = None,
) -> None:
    """Write the weights with `config`, which must hold the model's parameters under `model`.

    The calibration of its confidence and the spacings of its training lie beside them as JSON.
    """
    vocabulary = {"roles": NODE_ROLES, "props": NODE_PROPS}
    metadata = {"format": FORMAT, "config": json.dumps(config), **_as_text(vocabulary)}
    content = save({k: v.contiguous() for k, v in model.state_dict().items()}, metadata)
    with new_file(folder / MODEL_FILE) as aside:
        aside.write_bytes(_sort_header(content))
    for name, beside in (CALIBRATION_FILE, calibration), (SPACINGS_FILE, spacings):
        if beside:
            write_json(folder / name, beside.model_dump())


def load_model(folder: Path) -> tuple[LayoutModel, dict[str, Any]]:
    """Read a model in evaluation mode, and its configuration.

    Raises:
        DltError: there is none, it is damaged, or it was trained for other roles.
    """
    path = folder / MODEL_FILE
    if not path.is_file():
        raise DltError(f"{path}: no such model; `dvc repro train` makes one, `dvc pull` fetches it")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not iterable)
        config = json.loads(metadata["config"])
        params = ModelParams.model_validate(config["model"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DltError(f"{path}: not a model of this project: {first_line(error)}") from None
    expected = _as_text({"roles": NODE_ROLES, "props": NODE_PROPS})
    if metadata.get("format") != FORMAT or expected.items() - metadata.items():
        raise DltError(f"{path}: made for another version of the roles or of the format")
    model = LayoutModel(params)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise DltError(f"{path}: weights do not fit: {first_line(error)}") from None
    return model.eval(), config


def load_calibration(folder: Path) -> Calibration | None:
    """Read how the confidence of a model is calibrated; None where it came without.

    Raises:
        DltError: the file is damaged.
    """
    return _load_beside(folder / CALIBRATION_FILE, Calibration)


def load_spacings(folder: Path) -> Spacings | None:
    """Read how far elements were from each other in a model's training; None where it came without.

    Raises:
        DltError: the file is damaged.
    """
    return _load_beside(folder / SPACINGS_FILE, Spacings)


_Beside = TypeVar("_Beside", Calibration, Spacings)


def _load_beside(path: Path, kind: type[_Beside]) -> _Beside | None:
    if not path.is_file():
        return None
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DltError(f"{path}: {error.errors()[0]['msg']}") from None


def model_digest(folder: Path) -> str:
    """SHA-256 (hex) of a trained model's file.

    Raises:
        DltError: there is none.
    """
    path = folder / MODEL_FILE
    if not path.is_file():
        raise DltError(f"{path}: no such model")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sort_header(content: bytes) -> bytes:
    """The file with its header in order: safetensors writes the metadata in a random one."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)  # tensors start at a multiple of 8 bytes
    return len(header).to_bytes(8, "little") + header + content[end:]


def _as_text(vocabulary: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {name: " ".join(words) for name, words in vocabulary.items()}
