"""The photos of an evaluation: read, every one of them tried, with the moments that they are of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vicp.data.moments import moment_codes
from vicp.data.photo_check import photo_facts, read_photos, without
from vicp.data.photos.content_order import Hashes, photo_hashes
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
        hashes: (n,) of their files, see `photo_hashes`; None where they have not been read yet.
    """

    table: PhotoTable
    name: str
    source: Path | None = None
    moments: Rows | None = None
    hashes: Hashes | None = None

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
        return cls(read_source(path, options), path.name, path)._read(skip_bad=options.skip_bad)

    def chosen(self, config: EvaluationConfig) -> "EvaluationPhotos":
        """Return the photos of the categories that are evaluated, each read once, here or before.

        Raises:
            ConfigError: A category that no photo shows, or that is unseen and not evaluated.
            DataError: Photos that cannot be used.
        """
        there: Sequence[str] = self.table.categories
        for key, names in (("categories", config.categories), ("unseen", config.unseen)):
            for name in names:
                if name not in there:
                    raise ConfigError(f"{key}: no category '{name}' is evaluated{nearest(name, there)}")
            there = config.categories or there
        chosen = self._of_categories(config.categories or self.table.categories)
        if chosen.moments is None and not config.keep_bursts:
            return chosen._read(skip_bad=False)
        return chosen if chosen.hashes is not None else replace(chosen, hashes=photo_hashes(chosen.table))

    def moments_apart(self, config: EvaluationConfig) -> Rows | None:
        """Return the moments (n,) whose photos do not find each other; None where those of a moment are like others."""
        return None if config.keep_bursts else self.moments

    def _of_categories(self, categories: Sequence[str]) -> "EvaluationPhotos":
        """Return the photos of these categories."""
        rows = self.table.frame["category"].isin(categories).to_numpy(dtype=bool)

        def of_rows(values: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if values is None else values[rows]

        return replace(self, table=self.table.select(rows), moments=of_rows(self.moments), hashes=of_rows(self.hashes))

    def _read(self, *, skip_bad: bool) -> "EvaluationPhotos":
        """Return the photos that can be decoded, every one of them tried, with their moments and hashes.

        Raises:
            DataError: Photos that cannot be used, all of them listed, unless `skip_bad`.
        """
        bad: list[BadPhoto] = []
        facts = [fact for _, fact in read_photos(self.table, photo_facts, bad=bad)]
        if bad and not skip_bad:
            raise DataError(bad_photos_message(bad))
        usable = without(self.table, bad)
        moments = moment_codes(usable, [fact.fingerprint for fact in facts])
        return replace(
            self, table=usable, moments=moments, hashes=np.array([fact.file_hash for fact in facts], np.uint64)
        )
