import copy
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import Dinov2Config, Dinov2Model

from vicp.config import ModelConfig, PartConfig, RunConfig, TrainConfig
from vicp.data.procedural.world import sample_silhouettes
from vicp.data.seeds import generator
from vicp.errors import ConfigError, DataError
from vicp.image_transform import ImageTransform
from vicp.model.loading.backbone_checkpoint import load_backbone
from vicp.pretrain_config import DistillConfig
from vicp.train.distillation.batches import FIRST_OBJECTS, DrawnObjects
from vicp.train.distillation.crops import CropSampler, PhotoFile, random_crop
from vicp.train.distillation.feature_cache import FeatureCache
from vicp.train.distillation.principal import FeatureBlock, fit_target, half_whitened, parse_target, procrustes
from vicp.train.distillation.run import distill
from vicp.train.distillation.student import Student, patchify, start_from


def vit(width: int, layers: int, size: int = 32, patch: int = 8) -> Dinov2Model:
    torch.manual_seed(width + layers)
    config = Dinov2Config(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 16,
        head_dim=16,
        image_size=size,
        patch_size=patch,
    )
    return Dinov2Model(config).eval()


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 photos of smooth colours, 50 x 40 pixels."""
    rng, encoded = np.random.default_rng(0), []
    for _ in range(40):
        small = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        small.resize((50, 40), Image.Resampling.BICUBIC).save(buffer := io.BytesIO(), "PNG")
        encoded.append(buffer.getvalue())
    path = tmp_path_factory.mktemp("photos") / "photos.parquet"
    pq.write_table(pa.table({"image": encoded}), path)
    return path


def test_a_file_of_photos_is_named_by_path_column_crops_and_most() -> None:
    assert PhotoFile.parse("a.parquet") == PhotoFile("a.parquet", "image", 1, 0)
    assert PhotoFile.parse("a.parquet:jpeg:2:100") == PhotoFile("a.parquet", "jpeg", 2, 100)
    assert PhotoFile.parse("a.parquet::3") == PhotoFile("a.parquet", "image", 3, 0)
    with pytest.raises(ConfigError, match=r"'a\.parquet:image:two': expected PATH:COLUMN:CROPS:MOST"):
        PhotoFile.parse("a.parquet:image:two")


def test_a_file_without_the_column_is_one_line(photos: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read column 'jpeg' of '.*photos\.parquet'"):
        PhotoFile(str(photos), "jpeg").read()


def test_every_first_crop_comes_before_any_second_one(photos: Path) -> None:
    files = [PhotoFile(str(photos), crops=2), PhotoFile(str(photos), most=10)]
    plan = CropSampler(files, size=16, seed=0).plan
    assert plan.shape == (90, 3)
    assert plan[:50, 2].max() == 0
    assert plan[50:, 2].min() == 1
    assert len({tuple(row) for row in plan.tolist()}) == 90


def test_crops_depend_on_the_seed_alone(photos: Path) -> None:
    first, again, other = (
        next(CropSampler([PhotoFile(str(photos))], size=16, seed=seed).blocks(slice(0, 40))) for seed in (0, 0, 1)
    )
    assert first.shape == (40, 3, 16, 16)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_whole_photo_keeps_its_light_and_a_part_does_not() -> None:
    grey = Image.new("RGB", (30, 20), (100, 100, 100))
    assert np.unique(random_crop(grey, 8, 0, whole=True)).tolist() == [100]
    means = [random_crop(grey, 8, seed, whole=False).mean() for seed in range(5)]
    assert max(means) - min(means) > 5


def test_a_target_names_features_powers_and_weights() -> None:
    assert parse_target("stages^0.7*1+previous^0.3*0.5") == (
        FeatureBlock("stages", 0.7, 1.0),
        FeatureBlock("previous", 0.3, 0.5),
    )
    with pytest.raises(ConfigError, match="expected NAME"):
        parse_target("stages")


def test_a_whitened_target_has_equal_variances_and_a_plain_one_the_features_own_cosines() -> None:
    rows = numbers(400, 6) * torch.tensor([8.0, 4, 2, 1, 1, 1])
    white = fit_target(parse_target("pooled^1*1"), {"pooled": rows}, 6)
    variance = white.basis.apply(rows).var(dim=0)
    torch.testing.assert_close(variance, variance.mean().expand(6), rtol=0.02, atol=0)
    plain = fit_target(parse_target("pooled^0*1"), {"pooled": rows}, 8).of({"pooled": rows})
    centred = F.normalize(rows - rows.mean(dim=0), dim=1)
    torch.testing.assert_close(plain @ plain.T, centred @ centred.T, rtol=0, atol=1e-5)


def test_weights_share_a_targets_squared_length() -> None:
    features = {"pooled": numbers(500, 5) * 7, "stages": numbers(500, 4).flip(0)}
    weight = fit_target(parse_target("pooled^0*2+stages^0*1"), features, 9).basis.weight
    lengths = [
        ((features[name] - features[name].mean(dim=0)) @ weight[rows]).square().sum()
        for name, rows in (("pooled", slice(0, 5)), ("stages", slice(5, 9)))
    ]
    assert (lengths[0] / lengths[1]).item() == pytest.approx(4, rel=1e-3)


def test_a_turned_target_keeps_its_similarities() -> None:
    features = {"pooled": numbers(50, 6)}
    target = fit_target(parse_target("pooled^0.5*1"), features, 6)
    rotation = torch.linalg.qr(numbers(6, 6))[0]
    before, after = target.of(features), target.rotated(rotation).of(features)
    torch.testing.assert_close(after, before @ rotation, rtol=0, atol=1e-5)
    torch.testing.assert_close(after @ after.T, before @ before.T, rtol=0, atol=1e-5)


def test_procrustes_finds_a_rotation() -> None:
    rows = numbers(100, 5)
    turn = torch.linalg.qr(numbers(5, 5))[0]
    torch.testing.assert_close(procrustes(rows, rows @ turn + 3), turn, rtol=0, atol=1e-4)


def test_half_whitening_damps_strong_components() -> None:
    rows = numbers(2000, 4) * torch.tensor([16.0, 4, 1, 1])
    deviation = half_whitened(rows, 2).apply(rows).std(dim=0)
    assert (deviation[0] / deviation[1]).item() == pytest.approx(2, rel=0.1)


def test_a_student_that_sees_every_patch_says_what_its_vit_says() -> None:
    model, pixels = vit(32, 2), numbers(3, 3, 32, 32)
    tokens = Student(copy.deepcopy(model))(patchify(pixels, 8))
    expected = model(pixel_values=pixels).last_hidden_state
    torch.testing.assert_close(torch.cat([tokens.cls[:, None], tokens.patches], dim=1), expected, rtol=0, atol=1e-5)
    assert tokens.middle.shape == tokens.patches.shape


def test_patches_come_in_the_order_of_their_places() -> None:
    pixels, order = numbers(2, 3, 32, 32), torch.stack([torch.randperm(16), torch.randperm(16)])
    student, patches = Student(vit(32, 2)), patchify(pixels, 8)
    some = student(patches.gather(1, order[:, :, None].expand(-1, -1, patches.shape[-1])), order)
    whole = student(patches)
    torch.testing.assert_close(some.cls, whole.cls, rtol=0, atol=1e-5)
    expected = whole.patches.gather(1, order[:, :, None].expand(-1, -1, 32))
    torch.testing.assert_close(some.patches, expected, rtol=0, atol=1e-5)


def test_a_vit_of_larger_photos_and_patches_says_what_the_smaller_one_says_of_a_smooth_photo() -> None:
    small, large = vit(32, 2), vit(32, 2, size=64, patch=16)
    start_from(small, large)
    smooth = F.interpolate(numbers(2, 3, 5, 5), size=(32, 32), mode="bilinear")
    enlarged = F.interpolate(smooth, size=(64, 64), mode="bilinear")
    said, expected = large(pixel_values=enlarged).last_hidden_state, small(pixel_values=smooth).last_hidden_state
    assert F.cosine_similarity(said, expected, dim=-1).min() > 0.998


def test_drawn_objects_come_again_once_there_are_enough() -> None:
    objects = DrawnObjects(sample_silhouettes(4, seed=0, split="seen"), size=16)
    first, _ = objects.sample(FIRST_OBJECTS, generator(0, "first"))
    pixels, values = objects.sample(9, generator(0, "second"))
    assert pixels.shape == (9, 3, 16, 16)
    assert values.shape == (9, 6)
    known = {photo.numpy().tobytes() for photo in torch.cat([first, first.flip(-1)])}
    assert [photo.numpy().tobytes() in known for photo in pixels] == [False] * 3 + [True] * 6


def distillation(source: Path, out: Path, **settings: object) -> RunConfig:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    return RunConfig(
        model=ModelConfig(
            backbone=PartConfig(source=None, family="dinov2", sizes=sizes), pooling="both", image_size=32
        ),
        distill=replace(
            DistillConfig(
                teacher="efficientnet-lite0",
                photos=(str(source),),
                cache=str(out / "features"),
                photos_per_step=8,
                objects_per_step=2,
                visible_share=0.5,
                num_steps=6,
            ),
            **settings,  # type: ignore[arg-type]
        ),
        train=TrainConfig(save_every=3, log_every=2),
        out=str(out),
    )


def test_a_backbone_is_distilled_and_a_stopped_run_ends_the_same(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = distill(distillation(photos, tmp_path / "whole"))
    backbone, settings = load_backbone(str(whole), pooling="both")
    assert settings.size == 32
    assert backbone.embedding_dim == 64
    log = (tmp_path / "whole" / "distill.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(log) == 3
    cache = FeatureCache(tmp_path / "whole" / "features")
    assert len(cache) == 40
    shapes = {name: tuple(rows.shape) for name, rows in cache.rows(np.array([3, 5])).items()}
    assert shapes == {
        "pixels": (2, 3, 160, 160),
        "middle": (2, 100, 64),
        "late": (2, 36, 128),
        "pooled": (2, 1280),
        "stages": (2, 784),
        "previous": (2, 384),
    }

    class KilledError(Exception): ...

    def die(self: FeatureCache, rows: np.ndarray) -> dict[str, torch.Tensor]:
        nonlocal left
        left -= 1
        if left < 0:
            raise KilledError
        return read(self, rows)

    read, left = FeatureCache.rows, 5
    monkeypatch.setattr(FeatureCache, "rows", die)
    with pytest.raises(KilledError):
        distill(distillation(photos, tmp_path / "cut"))
    monkeypatch.undo()
    again = distill(distillation(photos, tmp_path / "cut"), resume=True)
    one, two = ((folder / "model.safetensors").read_bytes() for folder in (whole, again))
    assert one == two


def test_settings_that_cannot_be_distilled_are_one_line(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no teacher 'resnet'; there is efficientnet-lite0"):
        distill(distillation(photos, tmp_path, teacher="resnet"))
    with pytest.raises(ConfigError, match="'mini' has a backbone of other sizes"):
        distill(distillation(photos, tmp_path, start="previous"))
    with pytest.raises(ConfigError, match=r"holds no features; name distill\.photos"):
        distill(distillation(photos, tmp_path / "other", photos=()))


def test_the_distilled_photo_transform_is_the_configs(photos: Path, tmp_path: Path) -> None:
    config = distillation(photos, tmp_path, num_steps=1)
    _, settings = load_backbone(str(distill(config)), pooling="both")
    assert ImageTransform(settings.size, settings.mean, settings.std, settings.fit) == ImageTransform(32)
