"""The metric of a category: gains of directions of the readout, directions to remove, and a centre."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

GAINS, NUISANCE, CENTRE = "gains", "nuisance", "centre"  # names of the arrays in a file
Array = TypeVar("Array")
Other = TypeVar("Other")


@dataclass(frozen=True)
class CategoryMetric(Generic[Array]):
    """A metric W = (I + U diag(g) V) (I - A^T A) of centred readouts; U and V are the model's, g and A the category's.

    Its arrays are torch tensors while a model works with them, and NumPy's in a prompt.

    Attributes:
        gains: g (r,), or (C, r) for C categories.
        nuisance: A (n, D'), or (C, n, D'): orthogonal rows no longer than 1, directions in which photos of one
            individual differ; None: none are known.
        centre: What is subtracted from L2-normalised readouts first (D',), or (C, D'); None: the model's own centre.
    """

    gains: Array
    nuisance: Array | None = None
    centre: Array | None = None

    def of_context(self: "CategoryMetric[Tensor]", number: int) -> "CategoryMetric[Tensor]":
        """Return the metric of one category, float32, without rows of zeros."""
        nuisance = None if self.nuisance is None else self.nuisance[number].float()
        if nuisance is not None:
            nuisance = nuisance[nuisance.any(dim=-1)].clone()
        centre = None if self.centre is None else self.centre[number].float().clone()
        return CategoryMetric(self.gains[number].float().clone(), nuisance, centre)

    def map(self, convert: Callable[[Array], Other]) -> "CategoryMetric[Other]":
        """Return the metric with every array converted."""
        nuisance = None if self.nuisance is None else convert(self.nuisance)
        return CategoryMetric(convert(self.gains), nuisance, None if self.centre is None else convert(self.centre))

    @property
    def arrays(self) -> dict[str, Array | None]:
        """By the names they have in a file."""
        return {GAINS: self.gains, NUISANCE: self.nuisance, CENTRE: self.centre}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> "CategoryMetric[Array] | None":
        """Return the metric in the arrays of a file; None where it has none."""
        if GAINS not in arrays:
            return None
        return cls(arrays[GAINS], arrays.get(NUISANCE), arrays.get(CENTRE))
