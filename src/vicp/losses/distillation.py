"""Distillation from the verifier to the embedding, by the loss of DIST (Huang et al., arXiv 2205.10536)."""

import torch
from torch import Tensor

SMALLEST = 1e-6  # below this deviation every pair is alike, and there is nothing to teach


def distillation_loss(similarities: Tensor, logits: Tensor) -> Tensor:
    """Return one minus the correlation, over a context's pairs, of the student's similarities with the verifier's odds.

    L = mean over contexts of 1 - rho(s, v), rho being Pearson's: neither scale nor offset of the two matters. Our
    addition: similarities between prompted photos are to say what the verifier says of the same pairs.

    Args:
        similarities: Of R pairs in each of C contexts (C, R).
        logits: The verifier's log odds that they are the same individual (C, R); they take no gradient.

    Returns:
        () float32 in [0, 2]; a context of fewer than two pairs, or of pairs that one of the two finds alike, adds 1
        and zero gradients.

    Raises:
        ValueError: Shapes that do not fit.
    """
    if similarities.ndim != 2 or logits.shape != similarities.shape:
        raise ValueError(
            f"similarities are {tuple(similarities.shape)}, logits {tuple(logits.shape)}; expected (C, R) and (C, R)"
        )
    student, teacher = _standardise(similarities.float()), _standardise(logits.detach().float())
    return 1 - (student * teacher).sum(dim=1).mean()


def _standardise(values: Tensor) -> Tensor:
    """Return values (C, R) with mean 0 and norm 1 in every row; a row of equal values becomes zeros."""
    centred = values - values.mean(dim=1, keepdim=True)
    norm: Tensor = torch.linalg.vector_norm(centred, dim=1, keepdim=True)
    return centred / norm.clamp_min(SMALLEST)
