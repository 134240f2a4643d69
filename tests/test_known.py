"""What is given stays, the rest is lawful around it; settings of the sampler; confidence."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt.evaluate.baselines import independent
from dlt.evaluate.pairs import predict_pairs
from dlt.model.alike import agree
from dlt.model.confidence import Calibration, element_log_odds
from dlt.model.crf import NUM_LINKS
from dlt.model.decode import Scores, decode
from dlt.model.denoiser import ATTRIBUTES, NUM_OWNERS, NUM_PROPS, NUM_ROLES
from dlt.model.known import Known
from dlt.params import Sample
from dlt.predict import Predictor
from dlt.section.errors import SectionError
from dlt.section.labels import Labels, contract
from dlt.section.roles import DROP, MERGE, NODE_ROLES, ROLES, ROOT_ROLE
from dlt.section.tree import Node, Structure
from dlt.train.calibrate import fit_calibration
from dlt.train.fit import spacings_of
from tests.strategies import labels_of, structures
from tests.test_model import TINY, model, sections

SECTIONS = sections(6)
PREDICTOR = Predictor(model(), TINY, spacings=spacings_of(SECTIONS, TINY.image_width))


def scores_of(count: int, seed: int) -> Scores:
    """Random scores, as sure as a trained model's."""
    rng = np.random.default_rng(seed)
    roles = 30 * rng.normal(size=(count, NUM_ROLES))
    props = 30 * rng.normal(size=(count, NUM_PROPS))
    probs = np.exp(roles - roles.max(1, keepdims=True))
    owners = 30 * rng.normal(size=(count, NUM_OWNERS))
    boxes = rng.random((count, 4))
    below = 30 * rng.normal(size=(NUM_OWNERS, NUM_LINKS))
    return Scores(roles, props, owners, below, boxes, probs / probs.sum(1, keepdims=True))


def assert_kept(known: Known, found: Labels) -> None:
    """See that all that is given came back."""
    assert all(found.roles[i] == role for i, role in known.roles.items())
    assert all(found.props[i] == prop for i, prop in known.props.items())
    for i, names in enumerate(known.given):
        box, own = found.boxes[i] if found.boxes else None, (known.labels.boxes or {i: None})[i]
        if box is None or own is None:
            continue
        if {"position", "size"} <= names:
            assert box == own
        elif "position" in names:
            assert [box[a] + box[a + 2] / 2 for a in (0, 1)] == pytest.approx(
                [own[a] + own[a + 2] / 2 for a in (0, 1)]
            )
        elif "size" in names:
            assert box[2:] == own[2:]
        assert min(box) >= -1e-6 and max(box[0] + box[2], box[1] + box[3]) <= 1 + 1e-6


@st.composite
def labelled(draw: st.DrawFn) -> tuple[Structure, Labels]:
    """A structure with labels that a model could give, boxes inside the screenshot."""
    structure = draw(structures())
    labels = draw(labels_of(structure, tuple(role for role in ROLES if role != ROOT_ROLE)))
    if labels.boxes is None:
        return structure, labels
    boxes = tuple(
        box and (box[0], box[1], box[2] * (1 - box[0]), box[3] * (1 - box[1]))
        for box in labels.boxes
    )
    return structure, replace(labels, boxes=boxes)


@settings(max_examples=150)
@given(labelled(), st.integers(0, 2**32 - 1), st.data())
def test_what_is_given_stays_and_the_labels_are_lawful(
    example: tuple[Structure, Labels], seed: int, data: st.DataObject
) -> None:
    structure, truth = example
    names = st.frozensets(st.sampled_from(ATTRIBUTES))
    own = data.draw(st.lists(names, min_size=len(structure), max_size=len(structure)))
    everything = Known.of(structure, truth)
    known = replace(
        everything, given=tuple(a & b for a, b in zip(everything.given, own, strict=True))
    )
    found = decode(structure, scores_of(len(structure), seed), known)
    contract(structure, found)
    assert_kept(known, found)


@pytest.mark.parametrize(
    "attributes", [(), ("role", "prop"), ("position", "size"), ("position",), ("size",)]
)
def test_every_mode_gives_back_what_it_got(attributes: tuple[str, ...]) -> None:
    known = [Known.of(s.structure, s.truth, attributes) for s in SECTIONS]
    for own, pair in zip(known, predict_pairs(PREDICTOR, SECTIONS, 4, known), strict=True):
        assert_kept(own, pair.predicted)


def test_some_nodes_are_given_and_the_rest_looks_at_them() -> None:
    known = [Known.of(s.structure, s.truth, nodes=range(0, len(s.structure), 2)) for s in SECTIONS]
    free = predict_pairs(PREDICTOR, SECTIONS)
    found = predict_pairs(PREDICTOR, SECTIONS, known=known)
    for own, pair in zip(known, found, strict=True):
        assert_kept(own, pair.predicted)
    others = [
        [p.predicted.boxes[i] for p in pairs if p.predicted.boxes for i in (1, 3)]
        for pairs in (free, found)
    ]
    assert others[0] != others[1]


def test_a_true_box_that_reaches_over_the_edge_can_be_given() -> None:
    section = SECTIONS[0]
    assert section.truth.boxes is not None
    last = max(i for i, box in enumerate(section.truth.boxes) if box)
    boxes = [*section.truth.boxes]
    boxes[last] = (0.5, 0.25, 0.75, 1.0)
    known = Known.of(section.structure, replace(section.truth, boxes=tuple(boxes)))
    (pair,) = predict_pairs(PREDICTOR, [section], known=[known])
    assert pair.predicted.boxes is not None
    assert pair.predicted.boxes[last] == (0.5, 0.25, 0.5, 0.75)


def test_what_is_said_of_one_node_holds_for_those_of_its_path() -> None:
    nodes = [Node("div", -1)]
    for _ in range(3):
        nodes += [Node("div.card", 0), Node("p", len(nodes))]
    structure = Structure(tuple(nodes))
    scores = scores_of(7, 0)
    unsure = np.full((7, NUM_ROLES), -9.0)
    unsure[:, NODE_ROLES.index("heading")] = -0.1
    unsure[:, NODE_ROLES.index("paragraph")] = -2.0
    owners = unsure[:, : len(ROLES)]
    below = np.zeros_like(scores.below)
    scores = replace(scores, roles=unsure, owners=owners, below=below, role_probs=np.exp(unsure))
    labels = Labels(("section", *("grid", "paragraph") * 3), ("none",) * 7)
    known = Known.of(structure, labels, ["role"], nodes=[2])
    (told,) = agree([structure], ["site"], [scores], 0.0, [known])
    found = decode(structure, told, known)
    assert found.roles == ("section", "heading", "paragraph", *("heading", "paragraph") * 2)
    assert told.role_probs.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(told.roles[1], told.roles[3])


def test_what_cannot_be_is_refused() -> None:
    section = SECTIONS[0]
    count = len(section.structure)
    deep = next(i for i, parent in enumerate(section.structure.parents) if parent > 0)
    above = section.structure.parents[deep]

    def known(**labels: dict[int, str]) -> Known:
        roles, props = (labels.get(name, {}) for name in ("roles", "props"))
        return Known(
            Labels(
                tuple(roles.get(i, DROP) for i in range(count)),
                tuple(props.get(i, "none") for i in range(count)),
            ),
            tuple(
                frozenset(n for n, own in (("role", roles), ("prop", props)) if i in own)
                for i in range(count)
            ),
        )

    for wrong, said in (
        (known(roles={deep: MERGE, above: DROP}), f"node {deep}: merge"),
        (known(roles={0: "grid"}), "node 0: 'grid'"),
        (known(roles={1: ROOT_ROLE}), "node 1: 'section'"),
        (known(roles={1: "nonsense"}), "node 1: 'nonsense'"),
        (known(props={0: "bi", 1: "bi"}), "two nodes"),
        (replace(known(), given=(frozenset({"size"}),) * count), "node 0: a box"),
        (replace(known(), given=(frozenset({"colour"}),) * count), "no attribute 'colour'"),
        (replace(known(), given=()), "nodes expected"),
    ):
        with pytest.raises(SectionError, match=said):
            PREDICTOR.predict_sections([section.structure], [section.encoded], ["site"], [wrong])


# --- settings of the sampler ----------------------------------------------------------------------


def predictions(**sample: float) -> list[Labels]:
    """What the predictor makes of all sections with these settings."""
    own = replace(PREDICTOR, sample=Sample.model_validate({"steps": 3, **sample}))
    return [pair.predicted for pair in predict_pairs(own, SECTIONS)]


def test_a_seed_repeats_and_another_draws_otherwise() -> None:
    assert predictions() == predictions()
    warm = predictions(temperature=1.0, seed=1)
    assert warm == predictions(temperature=1.0, seed=1)
    assert warm != predictions(temperature=1.0, seed=2) != predictions()
    for section, labels in zip(SECTIONS, warm, strict=True):
        contract(section.structure, labels)


def test_temperature_moves_labels_and_boxes_ever_further() -> None:
    cold = predictions()

    def changed(temperature: float) -> float:
        warm = predictions(temperature=temperature)
        return float(
            np.mean(
                [
                    a.roles[i] != b.roles[i]
                    for a, b in zip(cold, warm, strict=True)
                    for i in range(len(a.roles))
                ]
            )
        )

    assert 0 < changed(0.3) < changed(3.0)
    given = [Known.of(s.structure, s.truth, ("role", "prop")) for s in SECTIONS]
    boxes = [
        [
            pair.predicted.boxes
            for pair in predict_pairs(replace(PREDICTOR, sample=own), SECTIONS, 8, given)
        ]
        for own in (Sample(steps=3), Sample(steps=3, temperature=1.0))
    ]
    assert boxes[0] != boxes[1]


def test_guidance_acts_and_zero_is_the_model_without_words() -> None:
    assert predictions(guidance=3.0) != predictions()
    bare = [
        replace(
            section,
            encoded=replace(
                section.encoded,
                class_tokens=section.encoded.class_tokens * 0,
                text_tokens=section.encoded.text_tokens * 0,
            ),
        )
        for section in SECTIONS
    ]
    one = replace(PREDICTOR, sample=Sample(steps=1))
    unguided = replace(PREDICTOR, sample=Sample(steps=1, guidance=0.0))
    without = [pair.predicted for pair in predict_pairs(one, bare)]
    for a, b in zip(without, predict_pairs(unguided, SECTIONS), strict=True):
        assert a.roles == b.predicted.roles and a.props == b.predicted.props


@settings(max_examples=60)
@given(labelled(), st.integers(0, 2**32 - 1))
def test_independent_labels_are_mended_only_where_they_must(
    example: tuple[Structure, Labels], seed: int
) -> None:
    structure, _ = example
    scores = scores_of(len(structure), seed)
    found = independent(structure, scores)
    contract(structure, found)
    for i, role in enumerate(found.roles):
        likeliest = NODE_ROLES[scores.roles[i].argmax()]
        assert role == likeliest or role in (DROP, ROOT_ROLE)


# --- confidence -----------------------------------------------------------------------------------


def test_log_odds_of_an_element_by_hand() -> None:
    probs = np.zeros((3, NUM_ROLES))
    for node, shares in enumerate(
        ({ROOT_ROLE: 1.0}, {"grid": 0.8, MERGE: 0.2}, {MERGE: 0.5, "image": 0.5})
    ):
        for role, share in shares.items():
            probs[node, NODE_ROLES.index(role)] = share
    tree, roles = (-1, 0, 1), (ROOT_ROLE, "grid", MERGE)
    even = replace(scores_of(3, 0), role_probs=probs, owners=np.zeros((3, len(ROLES))))
    even = replace(even, below=np.zeros((len(ROLES), NUM_LINKS)))
    # the section is right if node 1 has not joined it, the grid if both of its labels are right
    assert chances(tree, roles, even) == pytest.approx([0.8, 0.8 * 0.5])
    # images in grids are three times as likely
    below = even.below.copy()
    below[ROLES.index("grid"), NODE_ROLES.index("image")] = np.log(3)
    total = 0.8 * (0.5 + 0.5 * 3) + 0.2
    found = chances(tree, roles, replace(even, below=below))
    assert found == pytest.approx([1 - 0.2 / total, 0.8 * 0.5 / total])


def chances(tree: tuple[int, ...], roles: tuple[str, ...], scores: Scores) -> np.ndarray:
    return 1 / (1 + np.exp(-element_log_odds(tree, roles, scores)))


def test_calibration_finds_the_odds_back() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 3, 8_000)
    right = rng.random(8_000) < 1 / (1 + np.exp(1 - 0.5 * odds))
    found = fit_calibration(odds, right)
    assert (found.bias, found.weight) == pytest.approx((-1, 0.5), abs=0.1)
    sure = found.confidences(np.sort(odds))
    assert all(a <= b for a, b in itertools.pairwise(sure))
    for same in (True, False):
        one = fit_calibration(odds[:50], np.full(50, same))
        assert np.mean(one.confidences(odds[:50])) == pytest.approx(float(same), abs=0.05)
    assert fit_calibration(odds, right[::-1] & (odds < 0)).weight == 0


def test_a_prediction_has_a_confidence_for_each_element() -> None:
    sure = replace(PREDICTOR, calibration=Calibration(bias=0.0, weight=1.0))
    for pair in predict_pairs(sure, SECTIONS):
        elements = contract(pair.structure, pair.predicted).elements
        assert pair.confidences is not None and len(pair.confidences) == len(elements)
        assert all(0 < chance < 1 for chance in pair.confidences)
    assert predict_pairs(PREDICTOR, SECTIONS)[0].confidences is None
