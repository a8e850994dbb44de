"""Photos to try the examples with: drawn objects of the procedural world, a folder per individual.

python examples/sample_photos.py FOLDER
"""

import sys
from pathlib import Path

from vicp.data.procedural.world import world_photos


def write_sample_photos(folder: Path, *, individuals: int = 12, photos_each: int = 4, seed: int = 0) -> Path:
    """Write `folder/INDIVIDUAL/NUMBER.png` for one kind of object, and return the folder."""
    frame = world_photos(
        num_categories=1, num_identities=individuals, photos_per_identity=photos_each, size=96, seed=seed
    )
    for number, (name, image) in enumerate(zip(frame["identity"], frame["image"], strict=True)):
        file = folder / str(name) / f"{number % photos_each}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(image)
    return folder


if __name__ == "__main__":
    print(f"wrote {write_sample_photos(Path(sys.argv[1]))}")
