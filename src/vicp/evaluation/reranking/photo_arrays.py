"""Arrays on disk for what reranking keeps of every photo, since patch tokens of many photos exceed memory."""

import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vicp.errors import DataError
from vicp.progress import Progress


@contextmanager
def photo_arrays(
    pixels: Tensor,
    photos: NDArray[np.int64],
    compute: Callable[[Tensor], Tensor],
    *,
    dtype: type[np.floating],
    batch_size: int,
    progress: Progress,
) -> Iterator[NDArray[np.floating]]:
    """Return an array (N, ...) on disk of what `compute` makes of each photo, gone when the block is left.

    Args:
        pixels: (n, 3, S, S) uint8.
        photos: (N,) the rows of `pixels` to use, in this order; at least one.
        compute: (b, 3, S, S) uint8 to (b, ...).
        dtype: Of the array.
        batch_size: Photos computed at a time.
        progress: Called with photos done and photos in all.

    Raises:
        DataError: The disk is too small.
    """
    with TemporaryDirectory(prefix="vicp-", ignore_cleanup_errors=True) as folder:
        array: NDArray[np.floating] | None = None
        for start in range(0, len(photos), batch_size):
            block = compute(pixels[torch.from_numpy(photos[start : start + batch_size])])  # (b, ...)
            if array is None:
                array = _make_array(Path(folder), (len(photos), *block.shape[1:]), dtype)
            array[start : start + len(block)] = block.float().cpu().numpy()
            progress(start + len(block), len(photos))
        if array is None:
            raise ValueError("there are no photos; expected at least one")
        yield array


def _make_array(folder: Path, shape: tuple[int, ...], dtype: type[np.floating]) -> NDArray[np.floating]:
    """Return an array in a new file; raises if the disk is full, where writing to it would kill the process."""
    size, free = math.prod(shape) * np.dtype(dtype).itemsize, shutil.disk_usage(folder).free
    if size > free:
        raise DataError(
            f"{folder.parent}: {size / 1e9:.1f} GB are needed for what is kept of {shape[0]} photos, "
            f"{free / 1e9:.1f} GB are free: point TMPDIR to a larger disk"
        )
    return np.memmap(folder / "photos.bin", dtype=dtype, mode="w+", shape=shape)
