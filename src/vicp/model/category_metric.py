"""The metric of a category: gains of directions of the readout, directions to remove, and a centre."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

GAINS, NUISANCE, CENTRE = "gains", "nuisance", "centre"  # names of the tensors in a file


@dataclass(frozen=True)
class CategoryMetric:
    """A metric W = (I + U diag(g) V) (I - A^T A) of centred readouts; U and V are the model's, g and A the category's.

    Attributes:
        gains: g (r,), or (C, r) for C categories.
        nuisance: A (n, D'), or (C, n, D'): orthogonal rows no longer than 1, directions in which photos of one
            individual differ; None: none are known.
        centre: What is subtracted from L2-normalised readouts first (D',), or (C, D'); None: the model's own centre.
    """

    gains: Tensor
    nuisance: Tensor | None = None
    centre: Tensor | None = None

    def of_context(self, number: int) -> "CategoryMetric":
        """Return the metric of one category, float32, without rows of zeros."""
        nuisance = None if self.nuisance is None else self.nuisance[number].float()
        if nuisance is not None:
            nuisance = nuisance[nuisance.any(dim=-1)].clone()
        centre = None if self.centre is None else self.centre[number].float().clone()
        return CategoryMetric(self.gains[number].float().clone(), nuisance, centre)

    @property
    def tensors(self) -> dict[str, Tensor | None]:
        """By the names they have in a file."""
        return {GAINS: self.gains, NUISANCE: self.nuisance, CENTRE: self.centre}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "CategoryMetric | None":
        """Return the metric in the tensors of a file; None where it has none."""
        if GAINS not in tensors:
            return None
        return cls(tensors[GAINS], tensors.get(NUISANCE), tensors.get(CENTRE))
