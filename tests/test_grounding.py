"""Grounding: what stands out in a screenshot, and which node of the structure it is."""

import io
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw, ImageFont

from dlt.data.encode import encode
from dlt.grounding.alignment import find_alignment
from dlt.grounding.blobs import find_blobs
from dlt.grounding.cells import find_cells
from dlt.grounding.ground import _cheapest, ground
from dlt.grounding.hairlines import find_hairlines
from dlt.grounding.leaves import find_leaves
from dlt.grounding.moves import _unaligned
from dlt.grounding.rectangles import WIDTH, Pixels, mirrored
from dlt.grounding.runs import Floats
from dlt.ingest.synthetic import generate
from dlt.section.labels import labels
from dlt.section.tree import Node, Structure, subtree_ends
from tests.strategies import structures

# screenshots that a few random rectangles and lines make
rectangles = st.lists(
    st.tuples(*(st.integers(0, 60) for _ in range(4)), st.integers(0, 255)), max_size=8
)


def page(height: int = 240) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A white page to paint on."""
    image = Image.new("RGB", (WIDTH, height), "white")
    return image, ImageDraw.Draw(image)


def write(draw: ImageDraw.ImageDraw, x: int, y: int, text: str, size: int) -> None:
    """Paint a line of text in a font that comes with Pillow."""
    draw.text((x, y), text, "black", ImageFont.load_default(size))


def paint_photo(image: Image.Image, box: tuple[int, int, int, int]) -> None:
    """Paint something of many colours, with hard edges in it."""
    size = (box[2] - box[0], box[3] - box[1])
    noise = np.random.default_rng(0).integers(0, 255, (6, 6, 3), np.uint8)
    image.paste(Image.fromarray(noise).resize(size, Image.Resampling.NEAREST), box[:2])


# --- hairlines ------------------------------------------------------------------------------------


def hairlines(image: Image.Image) -> list[list[float]]:
    """The hairlines of a page without anything else on it."""
    pixels = np.asarray(image)
    return find_hairlines(pixels, np.zeros((pixels.shape[0] - 1, WIDTH - 1), bool)).tolist()


@pytest.mark.parametrize(("paper", "rule"), [("white", 245), ((90, 90, 90), 98)])
@pytest.mark.parametrize("thick", [1, 2])
def test_a_faint_rule_is_found(paper: str, rule: int, thick: int) -> None:
    image = Image.new("RGB", (WIDTH, 60), paper)
    ImageDraw.Draw(image).rectangle((40, 30, 599, 29 + thick), fill=(rule,) * 3)
    assert hairlines(image) == [[40, 30, 600, 31]]
    assert find_blobs(np.asarray(image)).tolist() == [[40, 30, 600, 31]]


@pytest.mark.parametrize("height", range(1, 6))
def test_low_pages_have_no_hairlines(height: int) -> None:
    assert hairlines(Image.new("RGB", (WIDTH, height), "white")) == []


def test_a_rule_under_a_line_of_text_is_part_of_it() -> None:
    image, draw = page()
    draw.rectangle((40, 96, 300, 96), fill=(245,) * 3)
    assert len(find_blobs(np.asarray(image))) == 1
    write(draw, 40, 80, "Some words on a line, and then some more", 16)
    assert all(bottom - top > 5 for _, top, _, bottom in find_blobs(np.asarray(image)).tolist())


def test_the_longest_hairlines_are_kept_of_a_page_full_of_dashes() -> None:
    image, draw = page(2560)
    for y in range(8, 2550, 4):
        for x in range(0, 600, 50):
            draw.rectangle((x, y, x + 40, y), fill=(245,) * 3)
    draw.rectangle((10, 2555, 600, 2555), fill=(245,) * 3)
    found = hairlines(image)
    assert len(found) == 20 and found[0] == [10, 2555, 601, 2556]


# --- blobs ----------------------------------------------------------------------------------------


def test_an_icon_much_higher_than_a_text_stands_by_itself() -> None:
    image, draw = page()
    draw.rectangle((40, 90, 79, 129), fill="navy")
    write(draw, 104, 104, "small words", 10)
    icon, line = sorted(find_blobs(np.asarray(image)).tolist())
    assert icon == [40, 90, 80, 130] and line[0] > 100


def test_a_line_of_text_is_one_blob_and_a_frame_another() -> None:
    image, draw = page()
    write(draw, 40, 30, "Some words on a line", 16)
    draw.rectangle((300, 100, 419, 139), fill="navy")
    draw.text((320, 110), "Buy it now", "white", ImageFont.load_default(14))
    line, frame, inner = sorted(find_blobs(np.asarray(image)).tolist())
    assert 40 <= line[0] < 44 and 30 <= line[1] and line[3] <= 52 and line[2] > 150
    assert frame == [300, 100, 420, 140]
    assert 320 <= inner[0] and inner[2] < 420 and 108 <= inner[1] and inner[3] <= 130


def test_what_a_picture_shows_is_no_blob() -> None:
    image, _ = page()
    paint_photo(image, (100, 40, 340, 200))
    assert find_blobs(np.asarray(image)).tolist() == [[100, 40, 340, 200]]


def paint_gradient(image: Image.Image, box: tuple[int, int, int, int], colour: float) -> None:
    """Paint something of many colours without an edge in it."""
    y, x = np.mgrid[0 : box[3] - box[1], 0 : box[2] - box[0]]
    colours = np.stack([x * 0.6 + colour, y * 0.9, 200 - x * 0.3], -1).clip(0, 255)
    image.paste(Image.fromarray(colours.astype(np.uint8)), box[:2])


@pytest.mark.parametrize("corner", [(40, 60), (200, 120)])
def test_a_picture_that_lies_on_another_is_one_of_two(corner: tuple[int, int]) -> None:
    image, draw = page(400)
    lower, upper = (100, 40, 340, 240), (*corner, corner[0] + 230, corner[1] + 150)
    paint_gradient(image, lower, 0)
    paint_gradient(image, upper, 110)
    write(draw, 120, 300, "Below both", 16)
    found = find_blobs(np.asarray(image)).round().tolist()
    assert {(*lower,), (*upper,)} < {tuple(box) for box in found} and len(found) == 3


def test_a_picture_of_two_halves_is_one() -> None:
    image, _ = page()
    paint_gradient(image, (100, 40, 220, 200), 0)
    paint_gradient(image, (220, 40, 340, 200), 110)
    assert find_blobs(np.asarray(image)).tolist() == [[100, 40, 340, 200]]


def test_white_text_on_a_photo_is_a_line() -> None:
    image, draw = page(200)
    colours = np.random.default_rng(0).integers(0, 150, (50, 160, 3), np.uint8)
    image.paste(Image.fromarray(colours).resize(image.size, Image.Resampling.NEAREST))
    draw.text((60, 80), "Fly to the moon", "white", ImageFont.load_default(30))
    around = draw.textbbox((60, 80), "Fly to the moon", font=ImageFont.load_default(30))
    found = find_blobs(np.asarray(image))
    assert np.abs(found - around).max(1).min() <= 3


def test_white_text_on_one_colour_is_found_once() -> None:
    image, draw = page(200)
    draw.rectangle((0, 0, WIDTH, 200), fill="navy")
    draw.text((60, 80), "Fly to the moon", "white", ImageFont.load_default(30))
    assert len(find_blobs(np.asarray(image))) == 1


def test_an_empty_page_has_no_blobs() -> None:
    assert find_blobs(np.asarray(page()[0])).shape == (0, 4)


def test_the_mirror_of_the_mirror_is_the_same() -> None:
    boxes = np.array([[10.0, 20, 30, 40], [600, 0, 640, 9]])
    assert mirrored(boxes)[0].tolist() == [610, 20, 630, 40]
    assert np.array_equal(mirrored(mirrored(boxes)), boxes)


# --- leaves ---------------------------------------------------------------------------------------


def test_leaves_are_what_shows_something() -> None:
    nodes = (
        Node("section", -1),
        Node("h2", 0, "A title"),
        Node("b", 1, "bold"),
        Node("a.btn", 0),
        Node("span", 3, "Go"),
        Node("svg", 0),
        Node("path", 5),
        Node("img", 0),
        Node("script", 0, "1 + 1"),
        Node("div.line", 0),
    )
    found = [(leaf.node, leaf.kind, leaf.text) for leaf in find_leaves(Structure(nodes))]
    assert found == [
        (1, "text", "A title bold"),
        (4, "link", "Go"),
        (5, "icon", ""),
        (7, "picture", ""),
        (9, "blank", ""),
    ]


def test_an_item_like_the_one_before_is_repeated() -> None:
    parents, names = (-1, 0, 1, 1, 0, 4, 0), ("ul", "li", "h3", "p", "li", "h3", "p")
    nodes = tuple(Node(*pair, "text") for pair in zip(names, parents, strict=True))
    nodes = (Node("ul", -1), *(Node(n.selector, n.parent, n.text * (i in (1, 2, 4, 5)))
                               for i, n in enumerate(nodes[1:])))  # fmt: skip
    found = {leaf.node: leaf.repeated for leaf in find_leaves(Structure(nodes))}
    assert found == {2: False, 3: False, 5: True, 6: False}


def test_a_leaf_tells_how_far_it_is_from_the_one_before() -> None:
    nodes = (
        Node("section", -1),
        Node("div.card", 0),
        Node("h3", 1, "One"),
        Node("p", 1, "of them"),
        Node("div.card", 0),
        Node("h3", 4, "Two"),
    )
    first, second, third = find_leaves(Structure(nodes))
    assert [leaf.shared for leaf in (first, second, third)] == [0, 2, 1]
    assert {leaf.depth for leaf in (first, second, third)} == {3}
    assert first.look == third.look != second.look


def test_a_text_that_was_cut_is_known_by_its_length() -> None:
    nodes = (Node("div", -1), Node("p", 0, "x" * 160), Node("p", 0, "x" * 200))
    assert [leaf.cut for leaf in find_leaves(Structure(nodes))] == [True, False]


def test_a_number_and_its_sign_are_one_text() -> None:
    nodes = (
        Node("section", -1),
        Node("div", 0),
        Node("span", 1, "€"),
        Node("span", 1, "120"),
        Node("sup", 1, "+"),
        Node("div", 0),
        Node("span", 5, "1"),
        Node("span", 5, "Plan"),
        Node("a", 5, "2"),
        Node("a", 5, "»"),
    )
    found = {leaf.node: leaf.text for leaf in find_leaves(Structure(nodes))}
    assert found == {2: "€ 120 +", 6: "1", 7: "Plan", 8: "2", 9: "»"}


def test_letters_of_titles_are_bold() -> None:
    nodes = (
        Node("div", -1),
        Node("h2", 0),
        Node("a", 1, "A title"),
        Node("p", 0, "Some words"),
        Node("strong", 0, "More"),
    )
    assert [leaf.bold for leaf in find_leaves(Structure(nodes))] == [True, False, True]


# --- grounding ------------------------------------------------------------------------------------


def cards() -> tuple[Structure, Pixels]:
    """A title over two cards of a picture, a heading and two lines of text each."""
    image, draw = page(300)
    write(draw, 240, 10, "All our services", 24)
    nodes = [Node("section", -1), Node("h2", 0, "All our services")]
    for x, name in (60, "Gardens"), (360, "Terraces"):
        card = len(nodes)
        paint_photo(image, (x, 60, x + 200, 180))
        write(draw, x, 190, name, 18)
        write(draw, x, 220, "We plan and plant and", 13)
        write(draw, x, 236, "water it too", 13)
        nodes += [Node("div.card", 0), Node("img", card), Node("h3", card, name)]
        nodes += [Node("p", card, "We plan and plant and water it too")]
    return Structure(tuple(nodes)), np.asarray(image)


def test_nodes_are_found_where_they_were_painted() -> None:
    structure, pixels = cards()
    boxes, frames, by_centre, by_left, in_row, alignment, heights = ground(
        structure, find_blobs(pixels)
    )
    assert np.flatnonzero(in_row).tolist() == [2, 6], "the cards stand side by side"
    assert boxes[3].tolist() == [60, 60, 260, 180] and boxes[7].tolist() == [360, 60, 560, 180]
    for heading, text, x in (4, 5, 60), (8, 9, 360):
        assert x <= boxes[heading][0] < x + 4 and 190 <= boxes[heading][1] < boxes[heading][3] < 214
        assert x <= boxes[text][0] < x + 4 and 220 <= boxes[text][1] < 230 < boxes[text][3] < 254
        assert heights[heading] > heights[text] > 5
    hull = [boxes[2:6, 0].min(), 60, 260, boxes[5, 3]]
    assert boxes[2].tolist() == hull, "a card is as large as what it holds"
    assert np.isnan(heights[[0, 2, 6]]).all(), "only leaves have lines"
    assert np.isnan(frames).all()
    assert (alignment[[0, 2, 6]] > 0.1).all(), "what is in the cards begins at their left edges"
    assert by_left[2].tolist() == [60, 60, 360, boxes[5, 3]], "it ends where the next one begins"
    assert by_left[0, [0, 2]].tolist() == [60, 660], "a row is as wide as its cells"
    assert by_centre[2, 2] == by_centre[6, 0] == 310, "or they meet in the middle"


def test_pictures_that_overlap_are_found_in_whatever_order() -> None:
    image, draw = page(400)
    write(draw, 100, 20, "Some title of it", 20)
    write(draw, 400, 70, "Said beside it", 16)
    lower, upper = (100, 60, 340, 260), (280, 140, 520, 300)
    paint_gradient(image, lower, 0)
    paint_gradient(image, upper, 110)
    nodes = [Node("section", -1), Node("h2", 0, "Some title of it"), Node("img", 0)]
    nodes += [Node("video", 0), Node("h3", 0, "Said beside it")]
    structure = Structure(tuple(nodes))
    found = ground(structure, find_blobs(np.asarray(image))).boxes
    assert np.allclose(found[2], lower, atol=1) and np.allclose(found[3], upper, atol=1)


def test_what_stands_there_twice_is_seen_once() -> None:
    entries = ("Start", "About us", "Prices", "Call now")
    nodes = [Node("header", -1)]
    for kind in "main", "small":
        nodes.append(Node(f"nav.{kind}", 0))
        nodes += [Node("a.entry", len(nodes) - 1, text) for text in entries]
    nodes += [Node("p", 0, "Start")]  # a text alone may well be there twice
    structure = Structure(tuple(nodes))
    copies = [leaf.node for leaf in find_leaves(structure) if leaf.copy]
    assert copies == [7, 8, 9, 10]
    image, draw = page(100)
    for i, text in enumerate(entries):
        write(draw, 40 + 140 * i, 20, text, 14)
    boxes = ground(structure, find_blobs(np.asarray(image))).boxes
    assert not np.isnan(boxes[2:6]).any() and np.isnan(boxes[7:11]).all()


def test_lines_tell_how_a_column_is_aligned() -> None:
    widths = (200, 120, 260, 90)
    for centred, expected in (False, 1), (True, -1):
        image, draw = page(200)
        for i, width in enumerate(widths):
            left = 320 - width // 2 if centred else 60
            draw.rectangle((left, 20 + 40 * i, left + width, 40 + 40 * i), fill="black")
        blobs = find_blobs(np.asarray(image))
        parents = (-1, 0, 0, 0, 0)
        boxes = np.vstack([np.full((1, 4), np.nan), blobs[blobs[:, 1].argsort()]])
        own, section = find_alignment(boxes, {}, parents).T
        assert abs(own[0] - expected) < 0.2 and (section == own[0]).all()
        assert (own[1:] == 0).all(), "one thing alone tells nothing"
        lines = {1: boxes[1:]}
        assert abs(find_alignment(boxes[:2], lines, (-1, 0))[1, 0] - expected) < 0.2


def test_a_text_that_was_cut_may_fill_many_lines() -> None:
    image, draw = page(320)
    for i in range(14):
        write(draw, 40, 20 + 16 * i, "We plan and plant and water all that grows", 13)
    write(draw, 40, 290, "Call us", 13)
    text = ("We plan and plant and water all that grows " * 4)[:160]
    nodes = (Node("section", -1), Node("p", 0, text), Node("a", 0, "Call us"))
    boxes, *_ = ground(Structure(nodes), find_blobs(np.asarray(image)))
    assert boxes[1][1] < 26 and 236 < boxes[1][3] < 250 and boxes[2][1] > 285


def test_lines_are_as_high_whatever_their_letters() -> None:
    texts = ("garage", "Garden", "can", "lid", "Öl, Ärger")
    image, draw = page(300)
    for i, text in enumerate(texts):
        write(draw, 40, 20 + 50 * i, text, 30)
    nodes = (Node("section", -1), *(Node("p", 0, text) for text in texts))
    boxes, *_ = ground(Structure(nodes), find_blobs(np.asarray(image)))
    for edge in 1, 3:
        places = boxes[1:, edge] - 50 * np.arange(len(texts))
        assert np.ptp(places) < 6, "the ink of these lines differs by up to 12 px"


def test_the_next_column_begins_beside_all_of_the_one_before() -> None:
    image, draw = page(200)
    structure = [Node("section", -1)]
    for x, count in (40, 4), (340, 4):
        column = len(structure)
        structure.append(Node("div.col", 0))
        for i in range(count):
            write(draw, x, 20 + 40 * i, "Any words", 14)  # all alike: their order is all there is
            structure.append(Node("p", column, "Any words"))
    boxes, *_ = ground(Structure(tuple(structure)), find_blobs(np.asarray(image)))
    tops = boxes[[2, 3, 4, 5, 7, 8, 9, 10], 1]
    assert (boxes[2:6, 0] < 60).all() and (boxes[7:, 0] > 330).all()
    assert (np.diff(tops[:4]) > 30).all() and (np.diff(tops[4:]) > 30).all()


def test_equal_columns_have_the_cells_that_they_are() -> None:
    parents = (-1, 0, 0, 0, 0)
    centred = np.array([[20, 0, 620, 90], *([c - w, 10, c + w, 40] for c, w in
                        ((100, 30), (300, 80), (500, 10))), [20, 60, 90, 80]], float)  # fmt: skip
    by_centre, _, in_row = find_cells(centred, parents)
    assert in_row.tolist() == [False, True, True, True, False]
    assert by_centre[:, [0, 2]].tolist()[:4] == [[0, 600], [0, 200], [200, 400], [400, 600]]
    assert np.isnan(by_centre[4]).all(), "what stands below a row is in none"
    mirrored_too, *_ = find_cells(mirrored(centred)[[0, 3, 2, 1, 4]], (-1, 0, 0, 0, 0))
    assert mirrored_too[:4, 0].tolist() == [40, 40, 240, 440]
    rtl, *_ = find_cells(mirrored(centred), parents)
    assert rtl[1:4, 0].tolist() == [440, 240, 40], "pages that run from right to left"


numbers = arrays(
    np.float32, st.tuples(st.integers(1, 30), st.integers(1, 30)), elements=st.floats(0, 9)
)


@given(numbers, st.randoms(use_true_random=False))
def test_the_search_goes_on_with_the_cheapest_of_each_place(
    choices: Floats, random: Random
) -> None:
    places = np.array([random.randrange(4) for _ in choices])
    rows, columns, costs = _cheapest(choices, places)
    least = {
        (place, column): min(choices[places == place, column])
        for place in set(places.tolist())
        for column in range(choices.shape[1])
    }
    chosen = zip(places[rows].tolist(), columns.tolist(), strict=True)
    assert dict(zip(chosen, costs, strict=True)) == least
    assert np.array_equal(choices[rows, columns], costs)
    assert len(costs) == len(least) and (np.diff(costs) >= 0).all()


def test_what_looks_alike_is_in_line() -> None:
    last = np.array([[[100.0, 50, 140, 60]]])
    below, beside, aside = [98.0, 90, 190, 100], [300.0, 40, 350, 70], [300.0, 90, 350, 100]
    boxes = np.array([[below, beside, aside]])
    assert _unaligned(boxes, last).tolist() == [[False, False, True]]
    assert not _unaligned(boxes, np.full_like(last, np.nan)).any(), "nothing to be in line with"


@settings(max_examples=60, deadline=None)
@given(structures(max_nodes=20), rectangles)
def test_whatever_there_is_boxes_lie_in_the_page_and_hold_those_below(
    structure: Structure, shapes: list[tuple[int, ...]]
) -> None:
    image, draw = page(64)
    for x, y, width, height, grey in shapes:
        draw.rectangle((8 * x, y, 8 * (x + width), y + height), fill=(grey, grey, grey))
    blobs = find_blobs(np.asarray(image))
    boxes, frames, *cells, in_row, alignment, heights = ground(structure, blobs)
    found = ~np.isnan(boxes[:, 0])
    assert boxes.shape == frames.shape == (len(structure), 4) and len(heights) == len(structure)
    assert alignment.shape == (len(structure), 2) and (np.abs(alignment) < 1).all()
    assert not (in_row & np.isnan(cells[0][:, 0])).any()
    for own in cells:
        assert (np.isnan(own).all(1) | (own[:, 2] > own[:, 0])).all() and own.shape == boxes.shape
    line = np.array([0, 1, 0, 1]) * 64  # may be higher than its letters, and begin above the page
    assert (boxes[found] >= -line).all() and (boxes[found] <= [WIDTH, 64, WIDTH, 64] + line).all()
    for i, end in enumerate(subtree_ends(structure.parents)):
        below = np.flatnonzero(found[i:end]) + i
        assert found[i] == (len(below) > 0)
        if found[i]:
            assert (boxes[i, :2] <= boxes[below, :2]).all()
            assert (boxes[i, 2:] >= boxes[below, 2:]).all()


@settings(max_examples=20, deadline=None)
@given(arrays(np.uint8, (24, WIDTH, 3)))
def test_noise_is_no_trouble(pixels: Pixels) -> None:
    blobs = find_blobs(pixels)
    assert len(blobs) <= 160 and (blobs[:, 2:] >= blobs[:, :2]).all()


def test_most_headings_of_synthetic_sections_are_found() -> None:
    hits = []
    for index in range(40):
        _, example, png = generate(index, 40, 0)
        assert example.layout
        truth = labels(example.structure, example.layout)
        encoded = encode(example.name, example.structure, png, truth, 320, 8)
        height = Image.open(io.BytesIO(png)).height
        assert truth.boxes
        for role, box, seen in zip(truth.roles, truth.boxes, encoded.grounding, strict=True):
            if role == "heading" and box is not None:
                middle = (seen[2] + seen[4]) / 2 if seen[0] else np.inf
                hits.append(abs(middle - box[1] - box[3] / 2) * height < 8)
    assert len(hits) > 40 and np.mean(hits) > 0.8
