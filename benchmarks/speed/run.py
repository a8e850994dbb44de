"""What everyday commands cost from a cold start, by engine, with embedding and search: results/speed.md, .json.

    python -m benchmarks.speed.run [--model distilled] [--rounds 3] [--sizes 10000 100000]

A command is a process of its own, its wall and CPU seconds and its memory those that the system counts. Engines take
turns on the same photos. Photos per CPU second stand beside each other, since a busy machine stretches the wall clock.
"""

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from PIL import Image

from benchmarks.gallery.run import measure_size
from benchmarks.lib.program import ROOT, at_least, json_of, study_parser
from benchmarks.lib.results import write_results
from benchmarks.speed.page import page
from vicp.adapt.prompt import Prompt
from vicp.data.sources import open_photos
from vicp.model.visual_prompt import VisualPrompt
from vicp.runtime.opening import open_encoder
from vicp.runtime.photo_encoder import PhotoEncoder

ENGINES = ("onnx", "torch")
KNOWN, INDIVIDUALS = 1000, 200  # photos that `identify` compares with, and of how many individuals
LARGE = (2016, 1512)  # 3 megapixels, what a phone sends by mail
NUM_PROMPTS = 16
MEASURE = """
import json, os, subprocess, sys, time
clock = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - clock
print(json.dumps({"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}))
sys.exit(os.waitstatus_to_exitcode(status))
"""
FLOAT32 = {"VICP_PRECISION": "float32"}  # one precision for both engines: the same answers, and the same cache


def main() -> None:
    parser = study_parser(__doc__, out=ROOT / "results" / "speed")
    parser.add_argument("--model", default="distilled", help="a packaged checkpoint with an export")
    parser.add_argument("--rounds", type=at_least(1), default=3)
    parser.add_argument("--photos", type=at_least(2), default=24, help="large ones, to embed")
    parser.add_argument("--sizes", type=int, nargs="*", default=(10_000, 100_000), help="of galleries")
    options = parser.parse_args()
    os.environ |= FLOAT32
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_photos(folder, options.photos)
        facts: dict[str, Any] = {"about": about(options), **cold(options.model, folder, options.rounds)}
        facts["embed"], facts["prompt_ratio"] = embed(options.model, folder / "large", options.rounds)
    facts["gallery"] = {}
    write_results(options.out, facts, page(facts))
    for size in options.sizes:
        facts["gallery"][str(size)] = by_method(size)
        write_results(options.out, facts, page(facts))


def about(options: Any) -> dict[str, Any]:
    sizes = " ".join(map(str, options.sizes))
    return {
        "command": f"python -m benchmarks.speed.run --model {options.model} --rounds {options.rounds} "
        f"--photos {options.photos} --sizes {sizes}".strip(),
        "model": options.model,
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
    }


def write_photos(folder: Path, num_large: int) -> None:
    """Small photos of individuals, each of one colour and noise, in `known`, and large ones in `large`."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (INDIVIDUALS, 1, 1, 3))
    for number in range(KNOWN):
        place = folder / "known" / f"{number % INDIVIDUALS:03d}" / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = colours[number % INDIVIDUALS] + rng.integers(-40, 40, (96, 96, 3))
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
    a, b = known / "000" / "0.jpg", known / "000" / "200.jpg"
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
    """Wall and CPU seconds and the most memory of one command.

    A small process starts it: the system counts the memory of whoever starts a process as that process's own.
    """
    command = [sys.executable, "-m", "vicp", *map(str, arguments)]
    return json_of(f"vicp {arguments[0]}", [sys.executable, "-c", MEASURE, *command], environment or {})


def embed(model: str, photos: Path, rounds: int) -> tuple[dict[str, Any], float]:
    """Large JPEGs to embeddings, and what a prompt costs on photos that are decoded: photos per CPU second."""
    table, encoders = open_photos(photos, need_identity=False), {e: open_encoder(model, engine=e) for e in ENGINES}
    programs: dict[str, Callable[[], object]] = {
        name: lambda encoder=encoder: encoder.embed(table)
        for name, encoder in encoders.items()  # type: ignore[misc]
    }
    seconds = interleave(programs, rounds)
    by_engine = {name: len(table) / value for name, value in seconds.items()}
    encoder = encoders["onnx"]
    size, engine = encoder.transform.size, encoder.engine
    pixels = np.random.default_rng(0).integers(0, 256, (32, 3, size, size), dtype=np.uint8)
    width = encoder.torch_embedder().backbone.width
    visual = VisualPrompt(np.zeros((NUM_PROMPTS, width), np.float32), None, "thing", 1, None, encoder.fingerprint)
    prompt = Prompt.of(visual)
    bare, prompted = (engine.embedding_function(each) for each in (None, prompt.visual))
    cost = interleave({"bare": lambda: bare(pixels), "prompted": lambda: prompted(pixels)}, 2 * rounds)
    return {model: by_engine}, cost["bare"] / cost["prompted"]


def interleave(programs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median CPU seconds of each program over the rounds, in turn, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name, program in programs.items():
            clock = time.process_time()
            program()
            seconds[name] += [time.process_time() - clock] if number else []
    return {name: statistics.median(values) for name, values in seconds.items()}


def by_method(size: int) -> dict[str, Any]:
    """A gallery of made-up embeddings, ours against NumPy and FAISS, by the study of galleries."""
    names = ("ms1", "ms100", "recall1", "peak_mb", "disk_mb")
    return {
        method: {**{name: found[name] for name in names}, "open_s": found["open_seconds"]}
        for method, found in measure_size(size).items()
    }


if __name__ == "__main__":
    main()
