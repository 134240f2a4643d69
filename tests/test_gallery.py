"""The gallery and the plots: which files are written, from what, and again the same bytes."""

import csv
import io
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlt.errors import DltError
from dlt.evaluate.gallery import choose, read_gallery, role_colour, tree_lines, write_gallery
from dlt.evaluate.metrics import Pair, confusion_counts, evaluate_pairs
from dlt.evaluate.plots import MAX_ROWS, draw_confusion, draw_headlines, write_confusion_rows
from dlt.evaluate.report import assemble
from dlt.evaluate.teds import placed_elements
from dlt.section.labels import Labels
from dlt.section.roles import ROLES
from dlt.section.tree import Box, Node, Structure

STRUCTURE = Structure(
    (
        Node("section", -1),
        Node("h2", 0, "What a heading\nwith a rather long text looks like"),
        Node("p", 0, "Текст"),
    )
)
BOXES: tuple[Box, ...] = ((0.0, 0.0, 1.0, 1.0), (0.1, 0.1, 0.8, 0.2), (0.1, 0.4, 2.0, 0.5))
NO_PROPS = ("none",) * 3
TRUTH = Labels(("section", "heading", "paragraph"), NO_PROPS, BOXES)
HALF = Labels(("section", "heading", "list"), NO_PROPS, BOXES)
POOR = Labels(("section", "merge", "drop"), NO_PROPS, (BOXES[0], None, None))
NAMES = ("best_1", "best_2", "median_1", "median_2", "overview", "worst_1", "worst_2")


def pairs() -> list[Pair]:
    predictions = {"a": POOR, "b": TRUTH, "c": HALF, "d": HALF, "e": POOR, "f": TRUTH}
    return [Pair(name, name, STRUCTURE, TRUTH, labels) for name, labels in predictions.items()]


def png(width: int = 600, height: int = 200) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (90, 140, 200)).save(file, "png")
    return file.getvalue()


def read_screenshots(names: Collection[str]) -> dict[str, bytes]:
    return {name: png() for name in names}


def test_chosen_pairs_are_ordered_by_accuracy() -> None:
    chosen = {stem: pair.name for stem, pair in choose(pairs(), each=2).items()}
    assert chosen == {
        "best_1": "f",
        "best_2": "b",
        "median_1": "c",
        "median_2": "d",
        "worst_1": "a",
        "worst_2": "e",
    }


def test_one_pair_is_best_median_and_worst() -> None:
    assert list(choose(pairs()[:1], each=3)) == ["best_1", "median_1", "worst_1"]
    assert choose([], each=3) == {}


def test_gallery_files_are_the_same_every_time(tmp_path: Path) -> None:
    for folder in ("once", "twice"):
        write_gallery(tmp_path / folder, pairs(), read_screenshots, each=2)
    once = sorted((tmp_path / "once").iterdir())
    assert tuple(path.stem for path in once) == NAMES
    for path in once:
        assert path.read_bytes() == (tmp_path / "twice" / path.name).read_bytes()
        with Image.open(path) as picture:
            assert picture.width < 1400 and picture.height < 2000


def test_pictures_tell_what_they_show(tmp_path: Path) -> None:
    write_gallery(tmp_path / "gallery", pairs(), read_screenshots, each=2)
    found = read_gallery(tmp_path / "gallery")
    assert {kind: [told for _, told in own] for kind, own in found.items()} == {
        "best": ["f 1.000", "b 1.000"],
        "median": ["c 0.667", "d 0.667"],
        "worst": ["a 0.167", "e 0.167"],
    }
    assert found["worst"][1][0] == tmp_path / "gallery" / "worst_2.png"
    (tmp_path / "gallery" / "best_10.png").write_bytes(png())
    assert read_gallery(tmp_path / "gallery")["best"][2][1] == "best_10"
    assert read_gallery(tmp_path) == {}


def test_gallery_asks_only_for_what_it_shows(tmp_path: Path) -> None:
    asked: list[set[str]] = []

    def record(names: Collection[str]) -> dict[str, bytes]:
        asked.append(set(names))
        return read_screenshots(names)

    write_gallery(tmp_path / "gallery", pairs(), record, each=1)
    assert asked == [{"f", "c", "a"}]


@pytest.mark.parametrize("size", [(1, 1), (5000, 3), (3, 5000)])
def test_odd_screenshots_are_drawn(tmp_path: Path, size: tuple[int, int]) -> None:
    write_gallery(tmp_path / "gallery", pairs()[:1], lambda names: {n: png(*size) for n in names})
    assert (tmp_path / "gallery" / "best_1.png").exists()


def test_labels_without_boxes_are_drawn(tmp_path: Path) -> None:
    bare = Labels(TRUTH.roles, NO_PROPS)
    write_gallery(tmp_path / "g", [Pair("a", "a", STRUCTURE, bare, bare)], read_screenshots)
    assert (tmp_path / "g" / "overview.png").exists()


def test_a_broken_screenshot_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(DltError, match="a: screenshot.png"):
        write_gallery(tmp_path / "g", pairs()[:1], lambda names: {n: b"no picture" for n in names})
    assert list(tmp_path.iterdir()) == []


def test_tree_lines_show_marks_roles_tags_and_text() -> None:
    lines = tree_lines(STRUCTURE, placed_elements(STRUCTURE, HALF), (" ", " ", "~"))
    assert lines == [
        "  section  section",
        '    heading  h2  "What a heading with a r…"',
        '~   list  p  "Текст"',
    ]


def test_every_role_has_a_colour_of_its_own() -> None:
    assert len({role_colour(role) for role in ROLES}) == len(ROLES)


def test_confusion_rows_stand_for_nodes(tmp_path: Path) -> None:
    write_confusion_rows(tmp_path / "rows.csv", pairs())
    with (tmp_path / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18
    assert rows[1] == {"actual": "heading", "predicted": "merge"}
    many = pairs() * (MAX_ROWS // 18 + 1)
    write_confusion_rows(tmp_path / "rows.csv", many)
    assert len((tmp_path / "rows.csv").read_text().splitlines()) <= MAX_ROWS + 1


def test_plots_are_the_same_every_time(tmp_path: Path) -> None:
    measures = evaluate_pairs(pairs())
    evaluation = assemble(measures, measures, {"tag_label": measures, "nearest": measures})
    for name in ("once", "twice"):
        draw_confusion(tmp_path / name / "confusion.png", confusion_counts(pairs()))
        draw_headlines(tmp_path / name / "headlines.png", evaluation, {"layout_accuracy": 0.85})
    for plot in ("confusion.png", "headlines.png"):
        assert (tmp_path / "once" / plot).read_bytes() == (tmp_path / "twice" / plot).read_bytes()
        with Image.open(tmp_path / "once" / plot) as picture:
            assert np.asarray(picture.convert("L")).std() > 5
