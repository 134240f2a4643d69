"""The structure-only model: the labels that a model proposes by the DOM tree alone."""

from collections.abc import Sequence

import torch

from dlt.data.batch import collate_inputs
from dlt.data.encode import Encoded
from dlt.model.known import Known
from dlt.model.lawful import lawful_props, lawful_roles
from dlt.predict import Predicted, Predictor
from dlt.section.tree import Structure


class StructureOnly(Predictor):
    """A trained model without its denoiser: of the screenshot it knows the aspect, no pixels.

    There is no diffusion, and so there are no boxes and no confidences.
    """

    @torch.inference_mode()
    def predict_batch(
        self,
        structures: Sequence[Structure],
        sections: Sequence[Encoded],
        known: Sequence[Known | None] | None = None,
    ) -> list[Predicted]:
        """The likeliest lawful labels of the proposal, around the labels that are known."""
        inputs = collate_inputs(sections).to(next(self.model.parameters()).device)
        proposal, _ = self.model.eval()(inputs, None, torch.ones(len(sections)))
        roles, props = (logits.log_softmax(-1).float().cpu().numpy() for logits in proposal)
        found = []
        for i, structure in enumerate(structures):
            own, count = known[i] if known else None, len(structure)
            labels = lawful_roles(structure.parents, roles[i, :count], own.roles if own else None)
            chosen = lawful_props(props[i, :count], own.props if own else None)
            found.append(Predicted(tuple(labels), tuple(chosen)))
        return found
