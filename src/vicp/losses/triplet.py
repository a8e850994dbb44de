"""L_ID: the triplet loss on cosine similarity (VICP, arXiv 2508.21222, section on losses)."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


def cosine_similarity(left: Tensor, right: Tensor) -> Tensor:
    """Return cosine similarity of every row of `left` with every row of `right`, never below float32.

    Half-precision similarities reorder neighbours, so halves are promoted and autocast is held off.

    Args:
        left: (..., N, D) floating point, normalised here.
        right: (..., M, D) floating point, normalised here.

    Returns:
        (..., N, M) in [-1, 1]: float64 where an input is float64, else float32.
    """
    dtype = torch.promote_types(torch.promote_types(left.dtype, right.dtype), torch.float32)
    with torch.autocast(left.device.type, enabled=False):
        left, right = F.normalize(left.to(dtype), dim=-1), F.normalize(right.to(dtype), dim=-1)
        return left @ right.transpose(-1, -2)  # (..., N, M)


def triplet_loss(
    embeddings: Tensor,
    identities: Tensor,
    *,
    margin: float = 0.1,
    mining: Literal["batch_hard", "batch_all"] = "batch_hard",
    categories: Tensor | None = None,
    exclude: Tensor | None = None,
) -> Tensor:
    """Return L_ID, the mean margin violation over the triplets that violate the margin.

    l(a, p, n) = max(0, s_an - s_ap + margin), L_ID = mean of l over the triplets with l > 0. `batch_hard`
    takes one triplet per anchor (its farthest positive, its nearest negative), `batch_all` every triplet. An
    anchor without a positive or without a negative is left out. Where nothing violates, the loss is 0 and its
    gradients are 0.

    Args:
        embeddings: (B, D) floating point, normalised here.
        identities: (B,) integers.
        margin: In cosine similarity; the paper's alpha.
        mining: Which triplets count.
        categories: (B,) integers; positives and negatives then come from the anchor's own category only.
        exclude: (B, B) bool, True for a pair that is neither positive nor negative (photos of one burst).

    Returns:
        () never below float32.

    Raises:
        ValueError: No embeddings, a shape that does not fit them, or an unknown mining.
    """
    _check_shapes(embeddings, identities, categories, exclude)
    similarity = cosine_similarity(embeddings, embeddings)  # (B, B)
    positive, negative = _pair_masks(identities, categories, exclude)  # (B, B), (B, B)
    match mining:
        case "batch_hard":
            violation = _hardest_violations(similarity, positive, negative, margin)  # (B,)
        case "batch_all":
            violation = _all_violations(similarity, positive, negative, margin)  # (positive pairs, B)
        case _:
            raise ValueError(f"mining is {mining!r}; expected 'batch_hard' or 'batch_all'")
    return violation.sum() / (violation > 0).sum().clamp(min=1)


def _pair_masks(identities: Tensor, categories: Tensor | None, exclude: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return which pairs are positives and which negatives, each (B, B) bool; never a photo with itself."""
    same = identities[:, None] == identities[None, :]  # (B, B)
    allowed = ~torch.eye(len(identities), dtype=torch.bool, device=identities.device)  # (B, B)
    if categories is not None:
        allowed &= categories[:, None] == categories[None, :]
    if exclude is not None:
        allowed &= ~exclude
    return same & allowed, ~same & allowed


def _hardest_violations(similarity: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """Return the violation of each anchor's hardest triplet, (B,)."""
    # An anchor that lacks either reads +inf or -inf here, so that its violation is relu(-inf) = 0.
    s_ap = similarity.masked_fill(~positive, float("inf")).amin(dim=1)  # (B,)
    s_an = similarity.masked_fill(~negative, float("-inf")).amax(dim=1)  # (B,)
    return F.relu(s_an - s_ap + margin)


def _all_violations(similarity: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """Return the violation of every triplet, (positive pairs, B): rows are pairs (a, p), columns are n."""
    anchor, partner = positive.nonzero(as_tuple=True)  # (positive pairs,) each; far fewer than B * B
    s_ap = similarity[anchor, partner][:, None]  # (positive pairs, 1)
    violation = F.relu(similarity[anchor] - s_ap + margin)  # (positive pairs, B)
    return violation.masked_fill(~negative[anchor], 0.0)


def _check_shapes(embeddings: Tensor, identities: Tensor, categories: Tensor | None, exclude: Tensor | None) -> None:
    if embeddings.ndim != 2 or len(embeddings) == 0:
        raise ValueError(f"embeddings have shape {tuple(embeddings.shape)}; expected (B, D) with B > 0")
    size = len(embeddings)
    for name, tensor, expected in (
        ("identities", identities, (size,)),
        ("categories", categories, (size,)),
        ("exclude", exclude, (size, size)),
    ):
        if tensor is not None and tuple(tensor.shape) != expected:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; expected {expected} to fit the embeddings")
