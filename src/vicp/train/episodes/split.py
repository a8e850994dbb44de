"""Which photos are trained on, and which are kept for validation."""

import logging

import numpy as np
import pandas as pd

from vicp.config import DataConfig
from vicp.data.photo_check import check_photos, without
from vicp.data.procedural.world import world_photos
from vicp.data.records import PhotoTable, list_rows, nearest
from vicp.data.seeds import derive_seed
from vicp.data.sources import open_photos
from vicp.data.support.support import split_identities
from vicp.errors import ConfigError

logger = logging.getLogger(__name__)


def split_photos(data: DataConfig, *, size: int, seed: int) -> tuple[PhotoTable, PhotoTable]:
    """Return the photos to train on and the photos to validate on: other categories, or other identities of the same.

    Raises:
        ConfigError: A category that is not there, or nothing left to train on.
        DataError: Photos that cannot be opened.
    """
    table = _world(data, size, seed) if data.photos == "world" else _opened(data)
    if data.categories:
        table = _of_categories(table, data.categories, "data.categories")
    if data.fold is not None:
        table = _without_fold(table, data.fold)
    if data.validate_on == "identities":
        return _by_identity(table, data, seed)
    if data.fold is not None:
        other = _other_splits(table, data.split)
        if len(other) and not data.held_out:
            return _of_split(table, data.split), other
    held_out = _held_out(table, data, seed)
    seen = table.frame["category"].isin(held_out).to_numpy(dtype=bool)
    if seen.all():
        raise ConfigError(
            f"data.held_out: no category is left to train on, all are for validation ({', '.join(held_out)}); name "
            "fewer, give more, or validate on other identities of the same ones with data.validate_on=identities"
        )
    return _of_split(table.select(~seen), data.split), _not_test(table.select(seen), data.split)


def _opened(data: DataConfig) -> PhotoTable:
    table = open_photos(str(data.photos), skip_bad=data.skip_bad)
    if not data.skip_bad:
        return table
    table = without(table, check_photos(table, threads=data.threads))
    if table.skipped:
        logger.warning("%d photos cannot be used and are left out: %s", len(table.skipped), list_rows(table.skipped))
    return table


def _world(data: DataConfig, size: int, seed: int) -> PhotoTable:
    try:
        frame = world_photos(
            num_categories=data.world_categories,
            num_identities=data.world_identities,
            photos_per_identity=data.world_photos,
            size=size,
            seed=derive_seed(seed, "world table"),
            split="seen",
        )
    except ValueError as error:
        raise ConfigError(f"data.world_identities: {error}") from error
    return PhotoTable(frame.assign(row=range(1, len(frame) + 1)), None)


def _of_categories(table: PhotoTable, names: tuple[str, ...], key: str) -> PhotoTable:
    for name in names:
        if name not in table.categories:
            raise ConfigError(f"{key}: no category {name!r}{nearest(name, table.categories)}")
    return table.select(table.frame["category"].isin(names).to_numpy(dtype=bool))


def _of_split(table: PhotoTable, split: str) -> PhotoTable:
    """Return the rows of a split, where the photos have splits."""
    if "split" not in table.frame or (table.frame["split"] == "").all():
        return table
    rows = (table.frame["split"] == split).to_numpy(dtype=bool)
    if not rows.any():
        there = sorted(set(table.frame["split"]) - {""})
        raise ConfigError(f"data.split: no photo is in split {split!r}{nearest(split, there)}")
    return table.select(rows)


def _without_fold(table: PhotoTable, fold: int) -> PhotoTable:
    """Return the categories of the other folds: this one is for the final test, and chooses nothing."""
    if "fold" not in table.frame:
        raise ConfigError("data.fold: these photos have no column fold; `vicp data split --folds 5` makes it")
    rows = (table.frame["fold"] == str(fold)).to_numpy(dtype=bool)
    if not rows.any():
        there = ", ".join(sorted(set(table.frame["fold"])))
        raise ConfigError(f"data.fold: no photo is in fold {fold} (there are: {there})")
    return table.select(~rows)


def _other_splits(table: PhotoTable, split: str) -> PhotoTable:
    """Return the rows of `val`, or where there are none, of any split but the one that is trained on."""
    splits = table.frame["split"] if "split" in table.frame else pd.Series([""] * len(table))
    val = (splits == "val").to_numpy(dtype=bool)
    return table.select(val if val.any() else (~splits.isin(["", split])).to_numpy(dtype=bool))


def _not_test(table: PhotoTable, split: str) -> PhotoTable:
    """Return the rows of `val` and of the split that is trained on: on the others a checkpoint is tested, not chosen.

    Photos without splits are all returned.

    Raises:
        ConfigError: All photos are of other splits.
    """
    splits = table.frame["split"] if "split" in table.frame else pd.Series([""] * len(table))
    if (splits == "").all():
        return table
    rows = splits.isin(["val", split]).to_numpy(dtype=bool)
    if not rows.any():
        raise ConfigError(
            f"data.held_out: {', '.join(table.categories)} has photos of the splits {', '.join(sorted(set(splits)))} "
            f"alone, and validation is on val and {split}: hold out other categories"
        )
    return table.select(rows)


def _held_out(table: PhotoTable, data: DataConfig, seed: int) -> tuple[str, ...]:
    """Return names of the categories for validation."""
    if data.held_out:
        return _of_categories(table, data.held_out, "data.held_out").categories
    names = np.random.default_rng(derive_seed(seed, "held out")).permutation(table.categories)
    return tuple(str(name) for name in names[: max(1, len(names) // 5)])


def _by_identity(table: PhotoTable, data: DataConfig, seed: int) -> tuple[PhotoTable, PhotoTable]:
    """Return photos to train on, and those of other identities of the same categories."""
    if "split" in table.frame and (table.frame["split"] == "val").any():
        return _of_split(table, data.split), _of_split(table, "val")
    table = _of_split(table, data.split)
    kept, other = [], []
    for category in table.categories:
        rows = np.flatnonzero((table.frame["category"] == category).to_numpy())
        names = table.select(rows).identities
        train, rest = split_identities(
            names, share_support=1 - data.validation_share, seed=derive_seed(seed, "identities", category)
        )
        kept.append(rows[train])
        other.append(rows[rest])
    return table.select(np.concatenate(kept)), table.select(np.concatenate(other))
