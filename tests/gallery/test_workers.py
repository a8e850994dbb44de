"""Embedding on a cluster: a local Ray of two workers, one of which is killed on the way."""

import os
import signal
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from tests.gallery.conftest import write_photos

from vicp.adapt.embedder import Embedder
from vicp.data.sources import open_photos
from vicp.gallery.contents import embedded_photos
from vicp.gallery.enrollment.workers import find_workers
from vicp.gallery.gallery import Gallery

ray = pytest.importorskip("ray")


def workers() -> list[int]:
    """The processes of Ray that hold a model."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                name = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if (b"ray::" in name and b"MapBatches" in name) or name.startswith((b"ray::MapWorker", b"ray::_MapWorker")):
                found.append(int(folder.name))
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_workers_one_killed_and_the_same_result(embedder: Embedder, tmp_path: Path) -> None:
    table = open_photos(write_photos(tmp_path / "shoes", shots=40), category="shoe")
    small = Embedder(**{**embedder.__dict__, "batch_size": 4})
    local, on_ray = (Gallery.create(tmp_path / name, small) for name in ("local", "ray"))
    local.enroll(table)

    killed: list[int] = []

    def kill_one() -> None:
        deadline = time.monotonic() + 120
        while not killed and time.monotonic() < deadline:
            for process in workers()[:1]:
                os.kill(process, signal.SIGKILL)
                killed.append(process)
            time.sleep(0.05)

    killer = threading.Thread(target=kill_one, daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
        try:
            killer.start()
            done = on_ray.enroll(table, embed=find_workers(on_ray=True, workers=2))
            killer.join()
        finally:
            ray.shutdown()
    assert len(killed) == 1
    assert done.added == len(table) == 160
    found = []
    for gallery in (local, on_ray):
        one = embedded_photos(gallery.snapshot, gallery.categories()["shoe"])
        found.append((list(one.frame["key"]), one.embeddings))
    assert found[0][0] == found[1][0]
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-6)
