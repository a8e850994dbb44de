"""The same photos in other arrangements: files renamed, rows in another order, other formats of table."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos


def arrangements(folder: Path, out: Path, *, seeds: range) -> Iterator[PhotoTable]:
    """Yield the photos of a folder of folders, each time with other names, as folder, CSV, Parquet and nameless.

    Args:
        folder: Photos in a folder per individual.
        out: An empty folder to write into.
        seeds: One arrangement of each kind per seed.
    """
    frame = open_photos(folder).frame[["path", "identity"]]
    images = [(folder / path).read_bytes() for path in frame["path"]]
    for seed in seeds:
        rng = np.random.default_rng(seed)
        renamed = out / f"renamed-{seed}"
        paths = [
            f"{name}/{code}.jpg" for name, code in zip(frame["identity"], rng.permutation(len(frame)), strict=True)
        ]
        for path, image in zip(paths, images, strict=True):
            (renamed / path).parent.mkdir(parents=True, exist_ok=True)
            (renamed / path).write_bytes(image)
        yield open_photos(renamed)
        rows = frame.assign(path=paths, image=images).iloc[rng.permutation(len(frame))]
        rows.drop(columns="image").to_csv(renamed / "rows.csv", index=False)
        yield open_photos(renamed / "rows.csv")
        rows.to_parquet(out / f"rows-{seed}.parquet")
        yield open_photos(out / f"rows-{seed}.parquet")
        rows.drop(columns="path").to_parquet(out / f"nameless-{seed}.parquet")
        yield open_photos(out / f"nameless-{seed}.parquet")
