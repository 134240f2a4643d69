"""Changed inputs: what changes, that the truth stays true, and that nothing depends on chance."""

import io

import numpy as np
import pytest
from PIL import Image

from dlt.errors import DltError
from dlt.evaluate.perturb import ABLATIONS, KEPT, ROBUSTNESS, perturbed
from dlt.section.example import Example
from dlt.section.labels import Labels, contract, labels
from dlt.section.tree import Box, Node, Structure

STRUCTURE = Structure(
    (
        Node("section.hero.dark", -1),
        Node("h2.title", 0, "Two ways to pay"),
        Node("div.shade", 0),
        Node("p", 0, "Pay later"),
    )
)
BOXES: tuple[Box | None, ...] = ((0, 0, 1, 1), (0.1, 0.1, 0.2, 0.2), None, (0.5, 0.6, 0.4, 0.3))
TRUTH = Labels(("section", "heading", "drop", "paragraph"), ("none", "none", "bo", "none"), BOXES)
EXAMPLE = Example("e", STRUCTURE, contract(STRUCTURE, TRUTH), {"site": "s"})
ALL = {**ROBUSTNESS, **ABLATIONS}


def png() -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (200, 600, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def pixels(screenshot: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(screenshot)).convert("RGB"))


@pytest.mark.parametrize("name", ALL)
def test_the_truth_stays_true_and_nothing_is_left_to_chance(name: str) -> None:
    example, screenshot = next(perturbed([(EXAMPLE, png())], ALL[name]))
    again = ALL[name](EXAMPLE, png())
    assert (example, screenshot) == again
    assert example != EXAMPLE or screenshot != png()
    assert example.layout is not None
    found = labels(example.structure, example.layout)
    assert (found.roles, found.props) == (TRUTH.roles, TRUTH.props)
    assert [node.tag for node in example.structure.nodes] == ["section", "h2", "div", "p"]
    assert (example.name, example.group) == ("e", "s")


def test_words_and_classes_change_as_they_should() -> None:
    structure = ROBUSTNESS["shuffled_classes"](EXAMPLE, png())[0].structure
    names = [name for node in structure.nodes for name in node.classes]
    assert sorted(names) == ["dark", "hero", "shade", "title"]
    without = ABLATIONS["no_classes"](EXAMPLE, png())[0].structure
    assert [node.selector for node in without.nodes] == ["section", "h2", "div", "p"]
    assert not any(node.text for node in ABLATIONS["no_texts"](EXAMPLE, png())[0].structure.nodes)
    greek = ROBUSTNESS["other_language"](EXAMPLE, png())[0].structure.nodes[1].text
    assert len(greek.split()) == 4 and not any("a" <= sign <= "z" for sign in greek)


def test_boxes_follow_the_picture() -> None:
    example, screenshot = ROBUSTNESS["cropped_bottom"](EXAMPLE, png())
    assert pixels(screenshot).shape == (140, 600, 3)
    assert example.layout is not None and example.layout.boxes is not None
    assert example.layout.boxes[0] == pytest.approx((0, 0, 1, 1))
    assert example.layout.boxes[2] == pytest.approx((0.5, 0.6 / KEPT, 0.4, 1 - 0.6 / KEPT))
    example, screenshot = ROBUSTNESS["right_to_left"](EXAMPLE, png())
    assert (pixels(screenshot) == pixels(png())[:, ::-1]).all()
    assert example.layout is not None and example.layout.boxes is not None
    assert example.layout.boxes[2] == pytest.approx((0.1, 0.6, 0.4, 0.3))


def test_a_damaged_screenshot_is_named() -> None:
    with pytest.raises(DltError, match=r"e: screenshot\.png"):
        ROBUSTNESS["jpeg_noise"](EXAMPLE, b"no picture")
