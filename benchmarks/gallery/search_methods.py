"""One way to keep and search a gallery, measured in processes of its own; `benchmarks/gallery/run.py` starts them.

    python -m benchmarks.gallery.search_methods METHOD put FOLDER
    python -m benchmarks.gallery.search_methods METHOD search FOLDER

FOLDER holds gallery.npy (G, D), queries.npy and right.npy. `put` writes the gallery beside them and prints JSON: rows
per second, megabytes on disk, the most memory over the imports. `search`, another process, opens it: recall@1, the most
memory over the imports, then milliseconds of CPU for 1 and for 100 queries, in turn with NumPy's product over the same
rows. Needs Linux, for the peak.
"""

import argparse
import importlib
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

BLOCK = 8192
LINKS, CANDIDATES, SEARCHED = 32, 200, 128  # of an HNSW graph, of those compared to build it, and of a search
ROUNDS = 3
Search = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Method:
    """A way to keep and search a gallery.

    Attributes:
        put: Writes the embeddings of a folder beside them; returns its file or folder, and facts.
        open: Opens what was put there.
        imports: What is imported before the memory is measured.
    """

    put: Callable[[Path], tuple[Path, dict[str, Any]]]
    open: Callable[[Path], Search]
    imports: tuple[str, ...] = ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", choices=list(METHODS))
    parser.add_argument("part", choices=("put", "search"))
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    measure = measure_put if arguments.part == "put" else measure_search
    print(json.dumps(measure(METHODS[arguments.method], arguments.folder)))


def measure_put(method: Method, folder: Path) -> dict[str, Any]:
    """What it costs to write the gallery."""
    before = memory_after_imports(method)
    clock = time.process_time()
    path, facts = method.put(folder)
    seconds = time.process_time() - clock - facts.get("index_seconds", 0.0)
    rate = len(np.load(folder / "gallery.npy", mmap_mode="r")) / seconds
    return {"rows_per_second": rate, "put_mb": memory("VmHWM") - before, "disk_mb": disk_mb(path), **facts}


def measure_search(method: Method, folder: Path) -> dict[str, Any]:
    """What it costs to open and search it."""
    queries, right = np.load(folder / "queries.npy"), np.load(folder / "right.npy")
    before = memory_after_imports(method)
    clock, cpu = time.perf_counter(), time.process_time()
    search = method.open(folder)
    opening = {"open_seconds": time.perf_counter() - clock, "open_cpu": time.process_time() - cpu}
    search(queries[:1])
    found = np.concatenate([search(queries[i : i + 100]) for i in range(0, len(queries), 100)])
    recall = float((found == right).mean())
    peak = memory("VmHWM") - before
    return {"recall1": recall, "peak_mb": peak, **opening, **beside_numpy(search, folder, queries)}


def memory_after_imports(method: Method) -> float:
    """Megabytes in use; the kernel forgets the peak before that."""
    for module in method.imports:
        importlib.import_module(module)
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


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


def shape_of(folder: Path) -> tuple[int, int]:
    rows, width = np.load(folder / "gallery.npy", mmap_mode="r").shape
    return rows, width


def put_ours(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The gallery, as `vicp gallery enroll` writes it, less the photo files and the model."""
    from benchmarks.gallery.made_up_gallery import make
    from vicp.gallery.gallery import Gallery

    uri, _ = make(folder / "ours", blocks(folder))
    clock = time.process_time()
    index = "; ".join(Gallery.open(uri, author="benchmark").index()) or "exact"
    return folder / "ours", {"index_seconds": time.process_time() - clock, "search": index}


def open_ours(folder: Path) -> Search:
    from benchmarks.gallery.made_up_gallery import open_search

    return open_search(str(folder / "ours"))


def put_faiss_flat(folder: Path) -> tuple[Path, dict[str, Any]]:
    import faiss

    return put_faiss(faiss.IndexFlatIP(shape_of(folder)[1]), folder, "exact")


def put_faiss_hnsw(folder: Path) -> tuple[Path, dict[str, Any]]:
    import faiss

    index = faiss.IndexHNSWFlat(shape_of(folder)[1], LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = CANDIDATES
    return put_faiss(index, folder, f"M {LINKS}, efConstruction {CANDIDATES}, efSearch {SEARCHED}")


def put_faiss(index: Any, folder: Path, how: str) -> tuple[Path, dict[str, Any]]:
    import faiss

    for _, block in blocks(folder):
        index.add(block)
    faiss.write_index(index, str(folder / "index.faiss"))
    return folder / "index.faiss", {"search": how}


def open_faiss(folder: Path) -> Search:
    import faiss

    index = faiss.read_index(str(folder / "index.faiss"))
    if hasattr(index, "hnsw"):
        index.hnsw.efSearch = SEARCHED
    return lambda query: index.search(query, 5)[1][:, 0]


def put_usearch(folder: Path) -> tuple[Path, dict[str, Any]]:
    from usearch.index import Index

    index = Index(ndim=shape_of(folder)[1], metric="ip", dtype="f32", connectivity=LINKS, expansion_add=CANDIDATES)
    for start, block in blocks(folder):
        index.add(np.arange(start, start + len(block)), block, threads=1)
    index.save(str(folder / "index.usearch"))
    how = f"connectivity {LINKS}, expansion {CANDIDATES} to add, {SEARCHED} to search"
    return folder / "index.usearch", {"search": how}


def open_usearch(folder: Path) -> Search:
    from usearch.index import Index

    index = Index.restore(str(folder / "index.usearch"))
    index.expansion_search = SEARCHED
    return lambda query: np.atleast_2d(index.search(query, 5, threads=1).keys)[:, 0]


def put_numpy(folder: Path) -> tuple[Path, dict[str, Any]]:
    """A .npy file."""
    path = folder / "plain.npy"
    out = np.lib.format.open_memmap(path, "w+", np.float32, shape_of(folder))
    for start, block in blocks(folder):
        out[start : start + len(block)] = block
    out.flush()
    return path, {"search": "exact"}


def open_numpy(folder: Path) -> Search:
    return product_search(np.load(folder / "plain.npy"))


def product_search(gallery: np.ndarray) -> Search:
    """One matrix product of all queries, and the best of every row."""

    def search(query: np.ndarray) -> np.ndarray:
        similarity = query @ gallery.T
        best = np.argpartition(-similarity, 5, axis=1)[:, :5]
        return best[np.arange(len(best)), np.take_along_axis(similarity, best, axis=1).argmax(axis=1)]

    return search


OURS = ("benchmarks.gallery.made_up_gallery", "vicp.gallery.gallery", "lancedb")
METHODS = {
    "ours": Method(put_ours, open_ours, OURS),
    "faiss flat": Method(put_faiss_flat, open_faiss, ("faiss",)),
    "faiss hnsw": Method(put_faiss_hnsw, open_faiss, ("faiss",)),
    "usearch": Method(put_usearch, open_usearch, ("usearch.index",)),
    "numpy": Method(put_numpy, open_numpy),
}


if __name__ == "__main__":
    main()
