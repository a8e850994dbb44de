"""The emitted metric of a category in NumPy, as `model.heads.MetricHead` applies it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from vicp.adapt.linear_transform import Floats, normalise_rows
from vicp.model.category_metric import CategoryMetric


@dataclass(frozen=True, eq=False)
class MetricDirections:
    """The model's part of W = (I + U diag(g) V) (I - A^T A); g and A are the category's.

    Attributes:
        centre: What is subtracted from readouts first, unless the category has a centre (D',).
        input_directions: V (r, D').
        output_directions: U, transposed (r, D').
    """

    centre: Floats
    input_directions: Floats
    output_directions: Floats

    def embed(self, readouts: Floats, metric: CategoryMetric[Floats]) -> Floats:
        """Return L2-normalised embeddings (n, D') of L2-normalised readouts (n, D') under a category's metric."""
        centred = readouts - (self.centre if metric.centre is None else metric.centre)
        if metric.nuisance is not None:
            centred = centred - (centred @ metric.nuisance.T) @ metric.nuisance
        moved = ((centred @ self.input_directions.T) * metric.gains) @ self.output_directions  # (n, D')
        return normalise_rows(np.asarray(centred + moved, dtype=np.float32))

    def save(self, path: Path) -> None:
        """Write the directions as safetensors."""
        save_file(dict(vars(self)), path)

    @classmethod
    def load(cls, path: Path) -> "MetricDirections":
        """Return the directions in a file."""
        return cls(**load_file(path))
