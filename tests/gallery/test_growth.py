"""A gallery grows by as much for later photos as for the first: no step writes anew what is there."""

from pathlib import Path

import numpy as np
from tests.conftest import write_photo

from vicp.adapt.embedder import Embedder
from vicp.gallery.gallery import Gallery
from vicp.runtime.photo_encoder import PhotoEncoder


def size_of(folder: Path) -> np.ndarray:
    """Files and bytes."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return np.array([len(sizes), sum(sizes)])


def test_files_and_bytes_of_a_call_do_not_grow(embedder: Embedder, tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "herd", PhotoEncoder(embedder, batch_size=2), author="ann")
    grown, before = [], size_of(tmp_path / "herd")
    for call in range(4):
        for shot in range(16):
            path = tmp_path / str(call) / f"{call}-{shot % 4}" / f"{shot}.jpg"
            write_photo(path, (60 * call, 15 * shot, 250 - 15 * shot), seed=100 * call + shot)
        assert gallery.enroll(tmp_path / str(call), category="shoe").added == 16
        now = size_of(tmp_path / "herd")
        grown.append(now - before)
        before = now
    files, size = np.array(grown[1:]).T  # the first call makes the tables
    assert (files == files[0]).all()
    assert files[0] <= 20, "a batch of two photos is no step of its own"
    assert size.max() <= 1.1 * size.min()
