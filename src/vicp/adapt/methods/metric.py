"""Metric prompt: features whitened by how photos of one identity differ, fitted in closed form on the support."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.methods.whitening import fit_groups
from vicp.adapt.prompt import Features, Prompt, Recipe
from vicp.errors import DataError

SHRINKAGE = 3.0  # where there are too few pairs to choose one: photos want 3 to 10, drawn objects 0.3 to 1


def whitening_prompt(
    start: Prompt, support: EncodedSupport, features: Tensor, *, kind: Features, shrinkages: Sequence[float]
) -> list[Prompt]:
    """A metric prompt for each shrinkage.

    Args:
        start: whose prompt the features are from; frozen features need none.
        support: n photos.
        features: of these photos (n, D'), as `start` with this `kind` of features makes them.
        kind: what the features are.
        shrinkages: of the whitening.

    Raises:
        DataError: the same-pairs give no metric.
    """
    try:
        metrics = fit_groups(features, support.groups, shrinkages)
    except ValueError as error:
        raise DataError(f"the same-pairs of '{support.category}' give no metric: {error}") from error
    return [
        replace(start, recipe=Recipe("metric", kind, start.recipe.start, shrinkage=shrinkage), metric=metric)
        for shrinkage, metric in zip(shrinkages, metrics, strict=True)
    ]
