"""Predict section layouts with a trained model.

    python -m dlt.predict --model models/dlt --data FOLDER --out FOLDER

writes `<example>/layout.json` for every example folder below FOLDER, whether it has one or not, and
`<example>/confidence.json`: `elements`, the chance that each element is right, in the order of the
layout's boxes, and `confidence`, their mean. The block `sample` of params.yaml holds.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from dlt.data.batch import collate_inputs, hide
from dlt.data.encode import Encoded, encode
from dlt.data.examples import read_examples
from dlt.errors import DltError
from dlt.files import new_file, write_json
from dlt.model.confidence import Calibration, element_log_odds
from dlt.model.decode import Decoder, Scores, decode, echo
from dlt.model.known import Known, collate_known
from dlt.model.layout_model import LayoutModel
from dlt.model.sampler import sample
from dlt.params import ModelParams, Sample, load_params
from dlt.process import run_main
from dlt.section.example import LAYOUT
from dlt.section.formats import dump_layout
from dlt.section.labels import Labels, contract
from dlt.section.tree import Structure
from dlt.spacing.settle import settle
from dlt.spacing.spacings import Spacings
from dlt.train.model_file import load_calibration, load_model, load_spacings

CONFIDENCE = "confidence.json"  # beside a written layout


@dataclass(frozen=True)
class Predicted(Labels):
    """Labels with the chance that each of their elements is right, in pre-order.

    None where the model came without its calibration.
    """

    confidences: tuple[float, ...] | None = None


class Sight(NamedTuple):
    """What the boxes of a section go by besides the scores."""

    aspect: float  # of the screenshot, its height over its width
    seen: NDArray[np.bool_]  # whether grounding sees a node; what comes after the nodes is padding


@dataclass(frozen=True)
class Predictor:
    """A trained model, ready for sections of any size."""

    model: LayoutModel
    params: ModelParams
    sample: Sample = field(default_factory=Sample)
    calibration: Calibration | None = None
    spacings: Spacings | None = None
    decoder: Decoder = decode

    @classmethod
    def load(cls, folder: Path, settings: Sample | None = None) -> "Predictor":
        """Load a trained model, to be used with the settings of the sampler."""
        model, config = load_model(folder)
        model.to("cuda" if torch.cuda.is_available() else "cpu")
        params = ModelParams(**config["model"])
        return cls(
            model,
            params,
            settings or Sample(),
            calibration=load_calibration(folder),
            spacings=load_spacings(folder),
        )

    def predict(
        self,
        structure: Structure,
        screenshot: bytes,
        known: Known | None = None,
        name: str = "section",
    ) -> Predicted:
        """Predict one section.

        Args:
            screenshot: the bytes of a PNG file.
            known: labels that are given; they come back unchanged, the rest is lawful around them.
            name: what errors call the section.

        Raises:
            SectionError: the screenshot does not decode, or no labels agree with what is known.
        """
        size = (self.params.image_width, self.params.patch_size[0])
        section = encode(name, structure, screenshot, None, *size)
        return self.predict_batch([structure], [section], [known])[0]

    def predict_batch(
        self,
        structures: Sequence[Structure],
        sections: Sequence[Encoded],
        known: Sequence[Known | None] | None = None,
    ) -> list[Predicted]:
        """Sample one batch and decode it into labels that obey the label law; see `predict`."""
        for structure, own in zip(structures, known or (), strict=False):
            if own:
                own.check(structure)
        device = next(self.model.parameters()).device
        self.model.eval()
        inputs = collate_inputs(sections).to(device)
        given = collate_known(known, inputs.tags.shape[1], device) if known else None
        sampled = sample(self.model, inputs, self.sample, given)
        arrays = [t.float().cpu().numpy() for t in sampled]
        # as the model sees it: what is hidden from it decides nothing
        seen = hide(inputs, self.model.encoder.hidden).grounding[..., 0].cpu().numpy() > 0
        return [
            self._decode(
                structure,
                Scores(*(rows[i] for rows in arrays)),
                Sight(sections[i].image_height / self.params.image_width, seen[i]),
                known[i] if known else None,
            )
            for i, structure in enumerate(structures)
        ]

    def _decode(
        self, structure: Structure, scores: Scores, sight: Sight, known: Known | None
    ) -> Predicted:
        if known:
            scores = echo(structure, scores, known)
        labels = self.decoder(structure, scores, known)
        if self.spacings:
            given = known.boxed if known else ()
            labels = settle(structure, labels, sight.aspect, sight.seen, self.spacings, given)
        sure = None
        if self.calibration:
            odds = element_log_odds(structure.parents, labels.roles, scores)
            sure = self.calibration.confidences(odds)
        return Predicted(labels.roles, labels.props, labels.boxes, sure)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Predict section layouts with a trained model.")
    parser.add_argument("--model", type=Path, required=True, help="folder of a trained model")
    parser.add_argument("--data", type=Path, required=True, help="folder of example folders")
    parser.add_argument("--out", type=Path, required=True, help="folder to write layouts into")
    arguments = parser.parse_args()
    predictor = Predictor.load(arguments.model, load_params().sample)
    count = 0
    for example, screenshot in tqdm(read_examples(arguments.data), "predict", disable=None):
        _write(
            arguments.out / example.name,
            example.structure,
            predictor.predict(example.structure, screenshot, name=example.name),
        )
        count += 1
    if not count:
        raise DltError(f"{arguments.data}: no example folders")
    print(f"{count} layouts in {arguments.out}")


def _write(folder: Path, structure: Structure, predicted: Predicted) -> None:
    with new_file(folder / LAYOUT) as aside:
        aside.write_text(dump_layout(contract(structure, predicted)), encoding="utf-8")
    if sure := predicted.confidences:
        content = {"confidence": sum(sure) / len(sure), "elements": list(sure)}
        write_json(folder / CONFIDENCE, content)


if __name__ == "__main__":
    run_main("predict", main)
