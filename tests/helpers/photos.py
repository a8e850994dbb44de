"""Photos made by tests."""

from pathlib import Path

import numpy as np
from PIL import Image


def blob_photo(seed: int, *, size: int = 160) -> Image.Image:
    """Return random blobs of colour; no two seeds look alike."""
    blobs = np.random.default_rng(seed).integers(0, 200, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(blobs).resize((size, size), Image.Resampling.BICUBIC)


def write_frames(folder: Path, *, individuals: int, scenes: int, frames: int) -> Path:
    """`folder/NAME/SCENE-FRAME.jpg`: scenes that differ, and frames that differ in noise alone."""
    for individual in range(individuals):
        for scene in range(scenes):
            rng = np.random.default_rng([individual, scene])
            small = Image.fromarray(rng.integers(0, 255, (6, 6, 3)).astype(np.uint8))
            pixels = np.asarray(small.resize((64, 64), Image.Resampling.BICUBIC)).astype(int)
            (folder / f"n{individual}").mkdir(parents=True, exist_ok=True)
            for frame in range(frames):
                noisy = (pixels + rng.integers(-3, 4, pixels.shape)).clip(0, 255).astype(np.uint8)
                Image.fromarray(noisy).save(folder / f"n{individual}" / f"{scene}-{frame}.png")
    return folder
