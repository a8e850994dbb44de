"""Photos to try VICP with: drawn objects of the procedural world, a folder per individual.

python examples/sample_photos.py FOLDER [NEW]      (NEW: a file for one more photo of the individual called tom)
"""

import sys
from pathlib import Path

from vicp.data.procedural.world import world_photos


def write_sample_photos(
    folder: Path, new: Path | None = None, *, individuals: int = 24, photos_each: int = 3, seed: int = 0
) -> Path:
    """Write `folder/NAME/NUMBER.png` for one kind of object, and return the folder."""
    drawn = photos_each + (new is not None)
    frame = world_photos(num_categories=1, num_identities=individuals, photos_per_identity=drawn, size=96, seed=seed)
    for number, (_, photos) in enumerate(frame.groupby("identity", sort=True)):
        name = f"cat{number}" if number else "tom"
        (folder / name).mkdir(parents=True, exist_ok=True)
        for shot, image in enumerate(photos["image"][:photos_each]):
            (folder / name / f"{shot}.png").write_bytes(image)
        if new is not None and name == "tom":
            new.write_bytes(photos["image"].iloc[-1])
    return folder


if __name__ == "__main__":
    folder, *new = map(Path, sys.argv[1:])
    number = len(list(write_sample_photos(folder, *new).rglob("*.png")))
    print(f"wrote {number} photos into {folder}" + "".join(f", and one more of tom as {file}" for file in new))
