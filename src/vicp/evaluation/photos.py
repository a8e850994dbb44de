"""The photos of an evaluation: each read once, with its moment, and whether a checkpoint was trained on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.checkpoints import training_identities
from vicp.data.moments import moment_codes
from vicp.data.photo_check import Hashes, photo_facts, photo_hashes, read_photos, without
from vicp.data.procedural.world import world_table
from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message, nearest
from vicp.data.sources import read_source
from vicp.data.sources.options import ReadOptions
from vicp.data.training_identities import TrainingIdentities
from vicp.errors import ConfigError, DataError
from vicp.evaluation.config import EvaluationConfig
from vicp.evaluation.methods import FROZEN, Method, find_method
from vicp.evaluation.task import Rows

WORLD_CATEGORIES = 6
WORLD_NAME = "the procedural world"
IN_MEMORY = "photos in memory"

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class EvaluationPhotos:
    """n photos to evaluate on, every file of which has been read.

    Attributes:
        table: The photos.
        moments: (n,) the moment of each, see `data.moments`.
        hashes: (n,) of their files, see `photo_hashes`.
        name: Of the photos, for the report.
        source: Their folder, for the lists of pairs in it; None for photos from elsewhere.
    """

    table: PhotoTable
    moments: Rows
    hashes: Hashes
    name: str = IN_MEMORY
    source: Path | None = None

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
            return cls.of_world(WORLD_CATEGORIES, seed)
        if isinstance(photos, PhotoTable):
            return cls.decoded(photos, skip_bad=options.skip_bad)
        path = Path(photos)
        return cls.decoded(read_source(path, options), path.name, path, skip_bad=options.skip_bad)

    @classmethod
    def decoded(
        cls, table: PhotoTable, name: str = IN_MEMORY, source: Path | None = None, *, skip_bad: bool = False
    ) -> "EvaluationPhotos":
        """Return the photos that can be decoded, every one of them tried, with their moments.

        Raises:
            DataError: Photos that cannot be used, all of them listed, unless `skip_bad`.
        """
        bad: list[BadPhoto] = []
        facts = [fact for _, fact in read_photos(table, photo_facts, bad=bad)]
        if bad and not skip_bad:
            raise DataError(bad_photos_message(bad))
        usable = without(table, bad)
        moments = moment_codes(usable, [fact.fingerprint for fact in facts])
        return cls(usable, moments, np.array([fact.file_hash for fact in facts], np.uint64), name, source)

    @classmethod
    def apart(cls, table: PhotoTable, name: str = IN_MEMORY, source: Path | None = None) -> "EvaluationPhotos":
        """Return the photos of a table, each as a moment of its own; they are not decoded."""
        return cls(table, np.arange(len(table)), photo_hashes(table), name, source)

    @classmethod
    def of_world(cls, num_categories: int, seed: int) -> "EvaluationPhotos":
        """Return photos of the procedural world, each of which is drawn anew and so is a moment of its own."""
        return cls.apart(world_table(num_categories=num_categories, seed=seed), WORLD_NAME)

    def chosen(self, config: EvaluationConfig) -> "EvaluationPhotos":
        """Return the photos of the categories that are evaluated; where bursts count, each as a moment of its own.

        Raises:
            ConfigError: A category that no photo shows, or that is unseen and not evaluated.
        """
        there: Sequence[str] = self.table.categories
        for key, names in (("categories", config.categories), ("unseen", config.unseen)):
            for name in names:
                if name not in there:
                    raise ConfigError(f"{key}: no category '{name}' is evaluated{nearest(name, there)}")
            there = config.categories or there
        rows = self.table.frame["category"].isin(there).to_numpy(dtype=bool)
        table = self.table.select(rows)
        moments = np.arange(len(table)) if config.keep_bursts else self.moments[rows]
        return replace(self, table=table, moments=moments, hashes=self.hashes[rows])

    def trained_on(self, methods: Sequence[Method]) -> Mask:
        """Return which photos (n,) are of individuals that any of the methods was trained on.

        A method with a checkpoint per fold or category counts in each by the checkpoint of that one.

        Raises:
            ConfigError: A checkpoint is missing.
            WeightsError: What a checkpoint says of its training is damaged.
        """
        trained = np.zeros(len(self.table), dtype=bool)
        for method in methods:
            for rows, known in self._known_by(method):
                trained |= rows & known.rows_in(self.table, self.hashes)
        return trained

    def _known_by(self, method: Method) -> Iterator[tuple[Mask, TrainingIdentities]]:
        """Yield photos (n,) and the individuals that the checkpoint which embeds them was trained on."""
        frame = self.table.frame
        column = next((name for name in ("fold", "category") if f"{{{name}}}" in method.name), None)
        if column is None:
            known = _known_to(method)
            if known is not None:
                yield np.ones(len(frame), dtype=bool), known
            return
        values = np.array(frame[column] if column in frame else [""] * len(frame), dtype=str)
        for value in np.unique(values[values != ""]).tolist():
            known = _known_to(method, **{column: value})
            if known is not None:
                yield values == value, known


def _known_to(method: Method, *, fold: str = "", category: str = "") -> TrainingIdentities | None:
    """Return the individuals that a checkpoint was trained on; of the frozen backbone of a VICP model, none."""
    if method.embedder is not None:
        return training_identities(method.embedder.source) if method.embedder.source else None
    checkpoint = find_method(method, fold=fold, category=category)
    if method.name.startswith(FROZEN) and checkpoint.has_model:
        return None
    return training_identities(checkpoint.source)
