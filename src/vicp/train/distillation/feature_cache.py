"""The teacher's features of many crops, kept on disk once: pixels and features in shards, mapped into memory.

A shard is a folder of arrays with one row per crop, written whole or not at all, so training can begin before the last
one is there.
"""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vicp.data.images import normalise
from vicp.errors import ConfigError
from vicp.image_transform import ImageTransform
from vicp.io import atomic_write
from vicp.model.backbone import Backbone
from vicp.train.distillation.crops import CropSampler, resized
from vicp.train.distillation.principal import Basis, half_whitened
from vicp.train.distillation.teacher import EfficientNetLite

logger = logging.getLogger(__name__)
SHARD = 2048
PIXELS, GRID = 160, 10  # sides of what is kept of a crop and of the teacher's middle map
MIDDLE_DIM, LATE_DIM = 64, 128  # principal components that are kept of the maps
FEATURES = ("pooled", "stages", "previous")
ARRAYS = ("pixels", "middle", "late", *FEATURES)


class FeatureCache:
    """The shards of a folder.

    Args:
        folder: Of the shards; it need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: list[dict[str, np.ndarray]] = []
        self.refresh()

    def refresh(self) -> None:
        """Open the shards that were written since."""
        folders = sorted(path for path in self.folder.glob("shard-*") if path.suffix != ".part")
        self.shards = [{name: np.load(path / f"{name}.npy", mmap_mode="r") for name in ARRAYS} for path in folders]

    def __len__(self) -> int:
        return sum(len(shard["pixels"]) for shard in self.shards)

    def first(self, num: int, *names: str) -> dict[str, Tensor]:
        """Return the first rows of some arrays, at most one shard of them.

        Raises:
            ConfigError: There is no shard.
        """
        if not self.shards:
            raise ConfigError(f"distill.cache: {self.folder} holds no features; name distill.photos")
        return {name: torch.from_numpy(np.array(self.shards[0][name][:num])) for name in names}

    def rows(self, numbers: np.ndarray) -> dict[str, Tensor]:
        """Return every array's rows of these sorted numbers."""
        ends = np.cumsum([len(shard["pixels"]) for shard in self.shards])
        owners = np.searchsorted(ends, numbers, side="right")
        parts: dict[str, list[np.ndarray]] = {name: [] for name in ARRAYS}
        for owner in np.unique(owners):
            shard = self.shards[owner]
            inside = numbers[owners == owner] - (ends[owner] - len(shard["pixels"]))
            for name, blocks in parts.items():
                blocks.append(shard[name][inside])
        return {name: torch.from_numpy(np.concatenate(blocks)) for name, blocks in parts.items()}

    def fill(self, crops: CropSampler, previous: Backbone, transform: ImageTransform) -> None:
        """Write every shard that is missing.

        Args:
            crops: Of the photos.
            previous: A backbone whose readouts are kept with the teacher's features.
            transform: Its own.

        Raises:
            MissingExtraError: The teacher is not installed.
        """
        num = math.ceil(len(crops.plan) / SHARD)
        missing = [index for index in range(num) if not self._path(index).exists()]
        teacher = EfficientNetLite().bfloat16() if missing else None
        for index in missing:
            assert teacher is not None
            kept: dict[str, list[Tensor]] = {name: [] for name in ARRAYS}
            for block in crops.blocks(slice(index * SHARD, (index + 1) * SHARD)):
                for name, rows in _features(block, teacher, previous, transform).items():
                    kept[name].append(rows)
            self._write(index, {name: torch.cat(blocks) for name, blocks in kept.items()})
            logger.info("features of crops: shard %d of %d", index + 1, num)
        self.refresh()

    def _path(self, index: int) -> Path:
        return self.folder / f"shard-{index:03d}"

    def _write(self, index: int, arrays: dict[str, Tensor]) -> None:
        for name, dim in (("middle", MIDDLE_DIM), ("late", LATE_DIM)):
            arrays[name] = self._basis(name, arrays[name], dim).apply(arrays[name]).half()
        part = self._path(index).with_suffix(".part")
        rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for name, tensor in arrays.items():
            np.save(part / f"{name}.npy", tensor.numpy())
        part.replace(self._path(index))

    def _basis(self, name: str, places: Tensor, dim: int) -> Basis:
        """Return the basis of a map, fitted on the first shard that is made."""
        path = self.folder / f"{name}.basis.pt"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            basis = half_whitened(places.flatten(0, 1), dim)
            with atomic_write(path) as part:
                torch.save((basis.mean, basis.weight), part)
        return Basis(*torch.load(path, weights_only=True))


@torch.inference_mode()
def _features(
    crops: Tensor, teacher: EfficientNetLite, previous: Backbone, transform: ImageTransform
) -> Mapping[str, Tensor]:
    """Return a block's rows of every array, the maps' places (B, n, C) not yet reduced."""
    seen = teacher(crops)
    with torch.autocast("cpu", torch.bfloat16):
        readouts = previous.features(normalise(resized(crops, transform.size), transform))
    return {
        "pixels": resized(crops, PIXELS),
        "middle": F.interpolate(seen.middle, size=(GRID, GRID), mode="area").flatten(2).mT,
        "late": seen.late.flatten(2).mT,
        "pooled": seen.pooled.half(),
        "stages": seen.stages.half(),
        "previous": readouts.half(),
    }
