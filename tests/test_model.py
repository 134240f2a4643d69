"""The model: boxes, diffusion, lawful decoding, sampling, and that it learns."""

import io
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import one_hot

from dlt.data.batch import Inputs, TargetTensors, collate_inputs, collate_targets
from dlt.data.dice import Dice
from dlt.data.encode import CLASS_BUCKETS, CLASS_NUMBERS, TEXT_BUCKETS, TEXT_NUMBERS, encode
from dlt.data.labelled import Labelled
from dlt.ingest.synthetic import generate
from dlt.model.boxes import edges, of_parents, relative_boxes, signal, touching
from dlt.model.crf import NUM_LINKS
from dlt.model.denoiser import MASK_ROLE, NUM_PROPS, coordinates
from dlt.model.diffusion import add_noise, draw_given, draw_times
from dlt.model.lawful import lawful_props, lawful_roles
from dlt.model.layout_model import LayoutModel
from dlt.model.losses import generalised_iou, losses, of_props
from dlt.model.placement import (
    NUM_BOX_NUMBERS,
    Elements,
    Placement,
    Seen,
    Siblings,
    compose_boxes,
    place_boxes,
)
from dlt.model.sampler import sample
from dlt.params import ModelParams, Sample
from dlt.predict import Predictor
from dlt.section.labels import Labels, contract, element_of_nodes, labels
from dlt.section.roles import DROP, MERGE, NODE_PROPS, NODE_ROLES, ROLES, ROOT_ROLE
from dlt.section.tree import Node, Structure
from tests.strategies import parents
from tests.test_crf import link_of

TINY = ModelParams(
    d_model=32, num_layers=1, num_denoiser_layers=1, dropout=0, image_width=64, patch_size=(16, 32)
)


def sections(count: int) -> list[Labelled]:
    """Synthetic sections with their labels, encoded."""
    out = []
    for index in range(count):
        _, example, png = generate(index, 20, 0)
        assert example.layout
        truth = labels(example.structure, example.layout)
        size = (TINY.image_width, TINY.patch_size[0])
        encoded = encode(example.name, example.structure, png, truth, *size)
        out.append(Labelled(example.group, example.structure, truth, encoded))
    return out


def batch(count: int) -> tuple[Inputs, TargetTensors]:
    """Synthetic sections as one batch."""
    encoded = [section.encoded for section in sections(count)]
    return collate_inputs(encoded), collate_targets(encoded)


def model() -> LayoutModel:
    """A small model with random weights, none of them 0."""
    torch.manual_seed(0)
    network = LayoutModel(TINY).eval()
    for weight in network.parameters():
        nn.init.normal_(weight, std=0.1)
    network.encoder.nodes.know(np.ones(CLASS_BUCKETS, bool), np.ones(TEXT_BUCKETS, bool))
    return network


# --- boxes ----------------------------------------------------------------------------------------


def test_relative_boxes_compose_to_the_same_boxes() -> None:
    inputs, targets = batch(6)
    none = torch.zeros_like(targets.boxes, dtype=torch.bool)
    relative = relative_boxes(targets.boxes, of_parents(targets.boxes, inputs.parents))
    found, _ = compose_boxes(relative, inputs.parents, targets.boxes, none)
    # the root counts as the whole screenshot, which it is but for rounding
    assert (found - targets.boxes).abs()[inputs.node_mask].max() < 5e-3


def test_given_boxes_stay_and_their_children_follow() -> None:
    parents_bn = torch.tensor([[0, 0, 1]])
    fill = torch.tensor([0.5, 0.5, 1.0, 1.0]).expand(1, 3, 4)
    boxes = torch.tensor([[[0.5, 0.5, 1, 1], [0.25, 0.5, 0.5, 1.0], [0, 0, 0, 0]]])
    known = torch.zeros(1, 3, 4, dtype=torch.bool)
    known[0, 1] = True
    assert torch.equal(compose_boxes(fill, parents_bn, boxes, known)[0][0, 2], boxes[0, 1])


PLACES = ["flow", "centre", "seen", "frame", "by centre", "by left"]


def place(raw: Tensor, inputs: Inputs, targets: TargetTensors, **options: bool) -> Placement:
    """The boxes that numbers tell of: with all given if `given`, as if their roles were right and all
    bearings 1 % of the page's width if `pinned`."""
    siblings = Siblings.of(inputs.parents, inputs.node_mask)
    given = torch.full_like(targets.boxes, options.pop("given", False)).bool()
    pinned, decide = options.pop("pinned", False), options.pop("decide", True)
    roles = targets.roles if pinned else torch.full_like(targets.roles, NODE_ROLES.index(MERGE))
    bearings = torch.tensor([-0.01, 0.01]).expand(len(NODE_ROLES), 2)
    elements = Elements(one_hot(roles, len(NODE_ROLES)).float(), bearings)
    return place_boxes(raw, inputs, siblings, elements, (targets.boxes, given), decide)


def raw_numbers(inputs: Inputs, place: str) -> dict[str, Tensor]:
    """Box numbers that pull all edges to a place and let none touch and none meet, in parts."""
    parts = {"flow": 12, "shift": 16, "pull": 24, "touch": 4, "inner": 16, "inner_touch": 4}
    parts |= {"meet": 2, "fit": 4}
    raw = {name: torch.zeros(*inputs.tags.shape, count) for name, count in parts.items()}
    raw["touch"] -= 1
    raw["meet"] -= 1
    raw["fit"] -= 1
    raw["inner_touch"] += 1  # content boxes are the boxes
    raw["pull"].unflatten(-1, (-1, 4))[:, :, PLACES.index(place)] = 50
    assert sum(parts.values()) == NUM_BOX_NUMBERS
    return raw


def joined(raw: dict[str, Tensor]) -> Tensor:
    return torch.cat(list(raw.values()), dim=-1)


@pytest.mark.parametrize("name", PLACES)
def test_edges_go_where_they_are_pulled(name: str) -> None:
    inputs, targets = batch(4)
    boxes, contents, relative, *_ = place(joined(raw_numbers(inputs, name)), inputs, targets)
    seen = Seen.of(inputs)
    there, places = seen.there_bnp.clone(), seen.edges_bnp4
    there[:, 0] = 0  # the root is the screenshot
    assert torch.allclose(boxes, contents, atol=1e-6)
    if name == "flow":
        none = torch.zeros_like(boxes, dtype=torch.bool)
        flowing, _ = compose_boxes(relative, inputs.parents, boxes, none)
        assert torch.allclose(boxes, flowing, atol=1e-5)
    elif name == "centre":
        known = there[..., 0] > 0
        middle = places[:, :, 0].unflatten(-1, (2, 2)).mean(-2)
        assert known.any() and torch.allclose(boxes[..., :2][known], middle[known], atol=1e-5)
    else:
        number = PLACES.index(name) - 2
        known = there[..., number] > 0
        wanted = places[:, :, number][known]
        assert len(wanted) and torch.allclose(edges(boxes)[known], wanted, atol=1e-5)


def test_edges_that_touch_are_exactly_those_of_the_frame() -> None:
    inputs, targets = batch(4)
    raw = raw_numbers(inputs, "seen")
    raw["touch"][..., 1] = 1  # the tops, of all nodes
    placed = place(joined(raw), inputs, targets)
    tops = edges(placed.boxes)[..., 1]
    assert torch.allclose(tops, torch.zeros(()), atol=1e-6), "the root's is that of the page"
    assert touching(placed.boxes, of_parents(placed.contents, inputs.parents))[..., 1].all()
    unsure = place(joined(raw), inputs, targets, decide=False)
    assert not torch.allclose(edges(unsure.boxes)[..., 1], tops), "in training there is a gradient"


def test_what_fills_a_content_box_is_as_wide() -> None:
    inputs, targets = batch(4)
    raw = raw_numbers(inputs, "flow")
    raw["inner_touch"] -= 2
    raw["inner"][..., 8:12] = 50  # content boxes: the box's own edges …
    raw["inner"][..., 0:4] = torch.tensor([1.0, 0, -1, 0])  # … 2 % of the page's width inside
    raw["touch"][..., [0, 2]] = 1
    boxes, contents, *_ = place(joined(raw), inputs, targets)
    wide = edges(boxes)[..., 2] - edges(boxes)[..., 0]
    first = inputs.node_mask & (inputs.parents == 0)
    first[:, 0] = False
    assert torch.allclose(wide[first], torch.tensor(0.96), atol=1e-6)
    assert touching(boxes, of_parents(contents, inputs.parents))[..., [0, 2]][first].all()


def test_siblings_that_meet_have_no_gap_between_them() -> None:
    inputs, targets = batch(6)
    raw = raw_numbers(inputs, "seen")
    apart = edges(place(joined(raw), inputs, targets).boxes)
    raw["meet"][..., 1] = 1
    met = edges(place(joined(raw), inputs, targets).boxes)
    before = Siblings.of(inputs.parents, inputs.node_mask).previous
    pairs = before.nonzero()
    section, later, earlier = pairs.T
    shown = inputs.places[..., 0, 0].bool()
    shown = shown[section, later] & shown[section, earlier]
    below = apart[section, later, 1] >= apart[section, earlier, 3]
    high = met[..., 3] > met[..., 1]  # what would end above its top has no height
    high = high[section, later] & high[section, earlier]
    section, later, earlier = pairs[shown & below & high].T
    assert len(section) > 20
    assert torch.allclose(met[section, later, 1], met[section, earlier, 3], atol=1e-6)
    middle = (apart[section, later, 1] + apart[section, earlier, 3]) / 2
    assert torch.allclose(met[section, later, 1], middle, atol=1e-6)


def test_edges_that_fit_are_those_that_are_seen() -> None:
    inputs, targets = batch(4)
    raw = raw_numbers(inputs, "flow")
    raw["inner_touch"] -= 2
    raw["fit"][..., [0, 3]] = 1  # the left edges, and the right ones of contents
    boxes, contents, *_ = place(joined(raw), inputs, targets)
    there, seen = inputs.places[:, :, 0].split([1, 4], dim=-1)
    shown = there[..., 0].bool() & inputs.node_mask
    shown[:, 0] = False
    assert shown.sum() > 20
    assert torch.allclose(edges(contents)[..., 2][shown], seen[..., 2][shown], atol=1e-6)
    wide = shown & (boxes[..., 2] > 0)
    assert torch.allclose(edges(boxes)[..., 0][wide], seen[..., 0][wide], atol=1e-6)


def test_elements_end_where_they_are_seen_with_their_bearings() -> None:
    inputs, targets = batch(6)
    placed = place(joined(raw_numbers(inputs, "flow")), inputs, targets, pinned=True)
    holds = ("section", "grid", "column", "wrapper", "freedom", MERGE, DROP)
    leaf = torch.tensor([role not in holds for role in NODE_ROLES])[targets.roles]
    shown = leaf & inputs.places[..., 0, 0].bool() & inputs.node_mask
    seen = inputs.places[:, :, 0, 1:][..., 1::2]
    wanted = seen + torch.tensor([-0.01, 0.01]) / inputs.aspects[:, None, None]
    assert shown.sum() > 20
    assert torch.allclose(edges(placed.boxes)[..., 1::2][shown], wanted[shown], atol=1e-6)


def test_boxes_teach_nothing_about_roles() -> None:
    inputs, _ = batch(4)
    proposal, _ = model()(inputs, None, torch.ones(4))
    proposal.role_logits.retain_grad()
    proposal.placed.boxes.sum().backward()
    assert proposal.role_logits.grad is None


def test_boxes_do_not_depend_on_the_depth_of_other_trees() -> None:
    inputs, targets = batch(6)
    raw = torch.randn(*targets.roles.shape, NUM_BOX_NUMBERS, generator=torch.manual_seed(0))
    deeper = replace(inputs, parents=inputs.parents.clone())
    deeper.parents[0] = (torch.arange(inputs.parents.shape[1]) - 1).clamp(min=0)
    for one, other in zip(place(raw, inputs, targets), place(raw, deeper, targets), strict=True):
        assert torch.equal(one[1:], other[1:])


def test_given_boxes_are_not_pulled() -> None:
    inputs, targets = batch(2)
    raw = torch.randn(*targets.roles.shape, NUM_BOX_NUMBERS)
    assert torch.equal(place(raw, inputs, targets, given=True).boxes, targets.boxes)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0.5, 0.5, 1, 1), (0.5, 0.5, 1, 1), 1.0),
        ((0.25, 0.5, 0.5, 1), (0.5, 0.5, 1, 1), 0.5),
        ((0.125, 0.5, 0.25, 1), (0.875, 0.5, 0.25, 1), -0.5),  # hull 1, union 0.5, no overlap
    ],
)
def test_generalised_iou_by_hand(a: tuple, b: tuple, expected: float) -> None:
    found = generalised_iou(torch.tensor(a).float(), torch.tensor(b).float())
    assert found.item() == pytest.approx(expected, abs=1e-5)


# --- diffusion ------------------------------------------------------------------------------------


def test_signal_runs_from_one_to_zero() -> None:
    values = signal(torch.linspace(0, 1, 11))
    assert values[0] == 1 and values[-1].abs() < 1e-6
    assert (values.diff() < 0).all()


def test_what_is_given_stays_clean_and_time_one_hides_the_rest() -> None:
    inputs, targets = batch(8)
    dice = Dice(0, 0, range(8))
    known = draw_given(inputs.node_mask, dice)
    state = add_noise(targets, known, torch.ones(8), dice)
    assert torch.equal(state.roles == MASK_ROLE, ~known[..., 0])
    assert torch.equal(state.roles[known[..., 0]], targets.roles[known[..., 0]])
    fixed = coordinates(known)
    clean = add_noise(targets, torch.ones_like(known), torch.ones(8), dice).boxes
    assert torch.equal(state.boxes[fixed], clean[fixed])


def test_given_attributes_have_no_loss() -> None:
    inputs, targets = batch(4)
    known = torch.ones(*targets.roles.shape, 4, dtype=torch.bool)
    state = add_noise(targets, known, torch.ones(4), Dice(0, 0, range(4)))
    proposal, estimate = model()(inputs, state, torch.ones(4))
    parts = losses(proposal, estimate, state, targets, inputs, torch.ones(len(NODE_ROLES)))
    assert parts.role == parts.prop == parts.box == 0


def test_without_a_state_there_is_no_more_than_the_same_proposal() -> None:
    inputs, targets = batch(4)
    known = torch.zeros(*targets.roles.shape, 4, dtype=torch.bool)
    state = add_noise(targets, known, torch.ones(4), Dice(0, 0, range(4)))
    network = model()
    proposal, estimate = network(inputs, state, torch.ones(4))
    alone, nothing = network(inputs, None, torch.ones(4))
    assert nothing is None
    assert torch.equal(alone.role_logits, proposal.role_logits)
    assert estimate is not None and not torch.equal(estimate.role_logits, proposal.role_logits)
    parts = losses(alone, None, state, targets, inputs, torch.ones(len(NODE_ROLES)))
    assert parts.role == parts.prop == parts.box == 0
    assert parts.proposal > 0


def test_the_denoiser_begins_as_agreeing_with_the_proposal() -> None:
    inputs, targets = batch(4)
    known = torch.zeros(*targets.roles.shape, 4, dtype=torch.bool)
    state = add_noise(targets, known, torch.ones(4), Dice(0, 0, range(4)))
    proposal, estimate = LayoutModel(TINY)(inputs, state, torch.ones(4))
    assert torch.equal(estimate.role_logits, proposal.role_logits)
    assert torch.equal(estimate.prop_logits, proposal.prop_logits)


def test_sections_without_boxes_have_no_box_loss() -> None:
    inputs, targets = batch(2)
    bare = replace(
        targets,
        boxes=targets.boxes * 0,
        contents=targets.boxes * 0,
        box_weights=targets.box_weights * 0,
        content_weights=targets.box_weights * 0,
    )
    known = torch.zeros(*targets.roles.shape, 4, dtype=torch.bool)
    state = add_noise(bare, known, torch.ones(2), Dice(0, 0, range(2)))
    proposal, estimate = model()(inputs, state, torch.ones(2))
    parts = losses(proposal, estimate, state, bare, inputs, torch.ones(len(NODE_ROLES)))
    assert parts.box == 0


def test_times_cover_the_unit_interval_and_half_of_them_are_one() -> None:
    times = draw_times(Dice(0, 0, range(1000)))
    assert 0 < times.min() < 0.01 and times.max() == 1
    assert 0.4 < (times == 1).float().mean() < 0.6


# --- lawful decoding ------------------------------------------------------------------------------

_SOME = [NODE_ROLES.index(role) for role in ("heading", "grid", MERGE, DROP)]


@settings(max_examples=60, deadline=None)
@given(parents(max_nodes=5), st.integers(0, 2**32 - 1))
def test_lawful_roles_are_the_best_of_all(tree: list[int], seed: int) -> None:
    log_probs = np.full((len(tree), len(NODE_ROLES)), -50.0)
    log_probs[:, _SOME] = np.random.default_rng(seed).normal(size=(len(tree), len(_SOME)))
    log_probs[0, NODE_ROLES.index(ROOT_ROLE)] = 0
    rng = np.random.default_rng(seed + 1)
    joint = rng.normal(size=(len(tree), len(ROLES))), rng.normal(size=(len(ROLES), NUM_LINKS))

    def lawful(roles: tuple[int, ...]) -> bool:
        return all(
            NODE_ROLES[role] != MERGE or parent == 0 or NODE_ROLES[roles[parent - 1]] != DROP
            for role, parent in zip(roles, tree[1:], strict=True)
        )

    def score(roles: tuple[int, ...]) -> float:
        names = [ROOT_ROLE, *(NODE_ROLES[role] for role in roles)]
        started = [name for name in names if name in ROLES]
        enclosing = element_of_nodes(tree, names).enclosing
        owners = [ROLES.index(started[k]) for k in enclosing]
        own = sum(joint[0][i, owner] for i, owner in enumerate(owners) if i)
        below = sum(joint[1][owners[tree[i]], link_of(tree, names, i)] for i in range(1, len(tree)))
        return float(sum(log_probs[i + 1, role] for i, role in enumerate(roles)) + own + below)

    best = max(filter(lawful, itertools.product(_SOME, repeat=len(tree) - 1)), key=score)
    found = tuple(NODE_ROLES.index(role) for role in lawful_roles(tree, log_probs, joint)[1:])
    assert score(found) == pytest.approx(score(best))


def test_an_element_that_is_sure_to_be_there_starts_somewhere() -> None:
    # any node of the chain may start the button, so none is likely to; the last is in it for sure
    tree = [-1, 0, 1, 2]
    log_probs = np.full((4, len(NODE_ROLES)), -20.0)
    log_probs[0, NODE_ROLES.index(ROOT_ROLE)] = 0
    log_probs[1:3, NODE_ROLES.index("button")] = np.log([0.45, 0.4])
    log_probs[1:3, NODE_ROLES.index(MERGE)] = np.log([0.55, 0.6])
    log_probs[3, NODE_ROLES.index(MERGE)] = 0
    owners = np.full((4, len(ROLES)), -20.0)
    owners[1:3, ROLES.index(ROOT_ROLE)], owners[1:3, ROLES.index("button")] = np.log(
        [[0.55], [0.45]]
    )
    owners[3, ROLES.index("button")] = 0
    assert lawful_roles(tree, log_probs) == [ROOT_ROLE, MERGE, MERGE, MERGE]
    joint = owners, np.zeros((len(ROLES), NUM_LINKS))
    assert lawful_roles(tree, log_probs, joint) == [ROOT_ROLE, "button", MERGE, MERGE]


@settings(max_examples=60, deadline=None)
@given(parents(max_nodes=30), st.integers(0, 2**32 - 1))
def test_decoded_labels_always_contract(tree: list[int], seed: int) -> None:
    structure = Structure(tuple(Node("div", parent) for parent in tree))
    rng = np.random.default_rng(seed)
    joint = rng.normal(size=(len(tree), len(ROLES))), rng.normal(size=(len(ROLES), NUM_LINKS))
    roles = lawful_roles(tree, rng.normal(size=(len(tree), len(NODE_ROLES))), joint)
    props = lawful_props(rng.dirichlet(np.ones(len(NODE_PROPS)) / 4, len(tree)))
    contract(structure, Labels(tuple(roles), tuple(props)))


# --- sampling -------------------------------------------------------------------------------------


def test_a_prediction_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    found = sections(5)
    structures, encoded = [s.structure for s in found], [s.encoded for s in found]
    predictor = Predictor(model(), TINY, Sample(steps=3))
    together = predictor.predict_sections(structures, encoded, list("abcde"))
    alone = [
        predictor.predict_sections([s], [e], ["a"])[0]
        for s, e in zip(structures, encoded, strict=True)
    ]
    for a, b in zip(together, alone, strict=True):
        assert a.roles == b.roles and a.props == b.props
        assert a.boxes and b.boxes
        for x, y in zip(a.boxes, b.boxes, strict=True):
            assert (x is None) == (y is None)
            assert x is None or y is None or np.allclose(x, y, atol=2e-3)


@pytest.mark.parametrize("steps", [0, 1, 4])
def test_what_is_known_comes_back_unchanged(steps: int) -> None:
    inputs, targets = batch(4)
    known = torch.rand(*targets.roles.shape, 4, generator=torch.Generator().manual_seed(0)) < 0.5
    known &= inputs.node_mask[..., None]
    sampled = sample(model(), inputs, Sample(steps=steps), known=(targets, known))
    assert torch.equal(sampled.role_probs.argmax(-1)[known[..., 0]], targets.roles[known[..., 0]])
    fixed = coordinates(known)
    assert torch.allclose(sampled.boxes[fixed], targets.boxes[fixed], atol=1e-5)


def test_every_node_gets_probabilities_in_any_number_of_steps() -> None:
    inputs, _ = batch(4)
    for steps in (0, 1, 2, 7):
        total = sample(model(), inputs, Sample(steps=steps)).role_probs.sum(-1)
        assert torch.allclose(total[inputs.node_mask], torch.ones(1), atol=1e-5)


@pytest.mark.parametrize("part", ["image", "text", "classes"])
def test_a_part_that_is_not_used_changes_nothing(part: str) -> None:
    network = model()
    blind = LayoutModel(TINY.model_copy(update={f"use_{part}": False})).eval()
    blind.load_state_dict(network.state_dict())
    inputs, _ = batch(3)
    by_text, by_class = inputs.numbers.clone(), inputs.numbers.clone()
    by_text[..., TEXT_NUMBERS] += 1
    by_class[..., CLASS_NUMBERS] += 1
    other = {
        "image": replace(inputs, images=255 - inputs.images),
        "text": replace(inputs, text_tokens=inputs.text_tokens.roll(1, 1), numbers=by_text),
        "classes": replace(inputs, class_tokens=inputs.class_tokens.roll(1, 1), numbers=by_class),
    }[part]
    for using, equal in ((network, False), (blind, True)):
        found = [sample(using, own, Sample()).role_probs for own in (inputs, other)]
        assert torch.equal(*found) == equal


def long_section(nodes: int) -> Structure:
    """Synthetic sections as the children of one root, cut after so many nodes."""
    joined = [Node("section", -1)]
    for section in itertools.cycle(sections(20)):
        start = len(joined)
        own = section.structure.nodes
        joined += [replace(n, parent=n.parent + start if n.parent >= 0 else 0) for n in own]
        if len(joined) >= nodes:
            return Structure(tuple(joined[:nodes]))
    raise AssertionError


def test_a_section_of_512_nodes_and_eight_times_as_high_as_wide() -> None:
    structure, png = long_section(512), io.BytesIO()
    Image.new("RGB", (640, 5120), "white").save(png, "PNG")
    encoded = encode("long", structure, png.getvalue(), None, 64, 16)
    assert encoded.image.shape == (8 * 64, 64, 3), "not squeezed"
    found = Predictor(model(), TINY).predict(structure, png.getvalue())
    assert len(found.roles) == 512
    layout = contract(structure, found)
    assert layout.boxes and all(0 <= x <= 1 for box in layout.boxes for x in box)


# --- learning -------------------------------------------------------------------------------------


def test_every_weight_gets_a_gradient() -> None:
    inputs, targets = batch(8)
    network = model().train()
    dice = Dice(0, 0, range(8))
    known = draw_given(inputs.node_mask, dice)
    time = draw_times(dice)
    state = add_noise(targets, known, time, dice)
    weights = torch.ones(len(NODE_ROLES))
    proposal, estimate = network(inputs, state, time)
    parts = losses(proposal, estimate, state, targets, inputs, weights)
    (parts.proposal + parts.role + parts.prop + parts.box).backward()
    without = [n for n, w in network.named_parameters() if w.grad is None or not w.grad.any()]
    assert not without


def test_one_batch_can_be_learnt_by_heart() -> None:
    inputs, targets = batch(4)
    torch.manual_seed(0)
    network = LayoutModel(TINY.model_copy(update={"d_model": 64}))
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    weights = torch.ones(len(NODE_ROLES))
    known = torch.zeros(*targets.roles.shape, 4, dtype=torch.bool)
    for epoch in range(250):
        dice = Dice(0, epoch, range(4))
        time = draw_times(dice)
        state = add_noise(targets, known, time, dice)
        proposal, estimate = network(inputs, state, time)
        parts = losses(proposal, estimate, state, targets, inputs, weights)
        optimizer.zero_grad()
        (parts.proposal + parts.role + parts.prop + parts.box).backward()
        optimizer.step()
    found = sample(network.eval(), inputs, Sample(steps=4))
    right = found.role_probs.argmax(-1) == targets.roles
    assert right[inputs.node_mask].float().mean() > 0.95
    off = (found.boxes - targets.boxes).abs().amax(-1)
    assert off[inputs.node_mask].median() < 0.12


def test_where_a_prop_is_by_hand() -> None:
    logits, target = torch.zeros(2, 3, NUM_PROPS), torch.tensor([[0, 1, 0], [0, 0, 0]])
    all_open, some = (
        torch.tensor([[True] * 3, [False] * 3]),
        torch.tensor([[True, True, False]] * 2),
    )
    # each prop is at one of the open nodes or at none; a section without any does not count
    assert of_props(logits, target, all_open).item() == pytest.approx(math.log(4))
    assert of_props(logits, target, some).item() == pytest.approx(math.log(3))
    assert of_props(logits, target, torch.zeros_like(some)).item() == 0
    logits[0, 1, 1] = math.log(5)  # five times as likely at its node as at none
    found = (math.log(4 + 4) - math.log(5) + 2 * math.log(4)) / 3
    assert of_props(logits, target, all_open).item() == pytest.approx(found)
