"""The objective, L = L_ID + lambda_icl * L_ICL + lambda_align * L_align, and our query-pair loss."""

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Objective:
    """The weight of each loss. A weight of 0 keeps the term in the log and out of the total.

    The paper prints no weights; those of icl and alignment are its authors' code's. `pair`,
    `agreement`, `contrastive`, `smooth_ap` and `distillation` are our additions, off by default.

    Raises:
        ValueError: A weight that is negative or not finite.
    """

    identity: float = 1.0
    icl: float = 1.0
    alignment: float = 0.01
    pair: float = 0.0
    agreement: float = 0.0
    contrastive: float = 0.0
    smooth_ap: float = 0.0
    distillation: float = 0.0

    def __post_init__(self) -> None:
        for name, weight in asdict(self).items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(f"weight {name} is {weight}; expected a finite number of at least 0")


@dataclass(frozen=True)
class LossTerms:
    """Each loss before weighting, () tensors, None where not computed; and their weighted sum."""

    identity: Tensor | None
    icl: Tensor | None
    alignment: Tensor | None
    pair: Tensor | None
    agreement: Tensor | None
    contrastive: Tensor | None
    smooth_ap: Tensor | None
    distillation: Tensor | None
    total: Tensor


def weigh(
    objective: Objective,
    *,
    identity: Tensor | None = None,
    icl: Tensor | None = None,
    alignment: Tensor | None = None,
    pair: Tensor | None = None,
    agreement: Tensor | None = None,
    contrastive: Tensor | None = None,
    smooth_ap: Tensor | None = None,
    distillation: Tensor | None = None,
) -> LossTerms:
    """Return the weighted sum of the losses given, with each term kept by name.

    L = w_identity * L_ID + w_icl * L_ICL + w_alignment * L_align + w_pair * L_pair + ..., absent terms and terms of
    weight 0 left out (so that a NaN in an unused term does no harm).

    Args:
        objective: The weights.
        identity: () L_ID.
        icl: () L_ICL.
        alignment: () L_align.
        pair: () the query-pair loss.
        agreement: () the factors of the procedural world that a pair agrees in, read off its comparison token.
        contrastive: () the supervised contrastive loss within each category.
        smooth_ap: () one minus the smoothed average precision within each category.
        distillation: () how far similarities are from what the verifier says of the same pairs.

    Raises:
        ValueError: No term is given whose weight is above 0: there would be nothing to train on.
    """
    weighted = [
        weight * term
        for weight, term in (
            (objective.identity, identity),
            (objective.icl, icl),
            (objective.alignment, alignment),
            (objective.pair, pair),
            (objective.agreement, agreement),
            (objective.contrastive, contrastive),
            (objective.smooth_ap, smooth_ap),
            (objective.distillation, distillation),
        )
        if term is not None and weight > 0
    ]
    if not weighted:
        raise ValueError(f"no loss to train on: none of the terms given has a weight above 0 in {objective}")
    total = torch.stack(weighted).sum()
    return LossTerms(identity, icl, alignment, pair, agreement, contrastive, smooth_ap, distillation, total=total)
