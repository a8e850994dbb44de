"""What everyday commands cost from a cold start, by engine, with embedding and installing: results/speed.md, .json.

    python -m benchmarks.speed.run [--model distilled] [--rounds 3] [--parts commands embed int8 growth stages install]

A command is a process of its own, its wall and CPU seconds and its memory those that the system counts. Engines take
turns on the same photos. Photos per CPU second stand beside each other, since a busy machine stretches the wall clock.
Finished parts are kept in `--runs`; the search of galleries is that of benchmarks.gallery.run.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import openvino
import torch
from PIL import Image

from benchmarks.lib.program import ROOT, at_least, study_parser
from benchmarks.lib.results import kept, write_results
from benchmarks.speed.command_cost import command_cost
from benchmarks.speed.embedding import packaged_model, photos_per_second, prompt_ratio, random_vit_s
from benchmarks.speed.growth import measure_growth
from benchmarks.speed.install import measure_installs
from benchmarks.speed.int8 import measure_int8
from benchmarks.speed.page import page
from benchmarks.speed.stages import measure_stages
from vicp.runtime.opening import open_encoder
from vicp.runtime.photo_encoder import PhotoEncoder

PARTS = ("commands", "embed", "int8", "growth", "stages", "install")
ENGINES = ("onnx", "torch")
PHOTOS_EACH = 5  # of an individual that `identify` knows
LARGE = (2016, 1512)  # 3 megapixels, what a phone sends by mail
FLOAT32 = {"VICP_PRECISION": "float32"}  # one precision for both engines: the same answers, and the same cache


def main() -> None:
    parser = study_parser(__doc__, out=ROOT / "results" / "speed")
    parser.add_argument("--model", default="distilled", help="a packaged checkpoint with an export")
    parser.add_argument("--rounds", type=at_least(1), default=3)
    parser.add_argument("--photos", type=at_least(2), default=24, help="large ones, to embed")
    parser.add_argument("--known", type=at_least(40), default=1000, help="photos that `identify` compares with")
    parser.add_argument("--growth-photos", type=at_least(80), default=400, help="at the smallest of the three sizes")
    parser.add_argument("--sets", type=Path, nargs="*", default=[], help="Parquet tables of photos to judge 8 bits by")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="what to measure now")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "speed", help="folder of finished parts")
    parser.add_argument(
        "--gallery", type=Path, default=ROOT / "results" / "gallery.json", help="the study of galleries"
    )
    options = parser.parse_args()
    os.environ |= FLOAT32
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_photos(folder, options.photos, options.known)
        measures: dict[str, Callable[[], dict[str, Any]]] = {
            "commands": lambda: cold(options.model, folder, options.rounds),
            "embed": lambda: embed(options.model, folder, options.rounds),
            "int8": lambda: {"int8": {options.model: measure_int8(options.model, options.sets, options.rounds)}},
            "growth": lambda: {"growth": measure_growth(options.model, options.growth_photos, folder / "growth")},
            "stages": lambda: {"stages": measure_stages(options.model, folder / "large")},
            "install": lambda: {"install": measure_installs()},
        }
        for part in options.parts:
            kept(options.runs / f"{part}.json", lambda part=part: {**about(options), **measures[part]()})
    facts = facts_of(options.runs, options.gallery)
    write_results(options.out, facts, page(facts))


def facts_of(runs: Path, gallery: Path) -> dict[str, Any]:
    """All finished parts; each says how it was measured."""
    facts: dict[str, Any] = {"about": {}}
    for part in PARTS:
        if (path := runs / f"{part}.json").exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            facts["about"][part] = found.pop("about")
            facts |= found
    return facts | {"gallery": searches(gallery)}


def about(options: Any) -> dict[str, Any]:
    machine = {
        "rounds": options.rounds,
        "photos": options.photos,
        "known": options.known,
        "model": options.model,
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "openvino": openvino.__version__.partition("-")[0],
    }
    return {"about": machine}


def embed(model: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Large JPEGs to embeddings by every engine, and what a prompt costs."""
    (folder / "vit_s").mkdir()
    models = {model: packaged_model(model), "vit_s": random_vit_s(folder / "vit_s")}
    by_model = {name: photos_per_second(engines, folder / "large", rounds) for name, engines in models.items()}
    return {"embed": by_model, "prompt_ratio": prompt_ratio(models["vit_s"], 2 * rounds)}


def write_photos(folder: Path, num_large: int, num_known: int) -> None:
    """Small photos of individuals, each of one colour and noise, in `known`, and large ones in `large`."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (num_known // PHOTOS_EACH, 1, 1, 3))
    for number in range(num_known):
        individual, photo = divmod(number, PHOTOS_EACH)
        place = folder / "known" / f"{individual:03d}" / f"{photo}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = colours[individual % len(colours)] + rng.integers(-40, 40, (96, 96, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place)
    (folder / "large").mkdir()
    for number in range(num_large):
        small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        small.resize(LARGE, Image.Resampling.BICUBIC).save(folder / "large" / f"{number}.jpg", quality=90)


def cold(model: str, folder: Path, rounds: int) -> dict[str, Any]:
    """The commands `verify` and `identify`, each a fresh process, with the embeddings of known photos kept."""
    known, prompt = folder / "known", folder / "thing.prompt.safetensors"
    encoder = open_encoder(model, engine="onnx")
    encoder.torch_embedder()  # the files of PyTorch are in memory for both
    vicp("teach", known, "--category", "thing", "--pairs", 32, "--adapt", "metric", *named(encoder), "--out", prompt)
    a, b = known / "000" / "0.jpg", known / "000" / "1.jpg"
    commands = {
        "verify": ("verify", a, b, "--prompt", prompt, "--json"),
        "identify": ("identify", known, b, "--prompt", prompt, "--json"),
    }
    environment = {"VICP_CACHE": str(folder / "cache")}
    found: dict[str, Any] = {}
    for name, command in commands.items():
        by_engine: dict[str, list[dict[str, float]]] = {engine: [] for engine in ENGINES}
        for number in range(rounds + 1):  # the first warms the disk and the cache
            for engine in ENGINES:
                run = vicp(*command, "--engine", engine, environment=environment)
                by_engine[engine] += [run] if number else []
        ours, before = (medians(runs) for runs in by_engine.values())
        found[name] = {**ours, **{f"before_{key}": value for key, value in before.items()}}
    return found


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Of every figure of some runs."""
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def named(encoder: PhotoEncoder) -> tuple[str, str]:
    return ("--backbone" if encoder.engine.facts.is_backbone else "--model", str(encoder.engine.source))


def vicp(*arguments: object, environment: dict[str, str] | None = None) -> dict[str, float]:
    """What one command costs."""
    command = [sys.executable, "-m", "vicp", *map(str, arguments)]
    return command_cost(f"vicp {arguments[0]}", command, environment or {})


def searches(study: Path) -> dict[str, Any]:
    """What the study of galleries has measured, by size and method."""
    found = json.loads(study.read_text(encoding="utf-8"))
    names = ("ms1", "ms100", "numpy_ms1", "numpy_ms100", "recall1", "peak_mb", "disk_mb", "rows_per_second")
    seconds = {"open_s": "open_seconds", "index_s": "index_seconds"}
    return {
        size: {
            method: {
                **{name: row[name] for name in names if name in row},
                **{name: row[theirs] for name, theirs in seconds.items() if theirs in row},
            }
            for method, row in found[size].items()
        }
        for size in found
        if size.isdigit()
    }


if __name__ == "__main__":
    main()
