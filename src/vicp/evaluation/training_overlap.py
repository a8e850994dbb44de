"""Which photos of an evaluation are of individuals that a checkpoint under evaluation was trained on."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.checkpoints import training_identities
from vicp.data.photos.content_order import Hashes
from vicp.data.records import PhotoTable
from vicp.data.training_identities import TrainingIdentities
from vicp.evaluation.methods import FROZEN, Method, find_method

Mask = NDArray[np.bool_]


def trained_photos(methods: Sequence[Method], table: PhotoTable, hashes: Hashes) -> Mask:
    """Return which photos (n,) are of individuals that any of the methods was trained on.

    A method with a checkpoint per fold or category counts in each by the checkpoint of that one.

    Args:
        methods: Methods.
        table: n photos.
        hashes: Of their files (n,), see `photo_hashes`.

    Raises:
        ConfigError: A checkpoint is missing.
        WeightsError: What a checkpoint says of its training is damaged.
    """
    trained = np.zeros(len(table), dtype=bool)
    for method in methods:
        for rows, known in _known_by(method, table):
            trained |= rows & known.rows_in(table, hashes)
    return trained


def _known_by(method: Method, table: PhotoTable) -> Iterator[tuple[Mask, TrainingIdentities]]:
    """Yield photos (n,) and the individuals that the checkpoint which embeds them was trained on."""
    column = next((name for name in ("fold", "category") if f"{{{name}}}" in method.name), None)
    if column is None:
        known = _known_to(method)
        if known is not None:
            yield np.ones(len(table), dtype=bool), known
        return
    values = np.array(table.frame[column] if column in table.frame else [""] * len(table), dtype=str)
    for value in np.unique(values[values != ""]).tolist():
        known = _known_to(method, **{column: value})
        if known is not None:
            yield values == value, known


def _known_to(method: Method, *, fold: str = "", category: str = "") -> TrainingIdentities | None:
    """Return the individuals that a checkpoint was trained on; of the frozen backbone of a VICP model, none."""
    if method.embedder is not None:
        return training_identities(method.embedder.source) if method.embedder.source else None
    checkpoint = find_method(method, fold=fold, category=category)
    if method.name.startswith(FROZEN) and checkpoint.has_model:
        return None
    return training_identities(checkpoint.source)
