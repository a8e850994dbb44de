"""Rule episodes beside episodes of labelled photos."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import losses, tiny_run

from vicp.config import RunConfig
from vicp.errors import ConfigError
from vicp.train.episodes.batch import Shard, collate
from vicp.train.episodes.mixture import MixedSource
from vicp.train.episodes.sources import make_training_data
from vicp.train.initialize import initialize_model
from vicp.train.loop import train

IDENTITIES, PHOTOS = 6, 6


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of two categories: each photo is a grey level that tells category, identity and photo."""
    for category in range(2):
        for identity in range(IDENTITIES):
            folder = tmp_path / "photos" / f"category {category}" / f"id {identity}"
            folder.mkdir(parents=True)
            for photo in range(PHOTOS):
                level = 100 * category + 10 * identity + photo
                Image.fromarray(np.full((32, 32, 3), level, dtype=np.uint8)).save(folder / f"{photo}.png")
    return tmp_path / "photos"


def mixed(out: Path, photos: Path, share: float = 0.5) -> RunConfig:
    config = tiny_run(out)
    own = {"labelled_photos": str(photos), "labelled_share": share, "photos": 4}
    return dataclasses.replace(config, episodes=dataclasses.replace(config.episodes, **own))


def mixture(config: RunConfig) -> MixedSource:
    source = make_training_data(config, initialize_model(config).backbone, num_pairs=4, shard=Shard()).train
    assert isinstance(source, MixedSource)
    return source


def test_episodes_of_both_kinds_come_with_their_own_photos(tmp_path: Path, photos: Path):
    config = mixed(tmp_path / "run", photos)
    source = mixture(config)
    episodes = [source.draw(config.episodes, 4, 0, "episode", number) for number in range(200)]
    kinds = Counter(episode.pool % 2 for episode in episodes)
    assert 75 < kinds[1] < 125
    for episode in [e for e in episodes if e.pool % 2][:10]:
        grey = source.pixels(episode.pool, episode.batch)[:, 0, 0, 0]
        category, identity = grey // 100, grey % 100 // 10
        assert (category == category[0]).all()
        agree = identity[:, None] == identity[None]
        assert torch.equal(agree, episode.identities[:, None] == episode.identities[None])
        assert (source.values(episode.pool, episode.batch) == -1).all()
    drawn = next(e for e in episodes if e.pool % 2 == 0)
    values = source.values(drawn.pool, drawn.batch)
    assert (values[:, :6] >= 0).all()
    assert torch.equal(drawn.rule.identities(values[:, :6]), drawn.identities)


@pytest.mark.parametrize(("share", "expected"), [(0.0, {0}), (1.0, {1})])
def test_a_share_of_nothing_and_of_everything(share: float, expected: set[int], tmp_path: Path, photos: Path):
    config = mixed(tmp_path / "run", photos, share)
    source = mixture(config)
    assert {source.draw(config.episodes, 4, 0, number).pool % 2 for number in range(20)} == expected


def test_a_batch_holds_both_kinds(tmp_path: Path, photos: Path):
    config = mixed(tmp_path / "run", photos)
    source = mixture(config)
    episodes = [source.draw(config.episodes, 4, 0, number) for number in range(12)]
    batch = collate(source, episodes, support=True, photo_tokens=True, photos=True)
    assert batch.values is not None
    assert batch.values.shape == (12, 4, 12)
    known = (batch.values >= 0).any(dim=-1).all(dim=-1)
    assert known.tolist() == [episode.pool % 2 == 0 for episode in episodes]


def test_a_mixed_run_trains_and_validates_on_drawn_objects(tmp_path: Path, photos: Path):
    folder = train(mixed(tmp_path / "run", photos))
    assert (folder / "model.safetensors").is_file()
    assert sorted(losses(tmp_path / "run")) == [1, 2, 3, 4, 5, 6]


def test_a_share_beyond_one_is_refused(tmp_path: Path, photos: Path):
    with pytest.raises(ConfigError, match=r"episodes\.labelled_share is 1\.5; expected at most 1"):
        train(mixed(tmp_path / "run", photos, 1.5))
