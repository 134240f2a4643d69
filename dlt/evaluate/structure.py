"""The structure-only model: what a model proposes when the screenshot is hidden from it."""

from collections.abc import Sequence

import torch

from dlt.data.batch import collate_inputs, hide
from dlt.data.encode import Encoded
from dlt.model.known import Known
from dlt.model.lawful import lawful_props, lawful_roles
from dlt.predict import Predicted, Predictor
from dlt.section.tree import Structure


class StructureOnly(Predictor):
    """A trained model without its denoiser: of the screenshot it knows the aspect, and no more.

    There is no diffusion, and so there are no confidences. Boxes without a screenshot are no match
    for any other, and left out.
    """

    @torch.inference_mode()
    def predict_batch(
        self,
        structures: Sequence[Structure],
        sections: Sequence[Encoded],
        known: Sequence[Known | None] | None = None,
    ) -> list[Predicted]:
        """The likeliest lawful labels of the proposal, around the labels that are known."""
        device = next(self.model.parameters()).device
        inputs = hide(collate_inputs(sections), {"image"}).to(device)
        proposal, _ = self.model.eval()(inputs, None, torch.ones(len(sections), device=device))
        roles, props, owners, below = (
            scores.float().cpu().numpy()
            for scores in (
                proposal.role_logits.log_softmax(-1),
                proposal.prop_logits.log_softmax(-1),
                proposal.owner_scores,
                proposal.below_scores,
            )
        )
        found = []
        for i, structure in enumerate(structures):
            own, count = known[i] if known else None, len(structure)
            given = own.roles if own else None
            joint = owners[i, :count], below
            labels = lawful_roles(structure.parents, roles[i, :count], joint, given)
            chosen = lawful_props(props[i, :count], own.props if own else None)
            found.append(Predicted(tuple(labels), tuple(chosen)))
        return found
