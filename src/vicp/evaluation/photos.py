"""The photos of an evaluation: read, every one of them tried, with the moments that they are of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vicp.data.moments import moment_codes
from vicp.data.photo_check import read_photos, without
from vicp.data.photos.fingerprints import photo_fingerprint
from vicp.data.procedural.world import world_table
from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message, nearest
from vicp.data.sources import read_source
from vicp.data.sources.options import ReadOptions
from vicp.errors import ConfigError, DataError
from vicp.evaluation.config import EvaluationConfig
from vicp.evaluation.task import Rows

WORLD_CATEGORIES = 6
WORLD_NAME = "the procedural world"


@dataclass(frozen=True, eq=False)
class EvaluationPhotos:
    """Photos to evaluate on, all of which can be decoded.

    Attributes:
        table: The photos (n).
        name: Of them, for the report.
        source: Their folder, for the lists of pairs in it; None for photos from elsewhere.
        moments: (n,) the moment of each; None where nobody has found them yet.
    """

    table: PhotoTable
    name: str
    source: Path | None = None
    moments: Rows | None = None

    @classmethod
    def open(cls, photos: str | Path | PhotoTable | None, options: ReadOptions, *, seed: int) -> "EvaluationPhotos":
        """Return the photos of a folder or table, of a table in memory or, for None, of the procedural world.

        Raises:
            ConfigError: Columns, folders or boxes for photos that are read already or drawn.
            DataError: Photos that cannot be used.
        """
        if not isinstance(photos, str | Path) and (options.columns or options.folders or options.boxes):
            raise ConfigError("columns, folders and boxes say how to read a table or folder: give its path as photos")
        if photos is None:
            table = world_table(num_categories=WORLD_CATEGORIES, seed=seed)
            return cls(table, WORLD_NAME, moments=np.arange(len(table)))  # each drawn photo is another moment
        if isinstance(photos, PhotoTable):
            return cls(photos, "photos in memory")
        path = Path(photos)
        table, moments = usable_photos(read_source(path, options), skip_bad=options.skip_bad)
        return cls(table, path.name, path, moments)

    def chosen(self, config: EvaluationConfig) -> "EvaluationPhotos":
        """Return the photos of the categories that are evaluated.

        Raises:
            ConfigError: A category that no photo shows, or that is unseen and not evaluated.
        """
        there: Sequence[str] = self.table.categories
        for key, names in (("categories", config.categories), ("unseen", config.unseen)):
            for name in names:
                if name not in there:
                    raise ConfigError(f"{key}: no category '{name}' is evaluated{nearest(name, there)}")
            there = config.categories or there
        if not config.categories:
            return self
        rows = self.table.frame["category"].isin(config.categories).to_numpy(dtype=bool)
        moments = None if self.moments is None else self.moments[rows]
        return replace(self, table=self.table.select(rows), moments=moments)

    def moments_apart(self, config: EvaluationConfig) -> Rows | None:
        """Return the moments (n,) whose photos do not find each other; None where those of a moment are like others.

        Raises:
            DataError: Photos that cannot be used.
        """
        if config.keep_bursts:
            return None
        return usable_photos(self.table, skip_bad=False)[1] if self.moments is None else self.moments


def usable_photos(table: PhotoTable, *, skip_bad: bool) -> tuple[PhotoTable, Rows]:
    """Return the photos that can be decoded, every one of them tried, and their moments (n,).

    Raises:
        DataError: Photos that cannot be used, all of them listed, unless `skip_bad`.
    """
    bad: list[BadPhoto] = []
    fingerprints = [fingerprint for _, fingerprint in read_photos(table, photo_fingerprint, bad=bad)]
    if bad and not skip_bad:
        raise DataError(bad_photos_message(bad))
    usable = without(table, bad)
    return usable, moment_codes(usable, fingerprints)
