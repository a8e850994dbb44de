"""One way to compute mAP, timed in a process of its own; `run.py` starts this file once per method.

    python -m benchmarks.evaluation_speed.map_methods METHOD FOLDER [--repeats 3]

Prints seconds, peak memory over the features, and mAP as JSON. FOLDER holds gallery.npy and gallery_ids.npy, and
query.npy and query_ids.npy; without the latter two each gallery row is ranked against all the others. Needs Linux, for
the peak. Peers are imported where they are used: this file also runs in the environment of open-metric-learning, which
has no vicp.
"""

import argparse
import importlib.metadata
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

QUERY_ROWS, GALLERY_ROWS = 512, 4096  # the blocks of the bare products, as large as ours


@dataclass(frozen=True)
class Sides:
    """Normalised float32 embeddings (Q, D) and (G, D) with identities; leave-one-out when the query IS the gallery."""

    query: np.ndarray
    gallery: np.ndarray
    query_ids: np.ndarray
    gallery_ids: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", choices=list(METHODS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.method, load_sides(arguments.folder), arguments.repeats)))


def load_sides(folder: Path) -> Sides:
    gallery, gallery_ids = np.load(folder / "gallery.npy"), np.load(folder / "gallery_ids.npy")
    if not (folder / "query.npy").exists():
        return Sides(gallery, gallery, gallery_ids, gallery_ids)
    return Sides(np.load(folder / "query.npy"), gallery, np.load(folder / "query_ids.npy"), gallery_ids)


def tiny(sides: Sides) -> Sides:
    """A slice to warm up on: 64 queries and what has their identities."""
    few = np.isin(sides.gallery_ids, sides.query_ids[:64])
    gallery, gallery_ids = sides.gallery[few], sides.gallery_ids[few]
    if sides.query is sides.gallery:
        return Sides(gallery, gallery, gallery_ids, gallery_ids)
    return Sides(sides.query[:64], gallery, sides.query_ids[:64], gallery_ids)


def measure(method: str, sides: Sides, repeats: int) -> dict[str, Any]:
    """The best time of `repeats`, and the most memory over what features, imports and a warm-up take."""
    package, run = METHODS[method]
    run(tiny(sides))
    Path("/proc/self/clear_refs").write_text("5")  # the kernel forgets the peak: from here it is what we take now
    before, seconds, found = peak_mb(), [], None
    for _ in range(repeats):
        clock = time.perf_counter()
        found = run(sides)
        seconds.append(time.perf_counter() - clock)
    peak = peak_mb() - before
    return {
        "seconds": min(seconds),
        "peak_mb": peak,
        "map": found,
        "version": importlib.metadata.version(package),
        "numpy": np.__version__,
    }


def peak_mb() -> float:
    """The most resident memory of this process; `ru_maxrss` would begin with that of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def ours(sides: Sides) -> float:
    import torch

    from vicp.metrics import retrieval

    gallery = torch.from_numpy(sides.gallery)
    alone = sides.query is sides.gallery
    query = gallery if alone else torch.from_numpy(sides.query)
    return retrieval(query, gallery, sides.query_ids, sides.gallery_ids, leave_one_out=alone).map


def numpy_sort(sides: Sides) -> float:
    """What most research code does: all similarities, all sorted."""
    similarity = sides.query @ sides.gallery.T  # (Q, G)
    order = np.argsort(-similarity, axis=1)
    matches = sides.gallery_ids[order] == sides.query_ids[:, None]
    precision = np.cumsum(matches, axis=1) / np.arange(1, matches.shape[1] + 1)
    return float(np.mean((precision * matches).sum(axis=1) / matches.sum(axis=1)))


def numpy_matmul(sides: Sides) -> None:
    """The similarities alone, block by block into one buffer: nobody who needs them all is faster."""
    buffer = np.empty(QUERY_ROWS * GALLERY_ROWS, np.float32)
    for query, block in blocks(sides):
        np.matmul(query, block.T, out=buffer[: len(query) * len(block)].reshape(len(query), len(block)))


def torch_matmul(sides: Sides) -> None:
    import torch

    buffer = torch.empty(QUERY_ROWS * GALLERY_ROWS)
    for query, block in blocks(sides):
        product = buffer[: len(query) * len(block)].view(len(query), len(block))
        torch.mm(torch.from_numpy(query), torch.from_numpy(block).T, out=product)


def blocks(sides: Sides) -> list[tuple[np.ndarray, np.ndarray]]:
    """Every block of queries with every block of the gallery; views, not copies."""
    return [
        (sides.query[q : q + QUERY_ROWS], sides.gallery[g : g + GALLERY_ROWS])
        for q in range(0, len(sides.query), QUERY_ROWS)
        for g in range(0, len(sides.gallery), GALLERY_ROWS)
    ]


def open_metric_learning(sides: Sides) -> float:
    """Its functional search and metric; map@k with k = the whole gallery is mAP."""
    import torch
    from oml.functional.knn import batched_knn_qg
    from oml.functional.metrics import calc_retrieval_metrics

    size = len(sides.gallery)
    _, retrieved, relevant = batched_knn_qg(
        torch.from_numpy(sides.query),
        torch.from_numpy(sides.gallery),
        top_n=size,
        labels_query=torch.from_numpy(sides.query_ids),
        labels_gallery=torch.from_numpy(sides.gallery_ids),
    )
    found = calc_retrieval_metrics(
        retrieved, relevant, cmc_top_k=(), precision_top_k=(), map_top_k=(size,), verbose=False
    )
    return float(found["map"][size])


def pytorch_metric_learning(sides: Sides) -> float:
    """Its defaults: faiss searches; with k=None "mean_average_precision" looks at the whole gallery."""
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    calculator = AccuracyCalculator(include=("mean_average_precision",), k=None, device=torch.device("cpu"))
    return calculator.get_accuracy(sides.query, sides.query_ids, sides.gallery, sides.gallery_ids)[
        "mean_average_precision"
    ]


def torchmetrics(sides: Sides) -> float:
    """Its functional AP, query by query: less memory and time than `RetrievalMAP`, which keeps and sorts all pairs."""
    import torch
    from torchmetrics.functional.retrieval import retrieval_average_precision

    gallery, gallery_ids = torch.from_numpy(sides.gallery), torch.from_numpy(sides.gallery_ids)
    found = []
    for start in range(0, len(sides.query), QUERY_ROWS):
        similarity = torch.from_numpy(sides.query[start : start + QUERY_ROWS]) @ gallery.T
        scores = similarity.add_(1).div_(2)  # it takes a positive that scores 0 or less for not found
        for row, identity in zip(scores, sides.query_ids[start : start + QUERY_ROWS].tolist(), strict=True):
            found.append(float(retrieval_average_precision(row, gallery_ids == identity)))
    return float(np.mean(found))


# Name: the package whose version counts, and the function.
METHODS: dict[str, tuple[str, Callable[[Sides], float | None]]] = {
    "ours": ("vicp", ours),
    "numpy": ("numpy", numpy_sort),
    "numpy.matmul": ("numpy", numpy_matmul),
    "torch.mm": ("torch", torch_matmul),
    "open-metric-learning": ("open-metric-learning", open_metric_learning),
    "pytorch-metric-learning": ("pytorch-metric-learning", pytorch_metric_learning),
    "torchmetrics": ("torchmetrics", torchmetrics),
}


if __name__ == "__main__":
    main()
