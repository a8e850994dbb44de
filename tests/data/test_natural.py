"""Natural photos dressed for rule episodes."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor

from vicp.data.episodes.natural import NATURAL_FACTORS, composite, composite_pool, natural_rules, read_photo_column
from vicp.data.procedural.world import all_rules, encode_png
from vicp.errors import DataError
from vicp.image_transform import ImageTransform


@pytest.fixture(scope="module")
def photos() -> Tensor:
    """Forty smooth random photos (40, 3, 48, 48)."""
    noise = torch.rand(40, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return (torch.nn.functional.interpolate(noise, size=48, mode="bilinear") * 255).to(torch.uint8)


def pictures(photos: Tensor, values: Tensor, seed: int = 0) -> Tensor:
    return composite(photos[:8], photos[8:16], values, generator=torch.Generator().manual_seed(seed)).float()


@pytest.mark.parametrize("factor", range(6), ids=NATURAL_FACTORS)
def test_every_factor_shows(photos: Tensor, factor: int) -> None:
    """The same scene twice, but for one factor: the pictures differ, and by more than noise."""
    values = torch.zeros(4, 6, dtype=torch.int64)
    changed = values.clone()
    changed[:, factor] = 3
    difference = (pictures(photos, values) - pictures(photos, changed)).abs().mean()
    assert difference > 0.8
    assert torch.equal(pictures(photos, values), pictures(photos, values))


def test_nuisances_are_drawn_for_each_picture(photos: Tensor) -> None:
    same = pictures(photos, torch.zeros(3, 6, dtype=torch.int64))
    assert (same[0] - same[1]).abs().mean() > 3
    assert (pictures(photos, torch.zeros(3, 6, dtype=torch.int64), seed=1) - same).abs().mean() > 3


def test_a_pool_keeps_a_few_values_and_its_seed_decides_it(photos: Tensor) -> None:
    pool, again = (composite_pool(photos, 70, values_per_factor=3, seed=5) for _ in range(2))
    assert pool.images.shape == (70, 3, 48, 48)
    assert pool.images.dtype == torch.uint8
    assert all(len(column.unique()) == 3 for column in pool.values.T)
    assert torch.equal(pool.images, again.images)
    assert not torch.equal(pool.images, composite_pool(photos, 70, values_per_factor=3, seed=6).images)


def test_rules_with_the_photo_come_twice() -> None:
    rules = natural_rules(all_rules())
    assert len([r for r in rules if 0 in r.factors]) == 2 * (1 + 5 + 10)
    assert len([r for r in rules if 0 not in r.factors]) == 5 + 10 + 10


def test_photos_of_a_parquet(tmp_path: Path, photos: Tensor) -> None:
    file = tmp_path / "photos.parquet"
    pd.DataFrame({"jpeg": [encode_png(photo) for photo in photos[:3]]}).to_parquet(file)
    assert torch.equal(read_photo_column(str(file), "jpeg", ImageTransform(48), key="k"), photos[:3])


def test_bad_parquets_say_which_setting(tmp_path: Path, photos: Tensor) -> None:
    with pytest.raises(DataError, match=r"episodes\.natural_photos: cannot read 'nosuch\.parquet'"):
        read_photo_column("nosuch.parquet", "jpeg", ImageTransform(48), key="episodes.natural_photos")
    file = tmp_path / "photos.parquet"
    pd.DataFrame({"jpeg": [1, 2]}).to_parquet(file)
    with pytest.raises(DataError, match=r"k: column 'jpeg' of '.*' holds int64, not encoded photos"):
        read_photo_column(str(file), "jpeg", ImageTransform(48), key="k")
    pd.DataFrame({"jpeg": [encode_png(photos[0]), b"no photo"]}).to_parquet(file)
    with pytest.raises(DataError, match="1 of 2 photos cannot be used"):
        read_photo_column(str(file), "jpeg", ImageTransform(48), key="k")
