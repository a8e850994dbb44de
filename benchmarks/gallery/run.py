"""What a gallery costs as it grows: ours, FAISS flat, FAISS HNSW and plain NumPy, on the same embeddings.

    python -m benchmarks.gallery.run [--sizes 10000 100000 1000000] [--methods ours numpy]

Writes results/gallery.md and .json. Each method at each size is a process of its own (search_methods.py); stopped, the
same command goes on after what is finished, which `--runs` keeps.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gallery.page import page
from benchmarks.gallery.search_methods import METHODS, WIDTH
from benchmarks.lib.program import ROOT, json_of
from benchmarks.lib.results import kept, write_results

SIZES = (10_000, 100_000, 1_000_000)
LARGEST_DOUBLE = 200_000
PHOTOS_EACH, NOISE, QUERIES = 5, 0.7, 200
SPREAD = (1 + np.arange(WIDTH, dtype=np.float32)) ** -0.5  # of the directions: a few hold most, as in real embeddings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "gallery", help="folder of finished parts")
    parser.add_argument("--out", type=Path, default=ROOT / "results", help="folder of gallery.md and .json")
    arguments = parser.parse_args()
    for size in arguments.sizes:
        measure_size(size, arguments.methods, arguments.runs)
        if 2 * size <= LARGEST_DOUBLE:
            measure_size(2 * size, ["ours"], arguments.runs)
        facts = facts_of(arguments.runs)
        write_results(arguments.out / "gallery", facts, page(facts))


def facts_of(runs: Path) -> dict[str, Any]:
    """All finished parts: by size, and ours at the doubles of these sizes."""
    found: dict[int, dict[str, Any]] = {}
    for path in sorted(runs.glob("*.json")):
        size, _, name = path.stem.partition("-")
        found.setdefault(int(size), {})[name] = json.loads(path.read_text(encoding="utf-8"))
    by_size = {size: {name: found[size][name] for name in METHODS if name in found[size]} for size in sorted(found)}
    doubles = {str(2 * size): by_size[2 * size]["ours"] for size in SIZES if 2 * size in by_size}
    sizes = {str(size): methods for size, methods in by_size.items() if str(size) not in doubles}
    return {"about": about(), "growth": doubles, **sizes}


def about() -> dict[str, Any]:
    return {
        "command": "python -m benchmarks.gallery.run",
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "cores": os.cpu_count(),
        "threads": 1,
        "width": WIDTH,
        "photos_each": PHOTOS_EACH,
        "numpy": np.__version__,
    }


def measure_size(size: int, methods: Sequence[str], runs: Path) -> dict[str, Any]:
    """These methods on one gallery, but for what is finished; what is right is what NumPy finds."""
    parts = {name: runs / f"{size}-{name}.json" for name in methods}
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        if not all(path.exists() for path in parts.values()):
            write_embeddings(Path(folder), size)
        return {name: kept(path, lambda name=name: run(name, folder)) for name, path in parts.items()}


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
