"""Embed chunks of photos in this process, or with the workers of a Ray cluster."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Protocol

import numpy as np

from vicp.errors import GalleryError
from vicp.extras import explain_missing_extras
from vicp.gallery.enrollment.chunks import Chunk
from vicp.runtime.photo_encoder import PhotoEncoder

_CHUNKS_IN_FLIGHT = 256  # chunks that this process holds while Ray works on them


class EmbedChunks(Protocol):
    """Embeds chunks of photos, in order."""

    def __call__(self, encoder: PhotoEncoder, chunks: Iterable[Chunk], *, total: int) -> Iterator[Chunk]:
        """Yield the chunks with their embeddings; `total` photos are expected, for a progress bar."""
        ...


def find_workers(*, on_ray: bool, workers: int = 2) -> EmbedChunks:
    """Return the function that embeds chunks in this process, or on a cluster.

    Args:
        on_ray: On a Ray cluster.
        workers: Processes of the cluster that embed.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    if not on_ray:
        return embed_locally
    with explain_missing_extras():
        import ray  # noqa: F401
    return partial(embed_with_ray, workers=workers)


def embed_locally(encoder: PhotoEncoder, chunks: Iterable[Chunk], *, total: int) -> Iterator[Chunk]:
    """Yield the chunks with their embeddings, computed by this process."""
    silent_encoder, num_embedded = encoder.without_progress(), 0
    for chunk in chunks:
        yield embed_chunk(silent_encoder, chunk)
        num_embedded += len(chunk.photos)
        encoder.progress(num_embedded, total)


def embed_with_ray(encoder: PhotoEncoder, chunks: Iterable[Chunk], *, total: int, workers: int = 2) -> Iterator[Chunk]:
    """Yield the chunks with their embeddings, in order; a chunk whose worker died is embedded by another.

    Uses the cluster that RAY_ADDRESS names, or starts Ray on this machine. The gallery is written by this process
    alone.

    Raises:
        GalleryError: The cluster cannot embed them.
    """
    import ray

    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    worker_encoder = replace(encoder.without_progress(), cache=None)
    num_embedded = 0
    remaining = iter(chunks)
    while batch := list(islice(remaining, _CHUNKS_IN_FLIGHT)):
        rows = [{"number": number, "chunk": _without_files(chunk)} for number, chunk in enumerate(batch)]
        try:
            data = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                _Worker, fn_constructor_args=(worker_encoder,), batch_size=1, concurrency=workers
            )
            embeddings = {
                int(row["number"]): np.asarray(row["embeddings"], dtype=np.float32) for row in data.iter_rows()
            }
        except ray.exceptions.RayError as error:
            raise GalleryError(f"the Ray cluster gave up ({str(error).splitlines()[0]})") from error
        for number, chunk in enumerate(batch):
            photos = [replace(photo, pixels=None) for photo in chunk.photos]
            yield replace(chunk, photos=photos, embeddings=embeddings[number])
            num_embedded += len(chunk.photos)
            encoder.progress(num_embedded, total)


def embed_chunk(encoder: PhotoEncoder, chunk: Chunk) -> Chunk:
    """Return the chunk with its embeddings, and without the pixels, which are not needed any more.

    Raises:
        PromptError: The category's prompt belongs to another model.
    """
    embeddings = encoder.embed_loaded(chunk.photos, chunk.category.prompt)
    photos = [replace(photo, pixels=None) for photo in chunk.photos]
    return replace(chunk, photos=photos, embeddings=embeddings)


def _without_files(chunk: Chunk) -> Chunk:
    """Return what a worker needs of a chunk: the pixels, not the encoded files."""
    return replace(chunk, photos=[replace(photo, encoded=b"", thumbnail=None) for photo in chunk.photos])


class _Worker:
    """What runs in a process of the cluster: a model, opened once."""

    def __init__(self, encoder: PhotoEncoder) -> None:
        self._encoder = encoder

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the embeddings of one chunk, as this process would compute them."""
        chunk = embed_chunk(self._encoder, batch["chunk"][0])
        return {"number": batch["number"], "embeddings": [chunk.embeddings]}
