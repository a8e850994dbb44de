"""Photos as a ground for training: which are trained on, mirror images, and their tokens."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from vicp.config import DataConfig, EpisodeConfig, RunConfig
from vicp.errors import ConfigError
from vicp.model.build import PRESETS, vision_backbone
from vicp.train.episodes.batch import Shard, collate, take_rows
from vicp.train.episodes.photo_source import PhotoSource
from vicp.train.episodes.sources import make_training_data
from vicp.train.episodes.split import split_photos

WORLD = DataConfig(photos="world", world_categories=5, world_identities=8, world_photos=3)
SIZES = EpisodeConfig(identities=2, photos=4, query_pairs=4, validation_pairs=2)


def source(out: Path, **data: object) -> PhotoSource:
    config = RunConfig(model=PRESETS["tiny"], data=dataclasses.replace(WORLD, **data), episodes=SIZES, out=str(out))
    made = make_training_data(config, vision_backbone(config.model), num_pairs=4, shard=Shard()).train
    assert isinstance(made, PhotoSource)
    return made


def test_a_fifth_of_the_categories_is_held_out() -> None:
    train, held_out = split_photos(WORLD, size=32, seed=0)
    assert (len(train.categories), len(held_out.categories)) == (4, 1)
    assert not set(train.categories) & set(held_out.categories)
    other = split_photos(WORLD, size=32, seed=1)[1]
    assert {held_out.categories, other.categories} != {held_out.categories} or held_out.categories == other.categories


def test_supervised_divides_identities() -> None:
    data = dataclasses.replace(WORLD, validate_on="identities")
    train, held_out = split_photos(data, size=32, seed=0)
    assert train.categories == held_out.categories
    assert not set(train.identities) & set(held_out.identities)
    assert len(train) + len(held_out) == 5 * 8 * 3
    assert len(set(train.identities)) == len(set(held_out.identities)) == 20
    few = split_photos(dataclasses.replace(data, validation_share=0.25), size=32, seed=0)[1]
    assert len(set(few.identities)) == 10


def test_splits_and_folds_of_a_table(tmp_path: Path) -> None:
    rows = [
        {
            "path": f"{c}/{i}/{n}.png",
            "category": c,
            "identity": str(i),
            "split": "train" if i < 4 else "test",
            "fold": k,
        }
        for k, c in enumerate("abc")
        for i in range(5)
        for n in range(2)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "photos.csv", index=False)
    data = DataConfig(photos=str(tmp_path / "photos.csv"), fold=1)
    train, held_out = split_photos(data, size=32, seed=0)
    assert (train.categories, held_out.categories) == (("a", "c"), ("a", "c")), "fold 1 is for the final test"
    assert (set(train.frame["split"]), set(held_out.frame["split"])) == ({"train"}, {"test"})
    train, held_out = split_photos(dataclasses.replace(data, held_out=("c",)), size=32, seed=0)
    assert (train.categories, held_out.categories) == (("a",), ("c",))
    assert (len(held_out), set(held_out.frame["split"])) == (8, {"train"}), "the test chooses no checkpoint"
    same, others = split_photos(dataclasses.replace(data, validate_on="identities"), size=32, seed=0)
    assert same.categories == others.categories == ("a", "c"), "fold 1 stays out of that too"
    with pytest.raises(ConfigError, match=r"data\.fold: no photo is in fold 7 \(there are: 0, 1, 2\)"):
        split_photos(dataclasses.replace(data, fold=7), size=32, seed=0)
    with pytest.raises(ConfigError, match=r"data\.split: no photo is in split 'trian', did you mean 'train'"):
        split_photos(dataclasses.replace(data, split="trian"), size=32, seed=0)


def test_odd_rows_are_mirror_images(tmp_path: Path) -> None:
    photos = source(tmp_path)
    plain, mirrored = photos.pixels(0, torch.tensor([6, 7]))
    assert torch.equal(plain.flip(-1), mirrored)
    assert not torch.equal(plain, mirrored)
    rows = torch.cat([photos.draw(SIZES, 4, 0, step).batch for step in range(10)])
    assert 0.2 < (rows % 2).float().mean() < 0.8
    assert all((source(tmp_path, flip=False).draw(SIZES, 4, 0, step).batch % 2 == 0).all() for step in range(3))


def test_kept_tokens_are_what_the_backbone_says(tmp_path: Path) -> None:
    kept, plain = source(tmp_path), source(tmp_path, keep_features=False)
    rows = torch.tensor([2, 3, 9, 2])
    first = kept.tokens(0, rows)
    assert torch.equal(first, plain.tokens(0, torch.tensor([2, 3, 9]))[[0, 1, 2, 0]])
    assert torch.equal(kept.tokens(0, rows), first)
    assert kept.store is not None
    assert len(kept.store) == 3
    assert kept.tokens(0, rows[:0]).shape == (0, *first.shape[1:])


def test_features_that_take_too_much_disk_are_announced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plain = source(tmp_path / "plain", keep_features=False)
    few = source(tmp_path / "few", keep_features_gb=4e-5)  # a row takes (1 + 16) tokens of 32 halves: 1,088 bytes
    assert "the features of its support photos take up to 0.000209 GB; 4e-05 GB are kept in" in caplog.text
    assert "data.held_out" not in caplog.text
    assert torch.equal(few.tokens(0, torch.arange(40)), plain.tokens(0, torch.arange(40)))
    assert few.store is not None
    assert len(few.store) == 36


def test_photos_of_the_same_names_elsewhere_have_tokens_of_their_own(tmp_path: Path) -> None:
    stores = []
    for name, colour in (("whole", "red"), ("cropped", "blue")):
        for path in (f"{c}/{i}/{n}.png" for c in "ab" for i in range(4) for n in range(2)):
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 32), colour).save(tmp_path / name / path)
        photos = source(tmp_path / "run", photos=str(tmp_path / name), world_categories=1)
        stores.append(photos.tokens(0, torch.tensor([0])))
    assert not torch.equal(*stores)


def test_shards_are_the_batch(tmp_path: Path) -> None:
    photos = source(tmp_path)
    episodes = [photos.draw(SIZES, 4, 0, n) for n in range(2)]
    whole = collate(photos, episodes, support=True, photo_tokens=True, photos=True)
    parts = [collate(photos, episodes, support=True, photo_tokens=True, photos=True, shard=Shard(r, 2)) for r in (0, 1)]
    assert torch.equal(torch.cat([p.photos for p in parts], dim=1), whole.photos)
    assert all(torch.equal(p.identities, whole.identities) and torch.equal(p.support, whole.support) for p in parts)
    names = np.array(photos.table.identities)
    taught = {names[int(row) // 2] for e in episodes[:1] for row in [*e.support.left, *e.support.right]}
    assert not taught & {names[int(row) // 2] for row in episodes[0].batch}


def test_rows_are_taken_per_context() -> None:
    values = torch.arange(6).view(2, 3)
    assert take_rows(values, torch.tensor([[2, 0], [1, 1]])).tolist() == [[2, 0], [4, 4]]
