"""What 8 bits gain and cost: photos per second, mAP and nearest neighbours."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.speed.embedding import interleave
from vicp.data.sources import open_photos
from vicp.runtime.export.folder import export_model
from vicp.runtime.export.int8 import drawn_photos, precision_loss
from vicp.runtime.opening import open_encoder

NUM_PHOTOS = 32


def measure_int8(model: str, tables: Sequence[Path], rounds: int) -> dict[str, Any]:
    """Photos per CPU second by both precisions, decoded ones, and what changes on drawn photos and on each table."""
    with TemporaryDirectory() as made:
        drawn = drawn_photos()
        export_model(model, Path(made), int8=True, photos=drawn)
        full, small = open_encoder(model, engine="onnx"), open_encoder(made, engine="onnx")
        size = full.transform.size
        pixels = np.random.default_rng(0).integers(0, 256, (NUM_PHOTOS, 3, size, size), dtype=np.uint8)
        programs = {"float32": full.engine.embedding_function(None), "int8": small.engine.embedding_function(None)}
        seconds = interleave({name: lambda embed=embed: embed(pixels) for name, embed in programs.items()}, rounds)
        sets = {"drawn": drawn, **{table.stem: open_photos(table) for table in tables}}
        loss = {name: asdict(precision_loss(full, small, photos)) for name, photos in sets.items()}
    return {**{name: NUM_PHOTOS / value for name, value in seconds.items()}, "loss": loss}
