"""The supervised contrastive loss within each category of a batch (Khosla et al., arXiv 2004.11362, equation 2)."""

import torch
from torch import Tensor


def contrastive_loss(embeddings: Tensor, identities: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Return the mean over photos of -log of their own identity's softmax share among the category's other photos.

    L = mean over i with positives of -1/|P(i)| sum over p in P(i) of log (exp(z_i z_p / t) / sum over a != i of
    exp(z_i z_a / t)). Our addition: the triplet loss falls silent once its margin is met.

    Args:
        embeddings: Of C categories (C, n, D), L2-normalised.
        identities: (C, n); compared within a category alone.
        temperature: t, above 0.

    Returns:
        () float32; 0 with zero gradients where no identity has two photos.

    Raises:
        ValueError: A temperature not above 0, or shapes that do not fit.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; expected a number above 0")
    if embeddings.ndim != 3 or identities.shape != embeddings.shape[:2]:
        raise ValueError(
            f"embeddings are {tuple(embeddings.shape)}, identities {tuple(identities.shape)}; "
            "expected (C, n, D) and (C, n)"
        )
    embeddings = embeddings.float()
    itself = torch.eye(embeddings.shape[1], dtype=torch.bool, device=embeddings.device)
    positive = (identities[:, :, None] == identities[:, None]) & ~itself  # (C, n, n)
    logits = (embeddings @ embeddings.mT / temperature).masked_fill(itself, float("-inf"))
    log_share = (logits - logits.logsumexp(dim=-1, keepdim=True)).masked_fill(~positive, 0.0)  # (C, n, n)
    counts = positive.sum(dim=-1)  # (C, n)
    per_photo = -log_share.sum(dim=-1) / counts.clamp_min(1)
    return per_photo.sum() / (counts > 0).sum().clamp_min(1)
