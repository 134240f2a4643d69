"""How sure a prediction is of each of its elements, as the chance that the element is right.

An element is right when its role and its DOM nodes are: when each of its nodes has the right label,
and none of the children outside has joined it. Taken as independent, that has a probability by the
model's own account; a logistic map, fitted on val, makes a calibrated one of it (Platt 1999).
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dlt.section.labels import element_of_nodes
from dlt.section.roles import MERGE, NODE_ROLES

_LEAST = 1e-6  # of a probability, before its logarithm is taken
_MERGE = NODE_ROLES.index(MERGE)

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


def element_log_odds(parents: Sequence[int], roles: Sequence[str], probs: Floats) -> Floats:
    """The log odds [E] of all labels being right that make an element, for each in pre-order.

    Args:
        roles: lawful labels of N nodes.
        probs: [N, len(NODE_ROLES)] of the model.
    """
    owners = element_of_nodes(parents, roles).joined
    logs = np.log(np.clip(probs.astype(float), _LEAST, 1))
    apart = np.log(np.clip(1 - probs[:, _MERGE].astype(float), _LEAST, 1))  # not merged
    total = np.zeros(max(owners) + 1)
    for i, (owner, role) in enumerate(zip(owners, roles, strict=True)):
        above = owners[parents[i]] if i else -1
        if owner >= 0:
            total[owner] += logs[i, NODE_ROLES.index(role)]
        if above >= 0 and above != owner:
            total[above] += apart[i]
    total = np.clip(total, np.log(_LEAST), np.log1p(-_LEAST))
    return total - np.log1p(-np.exp(total))
