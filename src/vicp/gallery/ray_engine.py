"""Photos embedded by the workers of a Ray cluster, with Ray Data; the gallery is written by this process alone."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import ray

from vicp.adapt.embedder import Embedder
from vicp.errors import GalleryError
from vicp.gallery.photo_chunks import Chunk, embed_chunk
from vicp.model.backbone import register_attention

_ROUND = 256  # chunks under way at a time, which this process holds


class _Worker:
    """What runs in a process of the cluster: a model, opened once."""

    def __init__(self, embedder: Embedder) -> None:
        register_attention()  # pickling brought a backbone, but not what making one does
        self._embedder = embedder

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """One chunk, embedded as this process would."""
        done = embed_chunk(self._embedder, batch["chunk"][0])
        return {"number": batch["number"], "embeddings": [done.embeddings]}


def embed_with_ray(embedder: Embedder, chunks: Iterable[Chunk], *, total: int, workers: int = 2) -> Iterator[Chunk]:
    """Yields the chunks with their embeddings, in order; a chunk whose worker died is embedded by another.

    Uses the cluster that RAY_ADDRESS names, or starts Ray on this machine.

    Raises:
        GalleryError: the cluster cannot embed them.
    """
    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    alone = replace(embedder.quiet(), cache=None)
    done = 0
    source = iter(chunks)
    while part := list(islice(source, _ROUND)):
        rows = [{"number": number, "chunk": chunk} for number, chunk in enumerate(part)]
        try:
            data = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                _Worker, fn_constructor_args=(alone,), batch_size=1, concurrency=workers
            )
            found = {int(row["number"]): np.asarray(row["embeddings"], dtype=np.float32) for row in data.iter_rows()}
        except ray.exceptions.RayError as error:
            raise GalleryError(f"the Ray cluster gave up ({str(error).splitlines()[0]})") from error
        for number, chunk in enumerate(part):
            yield replace(chunk, embeddings=found[number])
            done += len(chunk.keys)
            embedder.progress(done, total)
