"""JPEG files to embeddings by every engine, and what a prompt costs: photos per second of CPU time."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from transformers import Dinov2Config, Dinov2Model

from benchmarks.embedding_speed.run import VIT_S, plain_loop
from vicp.adapt.embedder import Embedder
from vicp.data.sources import open_photos
from vicp.image_transform import ImageTransform
from vicp.model.backbone import Backbone
from vicp.model.visual_prompt import VisualPrompt
from vicp.runtime.engine import Engine
from vicp.runtime.export.folder import describe, write_graphs
from vicp.runtime.exported_engine import ExportedEngine
from vicp.runtime.opening import open_encoder
from vicp.runtime.photo_encoder import PhotoEncoder

NUM_PROMPTS = 16
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Engines:
    """One model by its engines."""

    torch: Embedder
    onnx: Engine
    openvino: Engine


def packaged_model(name: str) -> Engines:
    """A checkpoint of the package."""
    embedder = open_encoder(name, engine="torch").torch_embedder()
    return Engines(embedder, *(open_encoder(name, engine=engine).engine for engine in ("onnx", "openvino")))


def random_vit_s(folder: Path) -> Engines:
    """A ViT-S/14 at 224 px with random weights, exported into a folder."""
    vit = Dinov2Model(Dinov2Config(**VIT_S)).eval()
    embedder = Embedder(Backbone(vit), ImageTransform(224, *IMAGENET), "random")
    exported = describe(embedder)
    write_graphs(embedder, exported, folder)
    onnx = ExportedEngine(folder, exported)
    return Engines(embedder, onnx, replace(onnx, runtime="openvino"))


def photos_per_second(engines: Engines, photos: Path, rounds: int) -> dict[str, float]:
    """By engine; `transformers` is the loop that one writes first, in float32, and `torch` is ours in bfloat16."""
    table = open_photos(photos, need_identity=False)

    def in_bfloat16() -> None:
        with environment(VICP_PRECISION="bfloat16"):
            PhotoEncoder(engines.torch).embed(table)

    seconds = interleave(
        {
            "transformers": lambda: plain_loop(engines.torch.backbone.vit, photos, engines.torch.transform),
            "torch": in_bfloat16,
            "onnx": lambda: PhotoEncoder(engines.onnx).embed(table),
            "openvino": lambda: PhotoEncoder(engines.openvino).embed(table),
        },
        rounds,
    )
    return {name: len(table) / value for name, value in seconds.items()}


def prompt_ratio(engines: Engines, rounds: int) -> float:
    """The speed under a prompt over that of the bare backbone, by ONNX Runtime on decoded photos."""
    size, width = engines.torch.transform.size, engines.torch.backbone.width
    pixels = np.random.default_rng(0).integers(0, 256, (16, 3, size, size), dtype=np.uint8)
    tokens = np.zeros((NUM_PROMPTS, width), np.float32)
    visual = VisualPrompt(tokens, None, "thing", 1, None, engines.torch.fingerprint)
    bare, prompted = (engines.onnx.embedding_function(each) for each in (None, visual))
    cost = interleave({"bare": lambda: bare(pixels), "prompted": lambda: prompted(pixels)}, rounds)
    return cost["bare"] / cost["prompted"]


def interleave(programs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median CPU seconds of each program over the rounds, in turn, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name, program in programs.items():
            clock = time.process_time()
            program()
            seconds[name] += [time.process_time() - clock] if number else []
    return {name: statistics.median(values) for name, values in seconds.items()}


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """These variables of the environment, for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
