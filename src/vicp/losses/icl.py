"""L_ICL, the loss of the label word that the LLM predicts for each pair, and our query-pair loss."""

import torch
import torch.nn.functional as F
from torch import Tensor


def icl_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return L_ICL, the cross-entropy of the label word at label positions only.

    L_ICL = mean over pairs of -log p(label word | everything before it). Without pairs (K = 0) it is 0, and
    so are its gradients.

    Args:
        logits: (P, V) the LLM's logits at the position just before each label word.
        targets: (P,) int64 token ids of the label words.

    Returns:
        () never below float32.

    Raises:
        ValueError: Shapes that do not fit.
    """
    _check_label_shapes(logits, targets)
    loss = F.cross_entropy(_at_least_float32(logits), targets, reduction="sum")
    return loss / max(len(targets), 1)


def label_accuracy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the fraction of pairs whose label word is the LLM's first choice in its whole vocabulary.

    Args:
        logits: (P, V) as for `icl_loss`.
        targets: (P,) as for `icl_loss`.

    Returns:
        () float32 in [0, 1], without gradient; NaN without pairs.

    Raises:
        ValueError: Shapes that do not fit.
    """
    _check_label_shapes(logits, targets)
    return (logits.argmax(dim=1) == targets).float().mean()


def pair_loss(logits: Tensor, same: Tensor) -> Tensor:
    """Return the query-pair loss: binary cross-entropy of P(same | context, a, b). Our addition to the paper.

    Args:
        logits: (P,) the query-pair classifier's, above 0 for "same".
        same: (P,) bool.

    Returns:
        () never below float32; 0 with zero gradients without pairs.

    Raises:
        ValueError: A `same` that is not bool or does not fit the logits.
    """
    if logits.ndim != 1 or same.shape != logits.shape or same.dtype != torch.bool:
        raise ValueError(
            f"logits are {tuple(logits.shape)}, same is {tuple(same.shape)} {same.dtype}; "
            "expected (P,) and (P,) torch.bool"
        )
    logits = _at_least_float32(logits)
    loss = F.binary_cross_entropy_with_logits(logits, same.to(logits.dtype), reduction="sum")
    return loss / max(len(same), 1)


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _check_label_shapes(logits: Tensor, targets: Tensor) -> None:
    if logits.ndim != 2 or targets.shape != logits.shape[:1]:
        raise ValueError(f"logits are {tuple(logits.shape)}, targets {tuple(targets.shape)}; expected (P, V) and (P,)")
