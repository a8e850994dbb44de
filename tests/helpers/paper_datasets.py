"""PetFace and ShopID10K in small imitations with photos that decode: a colour for each individual, in any light."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def write_photos(root: Path, category: str, identity: str, count: int, ending: str) -> list[str]:
    """Photos of one individual, and their names in the data set's lists."""
    seed = sum(map(ord, category + identity))
    colour = np.random.default_rng(seed).integers(0, 256, 3)
    names = []
    for shot in range(count):
        draw = np.random.default_rng(seed + 1000 * shot)
        noise = draw.integers(-90, 90, 3) + draw.integers(-20, 20, (24, 24, 3))
        names.append(f"{category}/{identity}/{shot:02d}.{ending}")
        path = root / "images" / names[-1]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((colour + noise).clip(0, 255).astype(np.uint8)).save(path)
    return names


def write_dataset(root: Path, categories: Mapping[str, Mapping[str, int]], *, ending: str = "png") -> Path:
    """A data set of these categories: by split, how many individuals of three photos each."""
    for category, splits in categories.items():
        lists = root / "split" / category
        lists.mkdir(parents=True, exist_ok=True)
        number = 0
        for split, individuals in splits.items():
            photos = []
            for _ in range(individuals):
                photos += write_photos(root, category, f"{number:06d}", 3, ending)
                number += 1
            if split == "train":
                rows = [f"{name},{name.split('/')[1]}" for name in photos]
                (lists / "train.csv").write_text("\n".join(["filename,label", *rows]) + "\n")
            else:
                (lists / f"{split}.txt").write_text("\n".join(photos) + "\n")
        pairs = [f"{photos[i]},{photos[i + 1]},1" for i in range(0, len(photos), 3)]
        pairs += [f"{photos[i]},{photos[i - 1]},0" for i in range(0, len(photos), 3)]
        (lists / "verification.csv").write_text("\n".join(["filename1,filename2,label", *pairs]) + "\n")
    return root
