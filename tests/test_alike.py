"""What nodes that look alike on a site tell about each other."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from dlt.data.examples import in_parts
from dlt.evaluate.pairs import predict_pairs
from dlt.model.alike import agree, look_alikes
from dlt.model.confidence import Calibration
from dlt.model.decode import Scores
from dlt.model.known import Known
from dlt.params import Sample
from dlt.section.example import Example
from dlt.section.labels import Labels
from dlt.section.roles import NODE_ROLES
from dlt.section.tree import Node, Structure
from tests.strategies import structures
from tests.test_known import PREDICTOR, SECTIONS, scores_of

CARD = Structure(
    (Node("section", -1), Node("div.card.id-1", 0), Node("h3.title", 1), Node("p.text", 1))
)
CARDS = Structure(
    (
        Node("section", -1),
        *(
            node
            for i in range(2)
            for node in (Node(f"div.card.id-{2 + i}", 0), Node("p.text", 1 + 2 * i))
        ),
        Node("h3.title", 3),
    )
)
SURE = Calibration(bias=0.0, weight=1.0)
LONE = Structure((Node("section", -1), Node("div", 0), Node("p.once", 1), Node("p.once", 1)))


def unsure(count: int, seed: int) -> Scores:
    """Random scores of a model that is sure of nothing."""
    sure = scores_of(count, seed)
    roles = log_softmax(sure.roles / 30, axis=1)
    return replace(sure, roles=roles, owners=sure.owners / 30, role_probs=np.exp(roles))


def test_alike_are_nodes_of_one_site_with_the_same_names_and_the_same_children() -> None:
    card, cards, lone, elsewhere = look_alikes([CARD, CARDS, LONE, CARD], [*"aaab"])
    assert card[1] == cards[3] != cards[1]  # one of the two has no title
    assert card[2] == cards[5] and card[3] == cards[2] == cards[4]
    assert len({*lone}) == 3 and lone[2] == lone[3]  # without names: the same path
    assert not {*card[1:], *cards[1:]} & {*lone, *elsewhere}


@settings(max_examples=60, deadline=None)
@given(st.lists(structures(), min_size=1, max_size=4), st.data())
def test_scores_of_nodes_that_are_alike_become_one(
    trees: list[Structure], data: st.DataObject
) -> None:
    trees = [*trees, trees[0]]
    sites = data.draw(st.lists(st.sampled_from("ab"), min_size=len(trees), max_size=len(trees)))
    scores = [unsure(len(tree), seed) for seed, tree in enumerate(trees)]
    found = agree(trees, sites, scores, share=1.0)
    seen: dict[object, np.ndarray] = {}
    for looks, before, after in zip(look_alikes(trees, sites), scores, found, strict=True):
        assert np.allclose(softmax(after.roles, axis=1), after.role_probs)
        both = np.hstack([after.role_probs, softmax(after.owners, axis=1)])
        assert np.allclose(after.roles[0], before.roles[0])
        for i, look in enumerate(looks[1:], 1):
            assert np.allclose(both[i], seen.setdefault(look, both[i]))


def test_what_the_model_is_sure_of_stays_and_the_rest_follows_the_others() -> None:
    trees, sites = [CARD] * 4, [*"aaaa"]
    heading, paragraph = (NODE_ROLES.index(role) for role in ("heading", "paragraph"))
    scores = []
    for chance in (0.999, 0.999, 0.4, 1e-9):
        roles = np.full((len(CARD), len(NODE_ROLES)), 1e-12)
        roles[:, heading], roles[:, paragraph] = chance, 1 - chance
        scores.append(replace(scores_of(len(CARD), 0), roles=np.log(roles), role_probs=roles))
    found = [own.roles[2] for own in agree(trees, sites, scores, share=0.7)]
    assert [int(roles.argmax()) for roles in found] == [heading, heading, heading, paragraph]
    back = agree(trees[::-1], sites, scores[::-1], 0.7)[::-1]
    assert all(np.allclose(a, b.roles[2]) for a, b in zip(found, back, strict=True))
    assert agree([], [], [], 0.7) == []


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9)), max_size=6), st.integers(1, 12)
)
def test_parts_hold_whole_sites_where_they_can(runs: list[tuple[str, int]], most: int) -> None:
    sites = [site for site, count in runs for _ in range(count)]
    examples = [(Example(str(i), LONE, None, {"site": s}), b"") for i, s in enumerate(sites)]
    parts = list(in_parts(examples, most))
    assert [example for part in parts for example in part] == examples
    assert all(0 < len(part) <= most for part in parts)
    for part, after in pairwise(parts):
        site = after[0][0].group
        assert part[-1][0].group != site or {e.group for e, _ in part} == {site}


def test_what_is_given_stays_and_is_certain_evidence_for_nodes_that_are_alike() -> None:
    trees, sites = [CARD, CARDS, CARD], [*"aab"]
    scores = [unsure(len(tree), seed) for seed, tree in enumerate(trees)]
    button, icon = NODE_ROLES.index("button"), NODE_ROLES.index("icon")
    for node, role in ((2, button), (3, icon)):
        scores[0].role_probs[node] = np.eye(len(NODE_ROLES))[role]
    labels = Labels(("section", "wrapper", "button", "icon"), ("none",) * 4)
    known = [Known.of(CARD, labels, ["role"], [2, 3]), None, None]
    free, told = (agree(trees, sites, scores, share, known) for share in (0.0, 1.0))
    for before, nothing, shared in zip(scores, free, told, strict=True):
        assert np.allclose(before.role_probs, nothing.role_probs)  # no path is that of a given node
        assert np.allclose(before.roles[0], shared.roles[0])
    assert np.array_equal(told[0].roles[[2, 3]], scores[0].roles[[2, 3]])
    assert [int(told[1].roles[i].argmax()) for i in (2, 4, 5)] == [icon, icon, button]
    assert np.allclose(told[2].role_probs[2], scores[2].role_probs[2])


def test_sections_of_a_site_are_predicted_together_and_others_by_themselves() -> None:
    """A white screenshot changes what is said of the same nodes in another section of the site."""
    one = SECTIONS[0]
    white = replace(one, encoded=replace(one.encoded, image=np.full_like(one.encoded.image, 255)))
    sharing = replace(PREDICTOR, sample=Sample(site_share=1.0), calibration=SURE)
    alone = [predict_pairs(sharing, [section])[0].confidences for section in (one, white)]
    assert alone[0] != alone[1]
    apart = predict_pairs(sharing, [one, replace(white, site="another")])
    assert [pair.confidences for pair in apart] == [pytest.approx(own, abs=1e-5) for own in alone]
    together = predict_pairs(sharing, [one, white])
    assert together[0].predicted.roles == together[1].predicted.roles
    assert together[0].confidences != pytest.approx(alone[0], abs=1e-5)
    by_itself = replace(sharing, sample=Sample(site_share=0.0))
    first, _ = predict_pairs(by_itself, [one, white])
    assert first.confidences == pytest.approx(
        predict_pairs(by_itself, [one])[0].confidences, abs=1e-5
    )


def test_class_names_that_are_hidden_from_the_model_tell_it_nothing() -> None:
    nameless = [
        replace(
            section,
            structure=Structure(
                tuple(replace(node, selector=node.tag) for node in section.structure.nodes)
            ),
        )
        for section in SECTIONS
    ]
    blind = replace(PREDICTOR, hidden=frozenset({"classes"}), calibration=SURE)
    found, expected = (predict_pairs(blind, sections) for sections in (SECTIONS, nameless))
    assert [pair.predicted for pair in found] == [pair.predicted for pair in expected]
