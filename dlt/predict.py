"""Predict section layouts with a trained model.

    python -m dlt.predict --model models/dlt --data FOLDER --out FOLDER [--given]

writes `<example>/layout.json` for every example folder below FOLDER, whether it has one or not, and
`<example>/confidence.json`: `elements`, the chance that each element is right, in the order of the
layout's boxes, and `confidence`, their mean. The block `sample` of params.yaml holds. Sections whose
meta.json names the same site are predicted together, at most AT_ONCE at a time. With `--given` the
layouts that examples have stay as they are, and tell about the other sections of their site.
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
from dlt.data.examples import in_parts, read_examples
from dlt.data.labelled import true_labels
from dlt.errors import DltError
from dlt.files import new_file, write_json
from dlt.model.alike import agree
from dlt.model.confidence import Calibration, element_log_odds
from dlt.model.decode import Decoder, Scores, decode
from dlt.model.known import Known, collate_known
from dlt.model.layout_model import LayoutModel
from dlt.model.sampler import sample
from dlt.params import ModelParams, Sample, load_params
from dlt.process import run_main
from dlt.section.example import LAYOUT, Example
from dlt.section.formats import dump_layout
from dlt.section.labels import Labels, contract
from dlt.section.tree import Structure
from dlt.spacing.settle import settle
from dlt.spacing.spacings import Spacings
from dlt.train.model_file import load_calibration, load_model, load_spacings

CONFIDENCE = "confidence.json"  # beside a written layout
BATCH_SIZE = 32
AT_ONCE = 1_000  # sections held in memory with their screenshots


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
    hidden: frozenset[str] = frozenset()  # parts of the input, besides the model's own

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
        section = self.encode(name, structure, screenshot)
        return self.predict_sections([structure], [section], [name], [known])[0]

    def encode(self, name: str, structure: Structure, screenshot: bytes) -> Encoded:
        """Encode one section as the model takes it; raises as `dlt.data.encode.encode` does."""
        size = (self.params.image_width, self.params.patch_size[0])
        return encode(name, structure, screenshot, None, *size)

    def predict_sections(
        self,
        structures: Sequence[Structure],
        sections: Sequence[Encoded],
        sites: Sequence[str],
        known: Sequence[Known | None] | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> list[Predicted]:
        """Predict sections, those of the same site together (`dlt.model.alike`); see `predict`."""
        known = known or [None] * len(structures)
        for structure, own in zip(structures, known, strict=True):
            if own:
                own.check(structure)
        scored: dict[int, tuple[Scores, Sight]] = {}
        order = sorted(range(len(structures)), key=lambda i: len(structures[i]))
        starts = range(0, len(order), batch_size)
        for start in tqdm(starts, "predict", disable=len(starts) == 1 or None, leave=False):
            chunk = order[start : start + batch_size]  # of similar length: little padding
            found = self.score([sections[i] for i in chunk], [known[i] for i in chunk])
            scored |= zip(chunk, found, strict=True)
        nameless = "classes" in self.hidden | self.model.encoder.hidden
        share = 0.0 if nameless else self.sample.site_share
        before = [scored[i][0] for i in range(len(structures))]
        scores = agree(structures, sites, before, share, known)
        return [
            self._label(structure, own, scored[i][1], known[i])
            for i, (structure, own) in enumerate(zip(structures, scores, strict=True))
        ]

    def score(
        self, sections: Sequence[Encoded], known: Sequence[Known | None]
    ) -> list[tuple[Scores, Sight]]:
        """Sample one batch."""
        device = next(self.model.parameters()).device
        self.model.eval()
        inputs = hide(collate_inputs(sections), self.hidden).to(device)
        given = collate_known(known, inputs.tags.shape[1], device) if any(known) else None
        sampled = sample(self.model, inputs, self.sample, given)
        arrays = [t.float().cpu().numpy() for t in sampled]
        # as the model sees it: what is hidden from it decides nothing
        seen = hide(inputs, self.model.encoder.hidden).grounding[..., 0].cpu().numpy() > 0
        return [
            (
                Scores(*(rows[i] for rows in arrays)),
                Sight(section.image_height / self.params.image_width, seen[i]),
            )
            for i, section in enumerate(sections)
        ]

    def _label(
        self, structure: Structure, scores: Scores, sight: Sight, known: Known | None
    ) -> Predicted:
        """Labels that obey the label law."""
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
    parser.add_argument("--given", action="store_true", help="keep layouts, and learn from them")
    arguments = parser.parse_args()
    predictor = Predictor.load(arguments.model, load_params().sample)
    count = 0
    for part in in_parts(read_examples(arguments.data), AT_ONCE):
        _predict_part(predictor, part, arguments.out, arguments.given)
        count += len(part)
    if not count:
        raise DltError(f"{arguments.data}: no example folders")
    print(f"{count} layouts in {arguments.out}")


def _predict_part(
    predictor: Predictor, part: Sequence[tuple[Example, bytes]], out: Path, given: bool
) -> None:
    examples = [example for example, _ in part]
    structures, sites = [e.structure for e in examples], [e.group for e in examples]
    known = [
        Known.of(e.structure, true_labels(e)) if given and e.layout else None for e in examples
    ]
    bar = tqdm(part, "encode", disable=None, leave=False)
    sections = [predictor.encode(e.name, e.structure, screenshot) for e, screenshot in bar]
    found = predictor.predict_sections(structures, sections, sites, known)
    for example, predicted in zip(examples, found, strict=True):
        _write(out / example.name, example.structure, predicted)


def _write(folder: Path, structure: Structure, predicted: Predicted) -> None:
    with new_file(folder / LAYOUT) as aside:
        aside.write_text(dump_layout(contract(structure, predicted)), encoding="utf-8")
    if sure := predicted.confidences:
        content = {"confidence": sum(sure) / len(sure), "elements": list(sure)}
        write_json(folder / CONFIDENCE, content)


if __name__ == "__main__":
    run_main("predict", main)
