"""Training and validation episodes of a run, with cached tokens of the frozen backbone."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from vicp.config import RunConfig
from vicp.data.procedural.world import Split
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.data.sources import open_photos
from vicp.errors import ConfigError
from vicp.image_transform import ImageTransform
from vicp.model.backbone import Backbone
from vicp.model.loading.weights import fingerprint
from vicp.train.episodes.batch import Batch, EpisodeSource, Shard, collate
from vicp.train.episodes.feature_store import FeatureStore, row_bytes
from vicp.train.episodes.mixture import MixedSource
from vicp.train.episodes.photo_source import PhotoSource, photos_name, with_enough_photos
from vicp.train.episodes.rule_source import RuleSource, encode, make_rule_source
from vicp.train.episodes.split import split_photos

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingData:
    """The episodes of a run.

    Attributes:
        train: For training.
        held_out: For validation: categories, or identities, that training does not see.
        num_photos: Of `train`; what a rule episode may show has no end, and counts as 0.
        num_identities: Of `train`; 0 where every episode defines them anew.
        tables: The photos of `train` whose individuals exist outside the run; none of the procedural world.
    """

    train: EpisodeSource
    held_out: EpisodeSource
    num_photos: int
    num_identities: int
    tables: tuple[PhotoTable, ...]


def image_transform(config: RunConfig) -> ImageTransform:
    """Return how photos become the model's input.

    Raises:
        ConfigError: A mean or deviation that makes no sense.
    """
    try:
        return config.model.image_transform
    except ValueError as error:
        raise ConfigError(f"model.image_size, model.image_mean, model.image_std: {error}") from error


def make_training_data(config: RunConfig, backbone: Backbone, *, num_pairs: int | None, shard: Shard) -> TrainingData:
    """Open the photos of a run.

    Args:
        config: The run's.
        backbone: Frozen, on its device.
        num_pairs: The largest K that is drawn; None for methods without a context.
        shard: This process.

    Raises:
        ConfigError: Settings that the photos cannot meet.
        DataError: Photos that cannot be opened.
    """
    transform, episodes = image_transform(config), config.episodes
    if config.data.photos is None:
        seen, choice = episodes.num_silhouettes, episodes.validation_silhouettes
        encoder = None if num_pairs is None else backbone
        natural = episodes.natural_pools

        def world(split: Split, num: int, num_natural: int, num_cluttered: int = 0) -> RuleSource:
            return make_rule_source(
                encoder,
                episodes,
                split,
                num=num,
                num_natural=num_natural,
                num_cluttered=num_cluttered,
                transform=transform,
                seed=config.seed,
            )

        train: EpisodeSource = world("seen", seen, natural, episodes.cluttered_pools)
        tables: tuple[PhotoTable, ...] = ()
        if episodes.labelled_photos is not None:
            labelled = _labelled(config, backbone, num_pairs, shard=shard)
            train, tables = MixedSource(train, labelled, episodes.labelled_share), (labelled.table,)
        amid_clutter = 0 if episodes.cluttered_share is None else choice
        held_out = world("choice", choice, min(natural, choice), amid_clutter)
        return TrainingData(train, held_out, num_photos=0, num_identities=0, tables=tables)
    table, other = split_photos(config.data, size=transform.size, seed=config.seed)
    validation_pairs = None if num_pairs is None else episodes.validation_pairs
    return TrainingData(
        _photo_set(config, backbone, table, num_pairs, key="data.photos", shard=shard, flip=config.data.flip),
        _photo_set(config, backbone, other, validation_pairs, key="data.held_out", shard=shard, flip=False),
        num_photos=len(table),
        num_identities=len(set(table.identities)),
        tables=() if config.data.photos == "world" else (table,),
    )


def sample_step(
    source: EpisodeSource,
    config: RunConfig,
    step: int,
    num_pairs: int | None,
    *,
    contexts: int,
    photo_tokens: bool,
    photos: bool,
    shard: Shard,
) -> list[Batch]:
    """Return the `train.accumulate` batches of a step, C episodes each; they depend on seed and step alone."""
    batches = []
    for micro in range(config.train.accumulate):
        numbers = range(micro * contexts, (micro + 1) * contexts)
        drawn = [source.draw(config.episodes, num_pairs, config.seed, step, "episode", n) for n in numbers]
        support = num_pairs is not None
        batches.append(collate(source, drawn, support=support, photo_tokens=photo_tokens, photos=photos, shard=shard))
    return batches


def validation_task(
    training_data: TrainingData, config: RunConfig, *, support: bool, photo_tokens: bool
) -> list[Batch]:
    """Return held-out episodes, one a batch, that depend on the seed alone: the same at every validation."""
    settings, source = replace(config.episodes, same_shares=(0.5,)), training_data.held_out
    num_pairs = settings.validation_pairs if support else None
    episodes = [
        source.draw(settings, num_pairs, config.seed, "validation", number)
        for number in range(settings.validation_episodes)
    ]
    return [collate(source, [episode], support=support, photo_tokens=photo_tokens, photos=True) for episode in episodes]


def _labelled(config: RunConfig, backbone: Backbone, num_pairs: int | None, *, shard: Shard) -> PhotoSource:
    """Return the photos that mix with rule episodes."""
    assert config.episodes.labelled_photos is not None
    table, key = open_photos(config.episodes.labelled_photos), "episodes.labelled_photos"
    return _photo_set(config, backbone, table, num_pairs, key=key, shard=shard, flip=config.data.flip)


def _photo_set(
    config: RunConfig,
    backbone: Backbone,
    table: PhotoTable,
    num_pairs: int | None,
    *,
    key: str,
    shard: Shard,
    flip: bool,
) -> PhotoSource:
    transform = image_transform(config)

    def make_tokens(pixels: Tensor) -> Tensor:
        return encode(backbone, pixels, transform)

    store = None
    if config.data.keep_features and num_pairs is not None:
        weights = fingerprint(backbone)
        tokens, width = make_tokens(torch.zeros(1, 3, transform.size, transform.size, dtype=torch.uint8)).shape[1:]
        drawn = 2 * num_pairs * config.episodes.validation_episodes  # a validation draws the same every time
        num_rows = min(len(table), drawn) if key == "data.held_out" else (1 + flip) * len(table)
        store = FeatureStore(
            Path(config.out) / "features",
            name=photos_name(table, str(config.data.photos or key), weights, transform.fingerprint),
            num_rows=2 * len(table),
            shape=(tokens, width),
            writer=shard.rank,
            max_rows=_rows_to_keep(config, num_rows, row_bytes((tokens, width)), key=key, shard=shard),
        )
    return PhotoSource(
        table=table,
        categories=with_enough_photos(table, config.episodes, num_pairs, key=key),
        transform=transform,
        flip=flip,
        threads=config.data.threads,
        encode=make_tokens,
        store=store,
    )


def _rows_to_keep(config: RunConfig, num_rows: int, size: int, *, key: str, shard: Shard) -> int:
    """Return how many rows of `size` bytes this process keeps on disk; where they are not all, say so beforehand."""
    room = int(config.data.keep_features_gb * 1e9 / size)
    if room < num_rows and shard.rank == 0:
        logger.warning(
            "%s: the features of its support photos take up to %.3g GB; %g GB are kept in %s and the others are "
            "encoded at every step that draws them (data.keep_features_gb)",
            key,
            num_rows * size / 1e9,
            config.data.keep_features_gb,
            Path(config.out) / "features",
        )
    return room // shard.num


def pairs_of_step(config: RunConfig, step: int) -> int:
    """Return K of a step, drawn from `episodes.pairs`."""
    choices = config.episodes.pairs
    return choices[derive_seed(config.seed, "pairs", step) % len(choices)]
