"""Principal directions of readouts: where the parts that scale or compare them start."""

from dataclasses import dataclass

import torch
from torch import Tensor

DEVIATION_FLOOR = 0.1  # of the median deviation: what varies less is noise, and is not blown up to the size of the rest


@dataclass(frozen=True)
class PrincipalComponents:
    """Float32 values of n readouts.

    Attributes:
        centre: Their mean (D',).
        directions: Orthonormal rows (r, D'), those of most variance first.
        deviation: Of the readouts along each (r,), and a floor.
    """

    centre: Tensor
    directions: Tensor
    deviation: Tensor


def principal_components(readouts: Tensor, rank: int) -> PrincipalComponents:
    """Return the first `rank` principal directions of readouts (n, D')."""
    exact = readouts.double()
    centre = exact.mean(dim=0)
    variance, components = torch.linalg.eigh((exact - centre).T @ (exact - centre) / len(exact))  # ascending
    deviation = variance.flip(0)[:rank].clamp_min(0).sqrt()
    deviation = deviation + DEVIATION_FLOOR * deviation.median()
    return PrincipalComponents(centre.float(), components.flip(1)[:, :rank].T.float(), deviation.float())
