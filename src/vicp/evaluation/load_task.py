"""Tasks with their photos decoded: in memory while they are few, on disk when they are many."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from vicp.adapt.embedder import Embedder
from vicp.data.loading import load_pixels
from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message
from vicp.errors import DataError
from vicp.evaluation.scoring import LoadedTask, row_identities, task_rows
from vicp.evaluation.task import EvaluationTask

_IN_MEMORY = 2**29  # bytes of decoded photos


@contextmanager
def load_task(embedder: Embedder, table: PhotoTable, task: EvaluationTask) -> Iterator[LoadedTask]:
    """The task with its photos as the embedder wants them.

    Raises:
        DataError: photos that cannot be used, or no room for them.
    """
    rows = task_rows(task)
    shown, side = table.select(rows), embedder.transform.size
    shape = (len(rows), 3, side, side)
    with TemporaryDirectory(prefix="vicp-photos-") as folder:
        pixels = _space(shape, Path(folder))
        bad: list[BadPhoto] = []
        for batch in load_pixels(shown, embedder.transform, batch_size=embedder.batch_size, bad=bad):
            pixels[batch.indices] = batch.pixels.numpy()
        if bad:
            raise DataError(bad_photos_message(bad))
        yield LoadedTask(task, rows, row_identities(table, rows), torch.from_numpy(pixels))


def _space(shape: tuple[int, ...], folder: Path) -> np.ndarray:
    if np.prod(shape, dtype=np.int64) <= _IN_MEMORY:
        return np.empty(shape, dtype=np.uint8)
    try:
        return np.lib.format.open_memmap(folder / "photos.npy", mode="w+", dtype=np.uint8, shape=shape)
    except OSError as error:
        raise DataError(
            f"no room for {shape[0]} decoded photos ({error.strerror}): free some, or set TMPDIR"
        ) from error
