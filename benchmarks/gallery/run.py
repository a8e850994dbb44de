"""What a gallery costs as it grows: ours, FAISS flat, FAISS HNSW and plain NumPy, on the same embeddings.

    python -m benchmarks.gallery.run [--sizes 10000 100000 1000000]

Writes results/gallery.md and .json. Each method at each size is a process of its own (search_methods.py).
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gallery.page import page
from benchmarks.gallery.search_methods import METHODS, WIDTH
from benchmarks.lib.program import ROOT, json_of
from benchmarks.lib.results import write_results

SIZES = (10_000, 100_000, 1_000_000)
LARGEST_DOUBLE = 200_000
PHOTOS_EACH, NOISE, QUERIES = 5, 0.7, 200
SPREAD = (1 + np.arange(WIDTH, dtype=np.float32)) ** -0.5  # of the directions: a few hold most, as in real embeddings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--out", type=Path, default=ROOT / "results", help="folder of gallery.md and .json")
    arguments = parser.parse_args()
    facts: dict[str, Any] = {"about": about(arguments.sizes), "growth": {}}
    for size in arguments.sizes:
        facts[str(size)] = measure_size(size)
        if 2 * size <= LARGEST_DOUBLE:
            facts["growth"][str(2 * size)] = measure_size(2 * size, ("ours",))["ours"]
        write_results(arguments.out / "gallery", facts, page(facts))


def about(sizes: list[int]) -> dict[str, Any]:
    default = tuple(sizes) == SIZES
    return {
        "command": "python -m benchmarks.gallery.run" + ("" if default else f" --sizes {' '.join(map(str, sizes))}"),
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "cores": os.cpu_count(),
        "threads": 1,
        "width": WIDTH,
        "photos_each": PHOTOS_EACH,
        "numpy": np.__version__,
    }


def measure_size(size: int, methods: tuple[str, ...] = tuple(METHODS)) -> dict[str, Any]:
    """Every method on one gallery; what is right is what NumPy finds."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        write_embeddings(Path(folder), size)
        return {name: run(name, folder) for name in methods}


def write_embeddings(folder: Path, size: int, seed: int = 0) -> None:
    """A gallery of made-up individuals, five photos each, queries of known ones, and the row that is right for each."""
    rng = np.random.default_rng(seed)
    centres = SPREAD * rng.standard_normal((size // PHOTOS_EACH, WIDTH), dtype=np.float32)
    gallery = np.lib.format.open_memmap(folder / "gallery.npy", "w+", np.float32, (size, WIDTH))
    for start in range(0, size, 50_000):
        rows = np.arange(start, min(start + 50_000, size))
        gallery[rows] = noisy(centres[rows // PHOTOS_EACH], rng)
    queries = noisy(centres[rng.integers(0, len(centres), QUERIES)], rng)
    np.save(folder / "queries.npy", queries)
    best, right = np.full(QUERIES, -2.0, np.float32), np.zeros(QUERIES, np.int64)
    for start in range(0, size, 50_000):
        similarity = queries @ np.asarray(gallery[start : start + 50_000]).T
        place = similarity.argmax(axis=1)
        value = similarity[np.arange(QUERIES), place]
        right = np.where(value > best, start + place, right)
        best = np.maximum(best, value)
    np.save(folder / "right.npy", right)


def noisy(centres: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows = centres + NOISE * SPREAD * rng.standard_normal(centres.shape, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def run(method: str, folder: str) -> dict[str, Any]:
    """`search_methods.measure` in a fresh process."""
    print(method, file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.gallery.search_methods", method, folder]
    found = json_of(method, command, {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    print(json.dumps(found), file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
