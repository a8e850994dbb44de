"""Where photos are embedded: by this process, or by the workers of a Ray cluster."""

from functools import partial
from typing import Literal

from vicp.extras import explain_missing_extras
from vicp.gallery.photo_chunks import EmbedChunks, embed_here

Engine = Literal["local", "ray"]


def find_engine(engine: Engine, *, workers: int = 2) -> EmbedChunks:
    """The engine of this name.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    if engine == "local":
        return embed_here
    with explain_missing_extras():
        from vicp.gallery.ray_engine import embed_with_ray
    return partial(embed_with_ray, workers=workers)
