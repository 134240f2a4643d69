"""Predict section layouts with a trained model.

    python -m dlt.predict --model models/dlt --data FOLDER --out FOLDER

writes `<example>/layout.json` for every example folder below FOLDER, whether it has one or not.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from dlt.data.batch import collate_inputs
from dlt.data.encode import Encoded, encode
from dlt.data.examples import read_examples
from dlt.data.labelled import Labelled
from dlt.errors import DltError
from dlt.evaluate.metrics import Pair
from dlt.files import new_file
from dlt.model.lawful import lawful_props, lawful_roles
from dlt.model.layout_model import LayoutModel
from dlt.model.sampler import sample
from dlt.params import ModelParams
from dlt.process import run_main
from dlt.section.example import LAYOUT
from dlt.section.formats import dump_layout
from dlt.section.labels import Labels, contract
from dlt.section.roles import DROP, MERGE
from dlt.section.tree import Box, Structure
from dlt.train.model_file import load_model

BATCH_SIZE = 32
SEED = 0  # of the initial noise of the boxes: a prediction is a function of its section


@dataclass(frozen=True)
class Predictor:
    """A trained model, ready for sections of any size."""

    model: LayoutModel
    params: ModelParams
    steps: int

    @classmethod
    def load(cls, folder: Path, steps: int | None = None) -> "Predictor":
        """Load a trained model; `steps` overrides the number of denoising steps it came with."""
        model, config = load_model(folder)
        model.to("cuda" if torch.cuda.is_available() else "cpu")
        return cls(model, ModelParams(**config["model"]), steps or config["sample"]["steps"])

    def predict(self, structure: Structure, screenshot: bytes) -> Labels:
        """Predict one section.

        Args:
            screenshot: the bytes of a PNG file.

        Raises:
            SectionError: the screenshot does not decode.
        """
        size = (self.params.image_width, self.params.patch_size[0])
        section = encode("section", structure, screenshot, None, *size)
        return predict_batch(self.model, [structure], [section], self.steps)[0]


def predict_pairs(
    model: LayoutModel, sections: Sequence[Labelled], steps: int, batch_size: int = BATCH_SIZE
) -> list[Pair]:
    """Predictions beside the truth, in the order of `sections`."""
    order = sorted(range(len(sections)), key=lambda i: len(sections[i].structure))
    pairs: dict[int, Pair] = {}
    for start in tqdm(range(0, len(order), batch_size), "predict", disable=None, leave=False):
        chunk = order[start : start + batch_size]  # of similar length: little padding
        batch = [sections[i] for i in chunk]
        structures, encoded = [s.structure for s in batch], [s.encoded for s in batch]
        for i, section, predicted in zip(
            chunk, batch, predict_batch(model, structures, encoded, steps), strict=True
        ):
            name, truth = section.encoded.name, section.truth
            pairs[i] = Pair(name, section.site, section.structure, truth, predicted)
    return [pairs[i] for i in range(len(sections))]


def predict_batch(
    model: LayoutModel, structures: Sequence[Structure], sections: Sequence[Encoded], steps: int
) -> list[Labels]:
    """Sample one batch and decode it into labels that obey the label law."""
    device = next(model.parameters()).device
    model.eval()
    sampled = sample(model, collate_inputs(sections).to(device), steps, SEED)
    roles, props, boxes = (t.float().cpu().numpy() for t in sampled)
    return [
        _decode(structure, roles[i], props[i], boxes[i]) for i, structure in enumerate(structures)
    ]


def _decode(
    structure: Structure, role_probs: np.ndarray, prop_probs: np.ndarray, boxes: np.ndarray
) -> Labels:
    count = len(structure)
    with np.errstate(divide="ignore"):
        roles = lawful_roles(structure.parents, np.log(role_probs[:count]))
    return Labels(
        roles=tuple(roles),
        props=tuple(lawful_props(prop_probs[:count])),
        boxes=tuple(
            None if role in (MERGE, DROP) else _corner_box(box)
            for role, box in zip(roles, boxes[:count].tolist(), strict=True)
        ),
    )


def _corner_box(box: list[float]) -> Box:
    """Centre and size → corner and size, inside the screenshot, rounded."""
    x, y, w, h = box
    left, top = max(x - w / 2, 0.0), max(y - h / 2, 0.0)
    right, bottom = min(x + w / 2, 1.0), min(y + h / 2, 1.0)
    return round(left, 4), round(top, 4), round(right - left, 4), round(bottom - top, 4)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Predict section layouts with a trained model.")
    parser.add_argument("--model", type=Path, required=True, help="folder of a trained model")
    parser.add_argument("--data", type=Path, required=True, help="folder of example folders")
    parser.add_argument("--out", type=Path, required=True, help="folder to write layouts into")
    arguments = parser.parse_args()
    predictor = Predictor.load(arguments.model)
    count = 0
    for example, screenshot in tqdm(read_examples(arguments.data), "predict", disable=None):
        layout = contract(example.structure, predictor.predict(example.structure, screenshot))
        with new_file(arguments.out / example.name / LAYOUT) as aside:
            aside.write_text(dump_layout(layout), encoding="utf-8")
        count += 1
    if not count:
        raise DltError(f"{arguments.data}: no example folders")
    print(f"{count} layouts in {arguments.out}")


if __name__ == "__main__":
    run_main("predict", main)
