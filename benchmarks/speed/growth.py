"""How the cost of a task grows with its size: CPU seconds at a size, at twice and at four times that."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import vicp
from benchmarks.gallery.embeddings import MadeUp
from benchmarks.gallery.made_up_gallery import make, open_search

TIMES = (1, 2, 4)
PHOTOS_EACH = 5
PAIRS_PER_PHOTO, ROWS_PER_PHOTO, NUM_QUESTIONS = 0.125, 40, 100
Task = Callable[[Path, int], Callable[[], object]]


def measure_growth(model: str, photos: int, folder: Path) -> dict[str, Any]:
    """Of each task, its sizes, CPU seconds, and the exponent of a power law through them."""
    opened = vicp.load(model, engine="torch"), vicp.load(model)
    tasks: dict[str, tuple[str, float, Task]] = {
        "enroll": ("photos", 1, lambda place, size: _enrolling(opened[1], place, size)),
        "ask": ("photos in the gallery", ROWS_PER_PHOTO, _asking),
        "teach": ("pairs", PAIRS_PER_PHOTO, lambda place, size: _teaching(opened[0], place, size)),
        "evaluate": ("photos", 1, lambda place, size: _evaluating(opened[0], place, size)),
    }
    for place in (folder / "warm", *(folder / str(times) for times in TIMES)):
        write_photos(place, photos * (1 if place.name == "warm" else int(place.name)))
    found = {}
    for name, (unit, per_photo, task) in tasks.items():
        _cpu_seconds(task(folder / "warm", int(per_photo * photos)))  # what is done once in a process
        sizes = [int(per_photo * photos * times) for times in TIMES]
        seconds = [_cpu_seconds(task(folder / str(times), size)) for times, size in zip(TIMES, sizes, strict=True)]
        exponent = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
        found[name] = {"unit": unit, "sizes": sizes, "cpu": seconds, "per_doubling": 2**exponent}
    return found


def write_photos(folder: Path, count: int) -> None:
    """Small photos of individuals, each of colours of its own and noise."""
    rng = np.random.default_rng(0)
    for number in range(count):
        individual, shot = divmod(number, PHOTOS_EACH)
        if shot == 0:
            pattern = np.kron(rng.integers(0, 256, (4, 4, 3)), np.ones((24, 24, 1)))
        place = folder / "photos" / f"{individual:05d}" / f"{shot}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        noisy = pattern + rng.integers(-60, 60, pattern.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(place)


def _cpu_seconds(program: Callable[[], object]) -> float:
    clock = time.process_time()
    program()
    return time.process_time() - clock


def _enrolling(model: vicp.Model, place: Path, _: int) -> Callable[[], object]:
    """All photos into a new gallery."""
    gallery = vicp.Gallery.create(place / "herd", model, author="benchmark")
    return lambda: gallery.enroll(place / "photos", category="thing")


def _asking(place: Path, size: int) -> Callable[[], object]:
    """A hundred questions to a gallery of made-up embeddings, which is opened first."""
    rng = np.random.default_rng(0)
    _, photos = MadeUp().draw(size // PHOTOS_EACH, rng)
    blocks = (
        (start, photos(np.arange(start, min(start + 8192, size)) // PHOTOS_EACH)) for start in range(0, size, 8192)
    )
    uri, _ = make(place / "rows", blocks)
    queries = photos(rng.integers(0, size // PHOTOS_EACH, NUM_QUESTIONS))
    return lambda: open_search(uri)(queries)


def _teaching(model: vicp.Model, place: Path, size: int) -> Callable[[], object]:
    """A prompt from pairs of the photos, eight photos for each pair."""
    return lambda: model.teach(place / "photos", category="thing", pairs=size)


def _evaluating(model: vicp.Model, place: Path, _: int) -> Callable[[], object]:
    """The model without pairs, every photo looked up among the others."""
    return lambda: vicp.evaluate([model], place / "photos", pairs=8, support_draws=1, adapt=["null"], diagnose=False)
