"""Photos made by tests."""

import numpy as np
from PIL import Image


def blob_photo(seed: int, *, size: int = 160) -> Image.Image:
    """Return random blobs of colour; no two seeds look alike."""
    blobs = np.random.default_rng(seed).integers(0, 200, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(blobs).resize((size, size), Image.Resampling.BICUBIC)
