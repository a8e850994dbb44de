"""Photos and a large gallery that no model made, for measuring the service."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.gallery.made_up_gallery import make
from vicp.gallery.store.database import change
from vicp.gallery.store.tables import PHOTOS

WIDTH = 384
_BLOCK = 2000
_SIDE = 240


def photo_bytes(individual: int, *, shot: int) -> bytes:
    """A JPEG of coloured patches that belong to an individual, moved and lit anew in each shot."""
    patches = np.random.default_rng(individual).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    rng = np.random.default_rng((individual, shot))
    picture = np.asarray(Image.fromarray(patches).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
    picture = np.roll(picture, rng.integers(-20, 20, 2), axis=(0, 1)) * rng.uniform(0.8, 1.2)
    picture += rng.normal(0, 8, picture.shape)
    file = BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


def made_up_gallery(folder: Path, num_photos: int) -> None:
    """A gallery of made-up embeddings, five photos of each individual, each with a thumbnail for a picture."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((num_photos // 5 + 1, WIDTH), dtype=np.float32)

    def blocks() -> Iterator[tuple[int, np.ndarray]]:
        for start in range(0, num_photos, _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, num_photos))
            embeddings = centres[rows // 5] + 0.7 * rng.standard_normal((len(rows), WIDTH), dtype=np.float32)
            yield start, embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)

    uri, _ = make(folder, blocks())
    thumbnails = [photo_bytes(number, shot=0) for number in range(50)]
    with change(uri, "enroll", author="benchmark") as writer:
        table = writer.snapshot.read(PHOTOS)
        column = [thumbnails[(number // 5) % len(thumbnails)] for number in table["number"].to_pylist()]
        place = table.schema.get_field_index("thumbnail")
        writer.update(PHOTOS, table.set_column(place, "thumbnail", [column]))
        writer.commit("pictures")
