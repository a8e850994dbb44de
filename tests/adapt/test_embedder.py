from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vicp.adapt.linear_transform import LinearTransform
from vicp.adapt.load import make_embedder
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import Whitening
from vicp.data.images import normalise
from vicp.data.loading import load_photos
from vicp.data.sources import open_photos
from vicp.errors import DataError, PromptError
from vicp.model.build import PRESETS, build_model
from vicp.model.qformer import Latents
from vicp.runtime.cache import EmbeddingCache
from vicp.runtime.photo_encoder import PhotoEncoder


@pytest.fixture(scope="module")
def model():
    return build_model(PRESETS["tiny"]).eval()


def prompt_of(model, seed: int = 0):
    draw = torch.Generator().manual_seed(seed)
    latents = Latents(torch.randn(8, 4, 32, generator=draw))
    same = torch.tensor([1, 0, 1, 0]).bool()
    return Prompt.of(model.infer_prompt(latents[:4], latents[4:], same, category="shoes"))


def test_embeddings_are_the_models_own_row_by_row(model, photo_folder: Path) -> None:
    table = open_photos(photo_folder)
    embedder = make_embedder(model)
    kept, embeddings = PhotoEncoder(embedder, batch_size=4).embed(table)
    _, pixels = embedder.pixels(table)
    assert len(kept) == 15
    expected = torch.cat([model.embed(normalise(p[None], embedder.transform)) for p in pixels])
    np.testing.assert_allclose(embeddings, expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_mirror_images_embed_alike_where_asked_for(model, photo_folder: Path) -> None:
    embedder = make_embedder(model)
    _, pixels = embedder.pixels(open_photos(photo_folder))
    mirrored = embedder.embed_pixels(pixels, mirror=True)
    torch.testing.assert_close(mirrored, embedder.embed_pixels(pixels.flip(-1), mirror=True))
    assert not torch.allclose(mirrored, embedder.embed_pixels(pixels), atol=1e-4), "only evaluation mirrors"


def test_cache_answers_the_second_time_and_tells_spaces_apart(model, photo_folder: Path, tmp_path: Path) -> None:
    calls: list[int] = []
    table = open_photos(photo_folder)
    cache = EmbeddingCache(tmp_path / "cache")
    encoder = PhotoEncoder(make_embedder(model), cache=cache, progress=lambda done, total: calls.append(done))
    _, first = encoder.embed(table)
    assert calls == [15]
    _, second = encoder.embed(table)
    assert calls == [15], "nothing was embedded again"
    np.testing.assert_array_equal(first, second)
    _, prompted = encoder.embed(table, prompt_of(model))
    assert calls == [15, 15]
    assert not np.allclose(first, prompted, atol=1e-4)


def test_both_kinds_of_features_come_from_the_cache_too(model, photo_folder: Path, tmp_path: Path) -> None:
    table = open_photos(photo_folder)
    embedder = make_embedder(model)
    encoder = PhotoEncoder(embedder, cache=EmbeddingCache(tmp_path / "cache"))
    plain = prompt_of(model)
    moved = np.roll(np.eye(64, dtype=np.float32), 1, axis=0)
    metric = LinearTransform(mean=np.full(64, 0.01, np.float32), weight=moved)
    own = replace(plain, recipe=Whitening(1.0, "both", "generated"), whitening=metric)
    _, pixels = embedder.pixels(table)
    frozen, prompted = (embedder.embed_pixels(pixels, prompt) for prompt in (None, plain))
    expected = metric.apply(torch.cat([frozen, prompted], dim=1).numpy() / np.float32(2**0.5))
    encoder.embed(table, plain)  # one of the two is cached beforehand
    for _ in range(2):
        np.testing.assert_allclose(encoder.embed(table, own)[1], expected, atol=1e-5)
    np.testing.assert_allclose(embedder.embed_pixels(pixels, own).numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(encoder.embed_pixels(pixels.numpy(), own), expected, atol=1e-5)


def test_loaded_photos_are_embedded_as_the_table_is_and_share_its_cache(model, photo_folder, tmp_path: Path) -> None:
    table = open_photos(photo_folder)
    encoder = PhotoEncoder(make_embedder(model), batch_size=4, cache=EmbeddingCache(tmp_path / "cache"))
    photos = list(load_photos(table, encoder.transform, bad=[]))
    _, first = encoder.embed(table.select(range(6)))
    loaded = encoder.embed_loaded(photos[::-1])[::-1]
    np.testing.assert_array_equal(loaded[:6], first, "six come from the cache")
    np.testing.assert_array_equal(encoder.embed(table)[1], loaded, "and all of them are in it now")
    cold, prompt = replace(encoder, cache=None), prompt_of(model)
    np.testing.assert_allclose(cold.embed_loaded(photos, prompt), cold.embed(table, prompt)[1], atol=1e-6)


def test_changed_photo_is_embedded_again(model, photo_folder: Path, tmp_path: Path) -> None:
    encoder = PhotoEncoder(make_embedder(model), cache=EmbeddingCache(tmp_path / "cache"))
    _, before = encoder.embed(open_photos(photo_folder))
    (photo_folder / "blue" / "0.jpg").write_bytes((photo_folder / "red" / "0.jpg").read_bytes())
    table, after = encoder.embed(open_photos(photo_folder))
    names = list(table.frame["path"])
    blue, red = names.index("blue/0.jpg"), names.index("red/0.jpg")
    np.testing.assert_array_equal(after[blue], after[red])
    assert not np.allclose(before[blue], after[blue], atol=1e-3)


def test_bad_photos_are_all_named_at_once_or_skipped(model, photo_folder: Path) -> None:
    (photo_folder / "red" / "0.jpg").write_bytes(b"")
    (photo_folder / "blue" / "2.jpg").write_text("not a photo")
    with pytest.raises(DataError, match=r"2 photos.*blue/2\.jpg.*red/0\.jpg"):
        PhotoEncoder(make_embedder(model)).embed(open_photos(photo_folder))
    table, embeddings = PhotoEncoder(make_embedder(model), skip_bad=True).embed(open_photos(photo_folder))
    assert len(table) == len(embeddings) == 13
    assert len(table.skipped) == 2


def test_prompt_of_another_model_is_refused(model, photo_folder: Path) -> None:
    other = build_model(PRESETS["tiny"], seed=1).eval()
    with pytest.raises(PromptError, match=model.fingerprint):
        PhotoEncoder(make_embedder(other)).embed(open_photos(photo_folder), prompt_of(model))


def test_unusable_cache_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "embeddings.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(DataError, match="--no-cache"):
        EmbeddingCache(tmp_path)
