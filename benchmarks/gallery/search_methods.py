"""One way to keep and search a gallery, measured in a process of its own; `benchmarks/gallery/run.py` starts it.

    python -m benchmarks.gallery.search_methods METHOD FOLDER

FOLDER holds gallery.npy (G, 384), queries.npy and right.npy. Prints JSON: rows per second put in and kept on disk,
megabytes on disk, then, opened again from disk, recall@1, and the most memory that keeping and searching took over the
imports; then milliseconds of CPU for 1 and for 100 queries, in turn with NumPy's product over the same rows. Needs
Linux, for the peak.
"""

import argparse
import importlib
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, BLOCK = 384, 8192
LINKS, CANDIDATES = 32, 200  # of an HNSW graph, and of those compared when it is built
ROUNDS = 3
Search = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", choices=list(METHODS))
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    print(json.dumps(measure(METHODS[arguments.method], arguments.folder)))


def measure(method: Callable[[Path], "tuple[Search, dict[str, Any]]"], folder: Path) -> dict[str, Any]:
    """The figures of one method."""
    queries, right = np.load(folder / "queries.npy"), np.load(folder / "right.npy")
    for module in IMPORTS.get(method, ()):
        importlib.import_module(module)
    Path("/proc/self/clear_refs").write_text("5")  # the kernel forgets the peak
    before = memory("VmRSS")
    search, facts = method(folder)
    search(queries[:1])
    found = np.concatenate([search(queries[i : i + 100]) for i in range(0, len(queries), 100)])
    recall = float((found == right).mean())
    peak = memory("VmHWM") - before
    return {"recall1": recall, "peak_mb": peak, **beside_numpy(search, folder, queries), **facts}


def beside_numpy(search: Search, folder: Path, queries: np.ndarray) -> dict[str, float]:
    """Milliseconds of CPU, of all threads, for 1 and for 100 queries, and of NumPy in turn: medians of three rounds."""
    plain = product_search(np.load(folder / "gallery.npy"))
    milliseconds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for prefix, run in (("", search), ("numpy_", plain)):
            milliseconds.setdefault(f"{prefix}ms1", []).append(timed(lambda run=run: run(queries[:1])))
            milliseconds.setdefault(f"{prefix}ms100", []).append(timed(lambda run=run: run(queries[:100])))
    return {name: statistics.median(values) for name, values in milliseconds.items()}


def timed(run: Callable[[], object]) -> float:
    """Milliseconds of CPU of one run: of the fastest of a few where it is short."""
    times = []
    while not times or (sum(times) < 100 and len(times) < 10):
        clock = time.process_time()
        run()
        times.append(1e3 * (time.process_time() - clock))
    return min(times)


def memory(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def disk_mb(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def blocks(folder: Path) -> Iterator[tuple[int, np.ndarray]]:
    gallery = np.load(folder / "gallery.npy", mmap_mode="r")
    for start in range(0, len(gallery), BLOCK):
        yield start, np.array(gallery[start : start + BLOCK])


def size_of(folder: Path) -> int:
    return len(np.load(folder / "gallery.npy", mmap_mode="r"))


def ours(folder: Path) -> tuple[Search, dict[str, Any]]:
    """The gallery, as `vicp gallery enroll` and `identify` use it, less the photo files and the model."""
    from benchmarks.gallery.made_up_gallery import make, open_search

    clock = time.perf_counter()
    uri, count = make(folder / "ours", blocks(folder))
    seconds = time.perf_counter() - clock
    clock = time.perf_counter()
    index = index_if_large(uri)
    index_seconds = time.perf_counter() - clock
    clock = time.perf_counter()
    search = open_search(uri)
    facts = {"rows_per_second": count / seconds, "disk_mb": disk_mb(folder / "ours"), "search": index}
    return search, {**facts, "index_seconds": index_seconds, "open_seconds": time.perf_counter() - clock}


def index_if_large(uri: str) -> str:
    from vicp.gallery.gallery import Gallery

    made = Gallery.open(uri, author="benchmark").index()
    return "exact" if not made else "; ".join(made)


def faiss_flat(folder: Path) -> tuple[Search, dict[str, Any]]:
    import faiss

    return faiss_index(faiss.IndexFlatIP(WIDTH), folder, "exact")


def faiss_hnsw(folder: Path) -> tuple[Search, dict[str, Any]]:
    """32 links, 200 candidates when building, 128 when searching."""
    import faiss

    index = faiss.IndexHNSWFlat(WIDTH, LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction, index.hnsw.efSearch = CANDIDATES, 128
    return faiss_index(index, folder, f"M {LINKS}, efConstruction {CANDIDATES}, efSearch 128")


def faiss_index(index: Any, folder: Path, how: str) -> tuple[Search, dict[str, Any]]:
    import faiss

    path = folder / "index.faiss"
    clock = time.perf_counter()
    for _, block in blocks(folder):
        index.add(block)
    faiss.write_index(index, str(path))
    rate = index.ntotal / (time.perf_counter() - clock)
    ef = index.hnsw.efSearch if hasattr(index, "hnsw") else None
    del index
    clock = time.perf_counter()
    opened = faiss.read_index(str(path))
    if ef is not None:
        opened.hnsw.efSearch = ef
    seconds, size = time.perf_counter() - clock, disk_mb(path)
    path.unlink()
    facts = {"rows_per_second": rate, "disk_mb": size, "open_seconds": seconds, "search": how}
    return lambda query: opened.search(query, 5)[1][:, 0], facts


def numpy_flat(folder: Path) -> tuple[Search, dict[str, Any]]:
    """A .npy file, one matrix product, one sort of the best."""
    path = folder / "plain.npy"
    clock = time.perf_counter()
    out = np.lib.format.open_memmap(path, "w+", np.float32, (size_of(folder), WIDTH))
    for start, block in blocks(folder):
        out[start : start + len(block)] = block
    out.flush()
    rate = len(out) / (time.perf_counter() - clock)
    del out
    clock = time.perf_counter()
    gallery = np.load(path)
    seconds, size = time.perf_counter() - clock, disk_mb(path)
    path.unlink()
    return product_search(gallery), {
        "rows_per_second": rate,
        "disk_mb": size,
        "open_seconds": seconds,
        "search": "exact",
    }


def product_search(gallery: np.ndarray) -> Search:
    """One matrix product of all queries, and the best of every row."""

    def search(query: np.ndarray) -> np.ndarray:
        similarity = query @ gallery.T
        best = np.argpartition(-similarity, 5, axis=1)[:, :5]
        return best[np.arange(len(best)), np.take_along_axis(similarity, best, axis=1).argmax(axis=1)]

    return search


METHODS: dict[str, Callable[[Path], tuple[Search, dict[str, Any]]]] = {
    "ours": ours,
    "faiss flat": faiss_flat,
    "faiss hnsw": faiss_hnsw,
    "numpy": numpy_flat,
}
# What is imported before the memory is measured.
IMPORTS: dict[Callable[[Path], tuple[Search, dict[str, Any]]], tuple[str, ...]] = {
    ours: ("benchmarks.gallery.made_up_gallery", "vicp.gallery.gallery", "lancedb"),
    faiss_flat: ("faiss",),
    faiss_hnsw: ("faiss",),
}


if __name__ == "__main__":
    main()
