"""L_align: optimal transport between the patch tokens of two photos (VICP, arXiv 2508.21222).

Sinkhorn: Cuturi, arXiv 1306.0895; in the log domain: Peyre and Cuturi, arXiv 1803.00567, section 4.4.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vicp.losses.triplet import cosine_similarity


def sinkhorn_plan(cost: Tensor, *, epsilon: float = 0.1, num_iterations: int = 50) -> Tensor:
    """Return the transport plan of least cost between uniform weights, smoothed by entropy.

    P = argmin <P, C> - epsilon * H(P) over plans whose rows sum to 1/N and whose columns sum to 1/M. The
    columns are exact after any number of iterations, the rows in the limit.

    Args:
        cost: (B, N, M) floating point.
        epsilon: Weight of the entropy, in units of the cost; smaller is sharper and converges more slowly.
        num_iterations: Updates of both marginals.

    Returns:
        (B, N, M) never below float32, each plan summing to 1; differentiable.

    Raises:
        ValueError: A cost that is not (B, N, M) or has no patches, or epsilon or num_iterations not above 0.
    """
    if cost.ndim != 3 or 0 in cost.shape[1:]:
        raise ValueError(f"cost has shape {tuple(cost.shape)}; expected (B, N, M) with N, M > 0")
    if not epsilon > 0 or num_iterations < 1:
        raise ValueError(f"epsilon is {epsilon}, num_iterations {num_iterations}; expected both above 0")
    kernel = cost.to(torch.promote_types(cost.dtype, torch.float32)) / -epsilon  # (B, N, M)
    log_row, log_column = -math.log(cost.shape[1]), -math.log(cost.shape[2])
    column = kernel.new_zeros(cost.shape[0], 1, cost.shape[2])  # (B, 1, M)
    for _ in range(num_iterations):
        row = log_row - torch.logsumexp(kernel + column, dim=2, keepdim=True)  # (B, N, 1)
        column = log_column - torch.logsumexp(kernel + row, dim=1, keepdim=True)  # (B, 1, M)
    return torch.exp(kernel + row + column)


def ot_distance(patches_a: Tensor, patches_b: Tensor, *, epsilon: float = 0.1, num_iterations: int = 50) -> Tensor:
    """Return the optimal-transport distance between the patch tokens of two photos, <P, C> with C = 1 - cosine.

    The backward pass holds P constant: by the envelope theorem that is the gradient of the smoothed transport
    cost <P, C> - epsilon * H(P), and its memory does not grow with the iterations (unrolled, 64 pairs of 256
    patches would keep 1.7 GB).

    Args:
        patches_a: (B, N, D) floating point, normalised here.
        patches_b: (B, M, D) floating point, normalised here.
        epsilon: As in `sinkhorn_plan`.
        num_iterations: As in `sinkhorn_plan`.

    Returns:
        (B,) in [0, 2], never below float32. Above 0 even for a photo with itself, since the plan is smoothed.

    Raises:
        ValueError: Shapes that do not fit each other, or what `sinkhorn_plan` refuses.
    """
    shape_a, shape_b = tuple(patches_a.shape), tuple(patches_b.shape)
    if len(shape_a) != 3 or len(shape_b) != 3 or shape_a[::2] != shape_b[::2]:
        raise ValueError(f"patches have shapes {shape_a} and {shape_b}; expected (B, N, D) and (B, M, D)")
    cost = 1 - cosine_similarity(patches_a, patches_b)  # (B, N, M)
    plan = sinkhorn_plan(cost.detach(), epsilon=epsilon, num_iterations=num_iterations)  # (B, N, M)
    return (plan * cost).sum(dim=(1, 2))  # (B,)


def alignment_loss(
    patches_a: Tensor,
    patches_b: Tensor,
    same: Tensor,
    *,
    margin: float = 0.5,
    epsilon: float = 0.1,
    num_iterations: int = 50,
) -> Tensor:
    """Return L_align, which is low when positive pairs align and negative pairs do not.

    L_align = mean of d over positive pairs + mean of max(0, margin - d) over negative pairs, d =
    `ot_distance`. The paper says only "low for positive and high for negative pairs"; the hinge is our
    reading, which keeps the loss bounded below: a negative pair farther apart than the margin asks for
    nothing. A side without pairs adds 0.

    Args:
        patches_a: (B, N, D) floating point.
        patches_b: (B, M, D) floating point.
        same: (B,) bool.
        margin: The distance, in [0, 2], from which a negative pair counts as apart.
        epsilon: As in `sinkhorn_plan`.
        num_iterations: As in `sinkhorn_plan`.

    Returns:
        () never below float32.

    Raises:
        ValueError: A `same` that is not (B,) bool, or what `ot_distance` refuses.
    """
    if same.dtype != torch.bool or same.shape != patches_a.shape[:1]:
        raise ValueError(f"same is {tuple(same.shape)} {same.dtype}; expected ({len(patches_a)},) torch.bool")
    distance = ot_distance(patches_a, patches_b, epsilon=epsilon, num_iterations=num_iterations)  # (B,)
    positive, negative = distance[same], F.relu(margin - distance[~same])
    return positive.sum() / max(len(positive), 1) + negative.sum() / max(len(negative), 1)
