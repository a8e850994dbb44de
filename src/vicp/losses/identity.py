"""L_ID of the baselines by name: triplet, ArcFace, AdaFace, supervised contrastive.

ArcFace (arXiv 1801.07698) and SupCon (arXiv 2004.11362) are pytorch-metric-learning's; AdaFace is ours: Kim, Jain
and Liu, "AdaFace: Quality Adaptive Margin for Face Recognition", CVPR 2022, arXiv 2204.00964.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import ArcFaceLoss, SupConLoss
from torch import Tensor, nn

from vicp.losses.triplet import triplet_loss

Mining = Literal["batch_hard", "batch_all"]


def make_identity_loss(
    name: Literal["triplet", "arcface", "adaface", "supcon"],
    *,
    num_identities: int,
    embedding_dim: int,
    margin: float | None = None,
    scale: float | None = None,
    temperature: float = 0.1,
    mining: Mining = "batch_hard",
) -> nn.Module:
    """Return the loss of that name: `loss(embeddings, identities, categories)` is a float32 scalar.

    `embeddings` (B, D) floating point are not yet normalised, `identities` (B,) int64 are numbers from 0 to
    `num_identities` - 1, `categories` (B,) integers. ArcFace and AdaFace hold a class vector per identity, drawn
    from torch's global generator: seed it before the call, and give the loss's parameters to the optimiser.

    Args:
        name: Which loss.
        num_identities: Identities of the training set; classes of ArcFace and AdaFace.
        embedding_dim: D.
        margin: Triplet's in cosine similarity (default 0.1), ArcFace's angle in radians (0.5), AdaFace's m (0.4).
        scale: s of ArcFace and AdaFace (64), what multiplies their cosines.
        temperature: SupCon's.
        mining: Triplet's, as in `triplet_loss`.

    Raises:
        ValueError: An unknown name, a number out of range, or a margin or scale that this loss does not have.
    """
    given = {"margin": margin, "scale": scale}
    used = {"triplet": {"margin"}, "supcon": set[str](), "arcface": {"margin", "scale"}, "adaface": {"margin", "scale"}}
    if name not in used:
        raise ValueError(f"identity loss is {name!r}; expected one of {', '.join(used)}")
    unused = [key for key, value in given.items() if value is not None and key not in used[name]]
    if unused:
        raise ValueError(f"identity loss {name} has no {' and no '.join(unused)}; leave it out")
    numbers = {"num_identities": num_identities, "embedding_dim": embedding_dim, "temperature": temperature} | given
    wrong = [f"{key} is {value}" for key, value in numbers.items() if value is not None and not value > 0]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}; expected numbers above 0")
    match name:
        case "triplet":
            return TripletLoss(margin=0.1 if margin is None else margin, mining=mining)
        case "arcface":
            degrees = math.degrees(0.5 if margin is None else margin)
            arcface = ArcFaceLoss(num_identities, embedding_dim, margin=degrees, scale=scale or 64.0)
            return LibraryLoss(arcface, num_identities=num_identities)
        case "adaface":
            m, s = 0.4 if margin is None else margin, scale or 64.0
            return AdaFaceLoss(num_identities, embedding_dim, margin=m, scale=s)
        case "supcon":
            return LibraryLoss(SupConLoss(temperature=temperature), num_identities=num_identities)


class TripletLoss(nn.Module):
    """`triplet_loss` within each category."""

    def __init__(self, *, margin: float = 0.1, mining: Mining = "batch_hard") -> None:
        super().__init__()
        self.margin = margin
        self.mining: Mining = mining

    def forward(self, embeddings: Tensor, identities: Tensor, categories: Tensor) -> Tensor:
        """Return L_ID () float32 of raw embeddings (B, D)."""
        embeddings = embeddings.float()
        return triplet_loss(embeddings, identities, margin=self.margin, mining=self.mining, categories=categories)


class LibraryLoss(nn.Module):
    """A loss of pytorch-metric-learning, which normalises by itself, over all photos of the batch."""

    def __init__(self, loss: nn.Module, *, num_identities: int) -> None:
        super().__init__()
        self.loss = loss
        self.num_identities = num_identities

    def forward(self, embeddings: Tensor, identities: Tensor, categories: Tensor) -> Tensor:
        """Return the loss () float32 of raw embeddings (B, D)."""
        _check_identities(embeddings, identities, self.num_identities)
        with torch.autocast(embeddings.device.type, enabled=False):
            loss: Tensor = self.loss(embeddings.float(), identities)
            return loss


class AdaFaceLoss(nn.Module):
    """AdaFace: softmax over identities whose margin depends on the quality of the photo, read off ||z||.

    q = clip((||z|| - mu) / (sigma / h), -1, 1), without gradient; g_angle = -m q; g_add = m q + m;
    logit_j = s (cos(theta_j + g_angle) - g_add) for the photo's own identity, s cos(theta_j) for the others.
    mu and sigma are exponential moving averages of the batch's mean and standard deviation of ||z||. So a poor
    photo (q = -1) has ArcFace's margin, a middling one (q = 0) CosFace's, and a good one the heaviest on what
    is hard.

    The paper prints s cos(theta + g_angle) - g_add; as in the CosFace it generalises, s multiplies both here.
    theta + g_angle is kept within [0, pi], where the cosine falls. The averages start at the first batch's
    values, since backbones differ in the length of their features, and move in training mode only.

    Args:
        num_identities: C.
        embedding_dim: D.
        margin: m.
        scale: s.
        concentration: h.
        momentum: The share of the newest batch in the averages, t_alpha (1 - alpha in the paper).
    """

    norm_mean: Tensor
    norm_std: Tensor
    num_batches: Tensor

    def __init__(
        self,
        num_identities: int,
        embedding_dim: int,
        *,
        margin: float = 0.4,
        scale: float = 64.0,
        concentration: float = 0.333,
        momentum: float = 0.01,
    ) -> None:
        super().__init__()
        self.margin, self.scale, self.concentration, self.momentum = margin, scale, concentration, momentum
        self.weight = nn.Parameter(torch.randn(num_identities, embedding_dim))  # class vectors (C, D)
        self.register_buffer("norm_mean", torch.zeros(()))
        self.register_buffer("norm_std", torch.zeros(()))
        self.register_buffer("num_batches", torch.zeros((), dtype=torch.int64))

    def forward(self, embeddings: Tensor, identities: Tensor, categories: Tensor) -> Tensor:
        """Return the loss () float32 of raw embeddings (B, D)."""
        _check_identities(embeddings, identities, len(self.weight))
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings, own = embeddings.float(), identities[:, None]  # (B, D), (B, 1)
            quality = self._quality(embeddings.detach().norm(dim=1, keepdim=True))  # (B, 1)
            cosine = F.normalize(embeddings, dim=1) @ F.normalize(self.weight, dim=1).T  # (B, C)
            # Just inside [-1, 1], where the arc cosine's slope is finite.
            theta = cosine.gather(1, own).clamp(-1 + 1e-7, 1 - 1e-7).acos()  # (B, 1)
            shifted = (theta - self.margin * quality).clamp(0, math.pi).cos()  # (B, 1)
            logits = cosine.scatter(1, own, shifted - (self.margin * quality + self.margin))  # (B, C)
            return F.cross_entropy(self.scale * logits, identities)

    def _quality(self, norms: Tensor) -> Tensor:
        """Return the quality of each photo in [-1, 1], (B, 1); in training the averages take in this batch first."""
        if self.training:
            share = torch.where(self.num_batches == 0, 1.0, self.momentum)
            self.norm_mean.lerp_(norms.mean(), share)
            self.norm_std.lerp_(norms.std(correction=0), share)  # a batch of one deviates by 0, not by NaN
            self.num_batches += 1
        return ((norms - self.norm_mean) * self.concentration / (self.norm_std + 1e-3)).clamp(-1, 1)


def _check_identities(embeddings: Tensor, identities: Tensor, num_identities: int) -> None:
    if embeddings.ndim != 2 or len(embeddings) == 0 or identities.shape != embeddings.shape[:1]:
        shapes = f"{tuple(embeddings.shape)} and {tuple(identities.shape)}"
        raise ValueError(f"embeddings and identities have shapes {shapes}; expected (B, D) and (B,) with B > 0")
    if identities.min() < 0 or identities.max() >= num_identities:  # a negative one would count from the end
        raise ValueError(
            f"identities run from {int(identities.min())} to {int(identities.max())}; "
            f"expected 0 to {num_identities - 1}"
        )
