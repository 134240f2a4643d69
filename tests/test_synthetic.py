"""The synthetic generator: laws of its sections, and of the dataset as a whole."""

import io
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from dlt.ingest.synthetic import dataset, generate, rich, widgets, write_dataset
from dlt.ingest.synthetic.composer import Composer
from dlt.ingest.synthetic.dataset import KINDS
from dlt.ingest.synthetic.fonts import Font, text_width, wrap
from dlt.ingest.synthetic.item import Item, Look, place
from dlt.ingest.synthetic.paint import SHAPES, paint
from dlt.ingest.synthetic.prose import prose
from dlt.ingest.synthetic.style import WIDTH, make_site
from dlt.section.example import SPLITS, Example, find_examples, read_example
from dlt.section.formats import dump_structure, parse_structure
from dlt.section.labels import Labels, contract, labels
from dlt.section.roles import DROP, MERGE, PROPS, ROLES
from dlt.section.tree import Structure, depths, subtree_ends

COUNT, SEED = 500, 5  # large enough for a whole round of kinds in each split
Drawn = tuple[str, Example, bytes]


@pytest.fixture(scope="module")
def drawn() -> list[Drawn]:
    """Every section of one dataset."""
    return [generate(i, COUNT, SEED) for i in range(COUNT)]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 400), st.data(), st.integers(0, 2**31))
def test_any_section_obeys_the_laws(count: int, data: st.DataObject, seed: int) -> None:
    """Labels are found and contract back, JSON round-trips, boxes match the elements."""
    index = data.draw(st.integers(0, count - 1))
    _, example, screenshot = generate(index, count, seed)
    assert example.layout is not None and example.layout.boxes is not None
    found = labels(example.structure, example.layout)
    assert contract(example.structure, found) == example.layout
    assert parse_structure(dump_structure(example.structure)) == example.structure
    assert len(example.layout.boxes) == len(example.layout.elements)
    assert Image.open(io.BytesIO(screenshot)).width == WIDTH >= 512


def test_labels_are_found_as_they_were_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """No layout has a second reading that comes before the one that was meant."""
    label, meant = dataset._label, []

    def note(root: Item, height: int) -> tuple[Structure, Labels]:
        meant.append(label(root, height))
        return meant[-1]

    monkeypatch.setattr(dataset, "_label", note)
    for index in range(0, 3000, 10):
        _, example, _ = generate(index, 3000, 21)
        structure, intended = meant[-1]
        assert example.layout is not None
        found = labels(structure, example.layout)
        assert (found.roles, found.props) == (intended.roles, intended.props)


def test_same_arguments_same_section() -> None:
    """A section depends on its arguments alone, whatever was drawn before it."""
    first = generate(7, 50, 3)
    generate(8, 50, 4)
    assert generate(7, 50, 3) == first
    assert generate(7, 50, 4)[2] != first[2]


def test_same_seed_same_files(tmp_path: Path) -> None:
    """Two runs, whichever processes do the work, write the same bytes."""
    for name in ("one", "two"):
        write_dataset(tmp_path / name, 40, 11)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 40 * 4
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_small_datasets(tmp_path: Path, count: int) -> None:
    """Any number of sections is a dataset; from three on each split has one."""
    write_dataset(tmp_path, count, 0)
    found = find_examples(tmp_path)
    assert sum(map(len, found.values())) == count
    assert all((tmp_path / split).is_dir() for split in SPLITS)
    assert count < 3 or set(found) == set(SPLITS)
    for folders in found.values():
        for folder in folders:
            example = read_example(folder)
            assert example.meta["source"] == "synthetic"


def test_an_index_outside_the_dataset_is_refused() -> None:
    """There is no section after the last."""
    with pytest.raises(ValueError, match="section 5 of 5"):
        generate(5, 5, 0)


def test_splits_are_80_10_10_and_share_no_site(drawn: list[Drawn]) -> None:
    """A site lies in one split; names are unique; sites hold 5 to 13 sections."""
    assert Counter(split for split, _, _ in drawn) == {"train": 400, "val": 50, "test": 50}
    homes: dict[str, set[str]] = {}
    for split, example, _ in drawn:
        homes.setdefault(example.group, set()).add(split)
    assert all(len(splits) == 1 for splits in homes.values())
    assert len({example.name for _, example, _ in drawn}) == COUNT
    sizes = Counter(example.group for _, example, _ in drawn)
    assert all(size <= 13 for size in sizes.values())
    assert sum(size < 5 for size in sizes.values()) <= len(SPLITS)  # the last of each split


def test_kinds_and_habits_of_test_are_absent_from_training(drawn: list[Drawn]) -> None:
    """Test shows other kinds and another class habit than train; val shows other kinds."""
    kinds = {s: {e.meta["kind"] for split, e, _ in drawn if split == s} for s in SPLITS}
    habits = {s: {e.meta["habit"] for split, e, _ in drawn if split == s} for s in SPLITS}
    assert len(kinds["train"]) >= 25
    assert not kinds["train"] & (kinds["val"] | kinds["test"])
    assert not habits["train"] & habits["test"]
    assert len(habits["train"] | habits["test"]) == 5
    for split in SPLITS:
        assert kinds[split] == {kind.__name__ for kind in KINDS[split]}


def test_training_shows_all_that_test_asks(drawn: list[Drawn]) -> None:
    """Every role and every prop occurs in training, and what occurs in test occurs there, too."""
    shown: dict[str, set[str]] = {split: set() for split in SPLITS}
    for split, example, _ in drawn:
        assert example.layout is not None
        shown[split] |= {e.role for e in example.layout.elements} | set(example.layout.props)
    assert shown["train"] == {*ROLES, *PROPS}
    assert len(shown["test"]) > 20


def test_kinds_differ_in_tree_shape(drawn: list[Drawn]) -> None:
    """At least 25 kinds have a layout tree, roles left out, that no other kind has."""
    kinds_of: dict[tuple[int, ...], set[str]] = {}
    for _, example, _ in drawn:
        assert example.layout is not None
        shape = example.layout.parents + (-2,) + example.structure.parents
        kinds_of.setdefault(shape, set()).add(example.meta["kind"])
    alone = {next(iter(kinds)) for kinds in kinds_of.values() if len(kinds) == 1}
    assert len(alone) >= 25


def test_boxes_lie_in_the_picture_and_in_their_parents(drawn: list[Drawn]) -> None:
    """Boxes are in range and not empty; all but the rarest lie inside the parent's box."""
    outside = total = 0
    for _, example, _ in drawn:
        layout = example.layout
        assert layout is not None and layout.boxes is not None
        for element, (x, y, w, h) in zip(layout.elements, layout.boxes, strict=True):
            assert 0 <= x <= 1 and 0 <= y <= 1 and w > 0 and h > 0
            assert x + w <= 1.0002 and y + h <= 1.0002
            if element.parent >= 0:
                px, py, pw, ph = layout.boxes[element.parent]
                total += 1
                outside += x < px - 0.01 or y < py - 0.01
                outside += x + w > px + pw + 0.01 or y + h > py + ph + 0.01
    assert outside <= 0.01 * total


def test_trees_have_what_real_ones_have(drawn: list[Drawn]) -> None:
    """Repeated sibling keys, merges that branch, dropped subtrees, and sizes up to 160 nodes."""
    repeated = branched = 0
    for _, example, _ in drawn:
        structure, layout = example.structure, example.layout
        assert layout is not None and len(structure) <= 160
        keys = Counter((node.parent, node.selector) for node in structure.nodes)
        repeated += max(keys.values()) > 1
        merged = Counter(
            parent
            for parent, role in zip(structure.parents, labels(structure, layout).roles, strict=True)
            if role == "merge"
        )
        branched += max(merged.values(), default=0) > 1
        assert max(depths(structure.parents)) <= 40
        assert subtree_ends(structure.parents)[0] == len(structure)
    assert repeated > COUNT / 3 and branched > 0


def test_flexbox_containers_are_nested_and_told_by_their_class_names() -> None:
    """Boxes lie in boxes, alone in a section, too; containers share class names, widgets others."""
    shapes: Counter[tuple[str, str]] = Counter()
    lone = 0
    for seed in range(800):
        site = make_site("s", "train", str(seed))
        if site.dialect != "flex" or site.habit != "builder":
            continue
        composer = Composer(site, "kind", Random(seed))
        root = composer.section(widgets.heading(composer), widgets.paragraph(composer))
        inside = root.children if root.children[0].role != MERGE else root.children[0].children
        lone += [item.role for item in inside] == ["wrapper"]
        shapes.update((item.role, child.role) for item in root.walk() for child in item.children)
        containers = {"section", "wrapper"}
        shared = [set(item.classes) for item in root.walk() if item.role in containers]
        assert set.intersection(*shared) >= {root.classes[0], root.classes[-1]}
        for item in root.walk():
            if item.role in {"heading", "paragraph"}:
                assert set(item.classes) & set(root.classes) == {root.classes[0]}
    assert lone and shapes["wrapper", "wrapper"] and shapes["section", "wrapper"]
    assert shapes["wrapper", MERGE] and shapes["wrapper", "heading"], "with wrappers, and without"


def test_elements_stand_side_by_side_without_a_grid() -> None:
    """A box or a section may hold a row of elements: it stays a wrapper, or merges."""
    for seed in range(30):
        composer = Composer(make_site("s", "train", str(seed)), "kind", Random(seed))
        row = composer.beside(*(widgets.button(composer) for _ in range(3)))
        line = composer.section(widgets.button(composer), widgets.icon(composer), weights=(3, 1))
        for item, first in ((row, "wrapper"), (line, "section")):
            place(item, 0, 0, 500)
            roles = [each.role for each in item.walk() if each.role in ROLES]
            assert roles[0] == first and "grid" not in roles and "column" not in roles
            elements = [each for each in item.walk() if each.role in {"button", "icon"}]
            assert len({each.rect[1] for each in elements}) == 1 < len(elements)


def test_what_no_role_fits_is_dropped_as_a_whole() -> None:
    composer = Composer(make_site("s", "train", "1"), "kind", Random(1))
    assert {item.role for item in rich.add_on(composer).walk()} == {DROP}


def test_closed_answers_are_there_or_not() -> None:
    kept = 0
    for seed in range(60):
        composer = Composer(make_site("s", "train", str(seed)), "kind", Random(seed))
        entries = rich.accordion(composer, 3)
        while len(entries.children) == 1:
            entries = entries.children[0]
        kept += len(entries.children[-1].children) == 2
    assert 5 < kept < 35


def test_text_is_wrapped_by_its_width() -> None:
    """No line is wider than asked for, unless it is one word; no word is lost."""
    font = Font("sans", 9)
    text = "a river runs beside the unpronounceablylongword garden house"
    for width in (10.0, 40.0, 80.0, 500.0):
        lines = wrap(text, font, width)
        assert " ".join(lines) == text
        assert all(text_width(line, font) <= width or " " not in line for line in lines)


def test_what_a_text_editor_holds_is_one_element() -> None:
    tags: set[str] = set()
    for seed in range(60):
        composer = Composer(make_site("s", "train", str(seed)), "kind", Random(seed))
        first, *below = prose(composer).walk()
        assert first.role == "paragraph" and {item.role for item in below} <= {MERGE, DROP}
        tags |= {item.tag for item in below}
    assert {"h3", "p", "ul", "ol", "table", "img", "strong"} <= tags


def test_a_node_paints_the_words_of_all_that_is_inline_in_it() -> None:
    inner = Item("strong", text="river house")
    item = Item("p", text="beside the", children=[Item("span", children=[inner])])
    item.look = Look(font=Font("sans", 9))
    place(item, 0, 0, 500)
    assert item.lines == ("beside the river house",)


@pytest.mark.parametrize("split", SPLITS)
def test_a_section_too_narrow_for_its_widgets_is_painted_all_the_same(split: str) -> None:
    for seed in range(10):
        composer = Composer(make_site("s", split, str(seed)), "kind", Random(seed))
        root = composer.section(
            rich.social(composer, 4), widgets.button(composer), widgets.counter(composer)
        )
        height = place(root, 0, 0, 12)
        assert paint(root, round(height))


def test_a_video_without_room_for_its_bar_is_painted_all_the_same() -> None:
    for width in range(1, 20):
        image = Image.new("RGB", (40, 40), "white")
        SHAPES["video"](image, ImageDraw.Draw(image), (10, 10, 10 + width, 30), Look(seed=width))
        assert image.tobytes() != Image.new("RGB", (40, 40), "white").tobytes()
