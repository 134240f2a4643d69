"""How sure a prediction is of each of its elements, as the chance that the element is right.

An element is right when its role and its DOM nodes are: when each of its nodes has the right label,
and none of the children outside has joined it. How likely that is, whatever the other labels are, the
joint distribution of the roles tells exactly; a logistic map, fitted on val, makes a calibrated chance
of it (Platt 1999). Axis suffixes: e element, n node, r role label.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dlt.model.crf import log_probability
from dlt.model.decode import Scores
from dlt.section.labels import element_of_nodes
from dlt.section.roles import MERGE, NODE_ROLES

_LEAST = 1e-6  # of a chance, before its odds are taken
_MERGE = NODE_ROLES.index(MERGE)
_MOST_AT_ONCE = 2**18  # nodes, each once for every element that is asked about: for memory

Number = Annotated[float, Field(allow_inf_nan=False)]
Floats = NDArray[np.floating]


class Calibration(BaseModel):
    """A logistic map of log odds, rising."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bias: Number
    weight: Annotated[Number, Field(ge=0)]

    def confidences(self, log_odds: Floats) -> tuple[float, ...]:
        """The probability of being right of each element [E]."""
        return tuple((1 / (1 + np.exp(-self.bias - self.weight * log_odds))).tolist())


def element_log_odds(parents: Sequence[int], roles: Sequence[str], scores: Scores) -> Floats:
    """The log odds [E] of each element being right, in pre-order.

    Args:
        roles: lawful labels of N nodes.
        scores: the model's, of at least N nodes.
    """
    count = len(parents)
    probs = np.maximum(scores.role_probs[:count], np.finfo(np.float32).tiny)
    own = (
        torch.from_numpy(np.log(probs.astype(float))),
        torch.from_numpy(scores.owners[:count].astype(float)),
        torch.from_numpy(scores.below.astype(float)),
    )
    above = torch.tensor([max(parent, 0) for parent in parents])
    logs = [
        log_probability(own, torch.from_numpy(some_enr), above)
        for some_enr in _that_make_elements(parents, roles)
    ]
    total = np.clip(torch.cat(logs).numpy(), np.log(_LEAST), np.log1p(-_LEAST))
    return total - np.log1p(-np.exp(total))


def _that_make_elements(
    parents: Sequence[int], roles: Sequence[str]
) -> Iterator[NDArray[np.bool_]]:
    """Which labels [E, N, R] make each element, of as many elements at a time as memory allows."""
    joined = np.array(element_of_nodes(parents, roles).joined)
    above = joined[np.maximum(parents, 0)]
    labels = np.array([NODE_ROLES.index(role) for role in roles])
    label_nr = np.eye(len(NODE_ROLES), dtype=bool)[labels]
    apart_r = np.arange(len(NODE_ROLES)) != _MERGE
    elements = np.arange(joined.max() + 1)
    for some in np.array_split(elements, -(-len(elements) * len(joined) // _MOST_AT_ONCE)):
        inside_en = joined == some[:, None]
        outside_en = (above == some[:, None]) & ~inside_en
        allowed_enr = label_nr | ~inside_en[..., None]
        yield allowed_enr & (apart_r | ~outside_en[..., None])
