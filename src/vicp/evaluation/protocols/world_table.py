"""Photos of the procedural world to evaluate on: of silhouettes and rules that no training sees."""

import numpy as np

from vicp.data.procedural.world import world_photos
from vicp.data.records import PhotoTable


def world_table(*, num_categories: int, seed: int) -> PhotoTable:
    """Return photos of the procedural world, with a column per factor."""
    frame = world_photos(num_categories=num_categories, seed=seed, split="unseen")
    return PhotoTable(frame.assign(row=np.arange(1, len(frame) + 1)), None)
