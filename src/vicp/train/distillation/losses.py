"""The losses of distillation: a batch in, every loss by name out."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vicp.data.procedural.world import FACTORS
from vicp.pretrain_config import DistillConfig
from vicp.train.distillation.batches import DistillationBatch
from vicp.train.distillation.student import Student

TEMPERATURE = 2.0  # of the teacher's classes


@dataclass(frozen=True)
class DistillationLosses:
    """The losses of a step.

    Attributes:
        readout: Half the summed cosine distances of CLS, the mean patch and both together from their targets.
        tokens: Mean squared errors of the teacher's two maps at the patches.
        logits: Kullback-Leibler divergence of the teacher's classes.
        factors: Cross-entropy of the factors of drawn objects.
        accuracy: Share of factor values told right, by factor; not a loss.
    """

    readout: Tensor
    tokens: Tensor
    logits: Tensor
    factors: Tensor
    accuracy: Tensor

    def total(self, settings: DistillConfig) -> Tensor:
        """Return the weighted sum."""
        return (
            settings.readout_weight * self.readout
            + settings.tokens_weight * self.tokens
            + settings.logits_weight * self.logits
            + settings.factors_weight * self.factors
        )

    def numbers(self) -> dict[str, float]:
        """Return what a log keeps of them."""
        losses = {name: getattr(self, name).item() for name in ("readout", "tokens", "logits", "factors")}
        return losses | dict(zip(FACTORS, self.accuracy.tolist(), strict=True))


def distillation_losses(student: Student, batch: DistillationBatch) -> DistillationLosses:
    """Return the losses of a batch."""
    tokens = student(batch.patches, batch.visible)
    drawn = student.factor_logits(student(batch.objects).readout)  # (M, F, 8)
    return DistillationLosses(
        readout=_readout_loss(tokens.readout.float(), torch.cat([batch.cls, batch.mean], dim=1)),
        tokens=F.mse_loss(student.middle(tokens.middle).float(), batch.middle)
        + F.mse_loss(student.late(tokens.patches).float(), batch.late),
        logits=_class_loss(student.logits(tokens.readout).float(), batch.logits),
        factors=F.cross_entropy(drawn.flatten(0, 1), batch.values.flatten()),
        accuracy=(drawn.argmax(dim=-1) == batch.values).float().mean(dim=0),
    )


def _readout_loss(readout: Tensor, target: Tensor) -> Tensor:
    halves = zip(readout.chunk(2, dim=1), target.chunk(2, dim=1), strict=True)
    pairs = [(readout, target), *halves]
    return torch.stack([1 - F.cosine_similarity(said, wanted, dim=1).mean() for said, wanted in pairs]).sum() / 2


def _class_loss(logits: Tensor, teacher: Tensor) -> Tensor:
    said, wanted = ((each / TEMPERATURE).log_softmax(dim=1) for each in (logits, teacher))
    return F.kl_div(said, wanted, reduction="batchmean", log_target=True)
