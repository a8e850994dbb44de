"""Smooth-AP: average precision with soft ranks (Brown et al., ECCV 2020, arXiv 2007.12163), blind to scale."""

import torch
from torch import Tensor

SMALL = 1e-6


def smooth_ap_loss(embeddings: Tensor, identities: Tensor, *, temperature: float = 0.2) -> Tensor:
    """Return one minus the mean over photos of their smoothed average precision among the category's other photos.

    AP = mean over p in P(i) of (1 + sum over a in P(i) of G(s_ia - s_ip)) / (1 + sum over all a of G(s_ia - s_ip)) with
    G(x) = sigmoid(x / temperature). Our addition: each photo's similarities are standardised first. A metric changes
    how widely similarities spread; losses with a fixed margin or temperature reward the spread, not the order.

    Args:
        embeddings: Of C categories (C, n, D), L2-normalised.
        identities: (C, n); compared within a category alone.
        temperature: In standard deviations of a photo's similarities, above 0; 0.01 and less is AP itself.

    Returns:
        () float32; 0 with zero gradients where no identity has two photos.

    Raises:
        ValueError: A temperature not above 0, shapes that do not fit, or fewer than 3 photos a category.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; expected a number above 0")
    if embeddings.ndim != 3 or identities.shape != embeddings.shape[:2] or embeddings.shape[1] < 3:
        raise ValueError(
            f"embeddings are {tuple(embeddings.shape)}, identities {tuple(identities.shape)}; "
            "expected (C, n, D) and (C, n), n at least 3"
        )
    embeddings = embeddings.float()
    itself = torch.eye(embeddings.shape[1], dtype=torch.bool, device=embeddings.device)
    positive = ((identities[:, :, None] == identities[:, None]) & ~itself).float()  # (C, n, n)
    spread = _standardised(embeddings @ embeddings.mT, itself) / temperature
    above = torch.sigmoid(spread[:, :, None] - spread[..., None])  # (C, i, p, a): is a before p?
    above = above * (~itself)[:, None] * ~itself  # neither the photo itself nor p
    ranks, ranks_of_own = 1 + above.sum(dim=-1), 1 + (above * positive[:, :, None]).sum(dim=-1)  # (C, n, n)
    counts = positive.sum(dim=-1)  # (C, n)
    precision = (ranks_of_own / ranks * positive).sum(dim=-1) / counts.clamp_min(1)
    return ((1 - precision) * (counts > 0)).sum() / (counts > 0).sum().clamp_min(1)


def _standardised(similarity: Tensor, itself: Tensor) -> Tensor:
    """Return similarities (C, n, n), each row standardised without a photo's similarity to itself."""
    num = len(itself) - 1
    centred = similarity - similarity.masked_fill(itself, 0.0).sum(dim=-1, keepdim=True) / num
    variance = centred.square().masked_fill(itself, 0.0).sum(dim=-1, keepdim=True) / (num - 1)
    return centred / (variance + SMALL**2).sqrt()
