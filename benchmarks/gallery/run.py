"""What a gallery costs as it grows: ours, FAISS flat and HNSW, USearch and plain NumPy, on the same embeddings.

    python -m benchmarks.gallery.run [--sizes 10000 100000 1000000] [--methods ours numpy] [--sets TABLE.parquet ...]

Writes results/gallery.md and .json. Each method at each size is two processes of its own (search_methods.py); stopped,
the same command goes on after what is finished, which `--runs` keeps. With `--sets` the embeddings are like those of
real photos. USearch is no dependency of the project: `pip install usearch` in the same environment.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gallery.embeddings import PHOTOS_EACH, WIDTH, Individuals, MadeUp, RealLike, write_embeddings
from benchmarks.gallery.page import page
from benchmarks.gallery.search_methods import METHODS
from benchmarks.lib.program import ROOT, json_of
from benchmarks.lib.results import kept, write_results

SIZES = (10_000, 100_000, 1_000_000)
LARGEST_DOUBLE = 200_000
MADE_UP, REAL_LIKE = "made-up", "real-like"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=installed_methods())
    parser.add_argument("--sets", type=Path, nargs="+", default=[], help="Parquet tables of real photos")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "gallery", help="folder of finished parts")
    parser.add_argument("--out", type=Path, default=ROOT / "results", help="folder of gallery.md and .json")
    arguments = parser.parse_args()
    individuals: Individuals = MadeUp()
    if arguments.sets:
        individuals = RealLike.of(arguments.sets, arguments.runs / "embeddings")
        about_sets = {"sets": len(arguments.sets), "photos": individuals.num_photos}
        kept(arguments.runs / f"{REAL_LIKE}.json", lambda: about_sets)
    kind = arguments.runs / (REAL_LIKE if arguments.sets else MADE_UP)
    for size in arguments.sizes:
        measure_size(size, arguments.methods, kind, individuals)
        if 2 * size <= LARGEST_DOUBLE and not arguments.sets:
            measure_size(2 * size, ["ours"], kind, individuals)
        facts = facts_of(arguments.runs)
        write_results(arguments.out / "gallery", facts, page(facts))


def installed_methods() -> list[str]:
    return [name for name, method in METHODS.items() if all(find_spec(part.split(".")[0]) for part in method.imports)]


def facts_of(runs: Path) -> dict[str, Any]:
    """All finished parts: by size, ours at the doubles of these sizes, and the embeddings that are like real ones."""
    by_size = finished(runs / MADE_UP)
    doubles = {str(2 * size): by_size[2 * size]["ours"] for size in SIZES if 2 * size in by_size}
    facts = {"about": about(), "growth": doubles}
    facts |= {str(size): methods for size, methods in by_size.items() if str(size) not in doubles}
    if (described := runs / f"{REAL_LIKE}.json").exists():
        sizes = {str(size): methods for size, methods in finished(runs / REAL_LIKE).items()}
        facts["real_like"] = {**json.loads(described.read_text(encoding="utf-8")), **sizes}
    return facts


def finished(folder: Path) -> dict[int, dict[str, Any]]:
    """What is measured: size -> method -> figures."""
    found: dict[int, dict[str, Any]] = {}
    for path in folder.glob("*.json"):
        size, _, name = path.stem.partition("-")
        found.setdefault(int(size), {})[name] = json.loads(path.read_text(encoding="utf-8"))
    return {size: {name: found[size][name] for name in METHODS if name in found[size]} for size in sorted(found)}


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


def measure_size(size: int, methods: Sequence[str], parts: Path, individuals: Individuals) -> None:
    """These methods on one gallery, but for what is finished; what is right is what NumPy finds."""
    missing = {name: path for name in methods if not (path := parts / f"{size}-{name}.json").exists()}
    if not missing:
        return
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as made:
        folder = Path(made)
        write_embeddings(folder, size, individuals)
        given = set(folder.iterdir())
        for name, path in missing.items():
            kept(path, lambda name=name: {**run(name, "put", folder), **run(name, "search", folder)})
            for written in set(folder.iterdir()) - given:
                shutil.rmtree(written) if written.is_dir() else written.unlink()


def run(method: str, part: str, folder: Path) -> dict[str, Any]:
    """A part of `search_methods` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.gallery.search_methods", method, part, folder]
    found = json_of(method, command, {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    print(method, part, json.dumps(found), file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
