"""Photos and a model small enough for every test."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["VICP_PRECISION"] = "float32"  # values asserted must not depend on the processor


def write_photo(path: Path, colour: tuple[int, int, int], seed: int = 0) -> Path:
    """A JPEG of one colour with a little noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-20, 20, (48, 48, 3))
    Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8)).save(path, quality=95)
    return path


@pytest.fixture
def photo_folder(tmp_path: Path) -> Path:
    """`shoes/NAME/*.jpg`: five identities of three photos, told apart by colour."""
    colours = {
        "red": (220, 40, 40),
        "green": (40, 200, 60),
        "blue": (40, 60, 210),
        "yellow": (220, 210, 50),
        "violet": (150, 60, 190),
    }
    root = tmp_path / "shoes"
    for name, colour in colours.items():
        for shot in range(3):
            write_photo(root / name / f"{shot}.jpg", colour, seed=shot)
    return root
