"""Crops of photos from Parquet files, in a shuffled order in which every photo's first crop precedes any second one."""

import io
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from vicp.data.seeds import derive_seed
from vicp.errors import ConfigError, DataError

BLOCK = 64  # crops that are made at a time
LEAST_AREA, MOST_ASPECT = 0.25, 4 / 3


@dataclass(frozen=True)
class PhotoFile:
    """A Parquet file of encoded photos.

    Attributes:
        path: The file.
        column: Its column of encoded bytes.
        crops: Of every photo; the first one is the whole photo for every second photo.
        most: Photos that are taken; 0 are all.
    """

    path: str
    column: str = "image"
    crops: int = 1
    most: int = 0

    @classmethod
    def parse(cls, text: str) -> "PhotoFile":
        """Return the file that PATH:COLUMN:CROPS:MOST names; what is left out has its default.

        Raises:
            ConfigError: CROPS or MOST is no number.
        """
        path, *rest = text.split(":")
        try:
            return cls(path, (rest[0] if rest else "") or "image", *(int(part) for part in rest[1:3]))
        except ValueError as error:
            raise ConfigError(f"distill.photos: '{text}': expected PATH:COLUMN:CROPS:MOST") from error

    def read(self) -> pa.ChunkedArray:
        """Return the encoded photos.

        Raises:
            DataError: The file cannot be read, or has no such column.
        """
        try:
            return pq.read_table(self.path, columns=[self.column]).column(0)
        except (OSError, ValueError, IndexError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(
                f"distill.photos: cannot read column '{self.column}' of '{self.path}' ({reason})"
            ) from error


class CropSampler:
    """Every crop of several files of photos, each drawn from the seed by its file, photo and number.

    Args:
        files: Of photos.
        size: Height and width of a crop in pixels.
        seed: Of order and crops.

    Raises:
        DataError: A file cannot be read.
    """

    def __init__(self, files: Sequence[PhotoFile], *, size: int, seed: int) -> None:
        self._photos = [file.read() for file in files]
        self._size, self._seed = size, seed
        self.plan = _plan(files, [len(photos) for photos in self._photos], seed)

    def blocks(self, rows: slice) -> Iterator[Tensor]:
        """Return crops (B, 3, S, S) uint8 of these rows of the plan, made ahead by a thread."""
        plan = self.plan[rows]
        blocks = [plan[start : start + BLOCK] for start in range(0, len(plan), BLOCK)]
        with ThreadPoolExecutor(1) as pool:
            waiting = [pool.submit(self._block, block) for block in blocks[:2]]
            for index in range(len(blocks)):
                crops = waiting.pop(0).result()
                if index + 2 < len(blocks):
                    waiting.append(pool.submit(self._block, blocks[index + 2]))
                yield crops

    def _block(self, rows: np.ndarray) -> Tensor:
        crops = [self._crop(int(file), int(photo), int(crop)) for file, photo, crop in rows]
        return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)

    def _crop(self, file: int, photo: int, crop: int) -> np.ndarray:
        seed = derive_seed(self._seed, "crop", file, photo, crop)
        image = Image.open(io.BytesIO(self._photos[file][photo].as_py())).convert("RGB")
        return random_crop(image, self._size, seed, whole=crop == 0 and photo % 2 == 0)


def _plan(files: Sequence[PhotoFile], lengths: Sequence[int], seed: int) -> np.ndarray:
    """Return rows (n, 3) of file, photo and crop, in the order in which they are made."""
    rounds: dict[int, list[np.ndarray]] = {}
    for index, (file, length) in enumerate(zip(files, lengths, strict=True)):
        chosen = np.random.default_rng(derive_seed(seed, "photos", index)).permutation(length)[: file.most or None]
        for crop in range(file.crops):
            columns = [np.full(len(chosen), index), chosen, np.full(len(chosen), crop)]
            rounds.setdefault(crop, []).append(np.stack(columns, axis=1))
    rng = np.random.default_rng(derive_seed(seed, "order"))
    return np.concatenate([rng.permutation(np.concatenate(rows)) for _, rows in sorted(rounds.items())])


def random_crop(image: Image.Image, size: int, seed: int, *, whole: bool) -> np.ndarray:
    """Return a part of a photo in another light, or the whole photo as it is, squashed to (size, size, 3) uint8."""
    if whole:
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    rng = np.random.default_rng(seed)
    width, height = image.size
    area, aspect = rng.uniform(LEAST_AREA, 1.0), math.exp(rng.uniform(-math.log(MOST_ASPECT), math.log(MOST_ASPECT)))
    w = min(width, width * math.sqrt(area * aspect))
    h = min(height, height * math.sqrt(area / aspect))
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    pixels = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + w, top + h)))
    return _in_another_light(pixels, rng)


def _in_another_light(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    bright, contrast, saturation = rng.uniform(0.7, 1.3), rng.uniform(0.75, 1.25), rng.uniform(0.7, 1.3)
    changed = pixels.astype(np.float32)
    grey = changed.mean(axis=2, keepdims=True)
    changed = (grey + (changed - grey) * saturation) * bright
    changed = (changed - changed.mean()) * contrast + changed.mean()
    return np.asarray(changed.clip(0, 255), dtype=np.uint8)


def resized(pixels: Tensor, size: int) -> Tensor:
    """Return photos (B, 3, S, S) uint8 in another size."""
    smooth = F.interpolate(pixels.float(), size=(size, size), mode="bicubic", align_corners=False, antialias=True)
    return smooth.clamp(0, 255).round().to(torch.uint8)
