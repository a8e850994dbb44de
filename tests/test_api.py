"""The library as a program uses it: paths, PIL images and arrays in, typed answers out."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vicp
from vicp.data.procedural.world import world_photos
from vicp.errors import ConfigError, DataError, PromptError, WeightsError


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per individual: 12 individuals with 4 photos each."""
    root = tmp_path_factory.mktemp("photos")
    table = world_photos(num_categories=1, num_identities=12, photos_per_identity=4, size=64, seed=0)
    for identity, path, image in zip(table["identity"], table["path"], table["image"], strict=True):
        file = root / str(identity) / Path(path).name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(image)
    return root


@pytest.fixture(scope="module")
def model() -> vicp.Model:
    return vicp.load("mini")


@pytest.fixture(scope="module")
def prompt(model: vicp.Model, photos: Path) -> vicp.Prompt:
    return model.teach(photos, category="thing", pairs=16)


@pytest.fixture(scope="module")
def files(photos: Path) -> list[Path]:
    return sorted(photos.rglob("*.png"))


def images(files: list[Path]) -> Iterator[Image.Image]:
    for file in files:
        with Image.open(file) as image:
            yield image.convert("RGB")


def test_every_public_name_is_there_and_documented() -> None:
    for name in set(vicp.__all__) - {"__version__"}:
        assert (getattr(vicp, name).__doc__ or "").strip(), name
    assert set(vicp.__all__) <= set(dir(vicp))
    with pytest.raises(AttributeError, match="no attribute 'teach'"):
        vicp.teach  # noqa: B018


def test_import_is_light_and_every_name_can_be_reached_from_it() -> None:
    script = "import sys, vicp; print('torch' in sys.modules, vicp.load.__name__)"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["False", "load"]


def test_encode_takes_paths_images_and_arrays_alike(model, files, prompt) -> None:
    pictures = list(images(files[:3]))
    by_path = model.encode(files[:3], prompt=prompt)
    assert by_path.dtype == np.float32
    assert by_path.shape[0] == 3
    np.testing.assert_allclose(model.encode(pictures, prompt=prompt), by_path, atol=1e-5)
    np.testing.assert_allclose(model.encode([np.asarray(p) for p in pictures], prompt=prompt), by_path, atol=1e-5)
    np.testing.assert_allclose(
        model.encode([files[0], pictures[1], np.asarray(pictures[2])], prompt=prompt), by_path, atol=1e-5
    )


def test_encode_of_one_photo_is_a_vector_of_length_one(model, files) -> None:
    one = model.encode(files[0])
    assert one.ndim == 1
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert isinstance(model.encode(files[0], convert_to_numpy=False), torch.Tensor)
    np.testing.assert_allclose(model.encode(str(files[0].parent), batch_size=1)[0], one, atol=1e-5)


def test_teach_takes_named_images_and_gives_the_prompt_of_the_folder(model, files, prompt) -> None:
    names = [file.parent.name for file in files]
    again = model.teach(files, identities=names, category="thing", pairs=16)
    assert str(again.recipe) == str(prompt.recipe)
    np.testing.assert_allclose(model.encode(files[:2], prompt=again), model.encode(files[:2], prompt=prompt), atol=1e-4)


def test_teach_takes_labelled_pairs(model, files) -> None:
    rows = [(0, 1), (4, 5), (8, 9), (12, 13), (0, 4), (4, 8), (8, 12), (1, 13)]
    pairs = [(str(files[a]), str(files[b]), a // 4 == b // 4) for a, b in rows]
    taught = model.teach(files, category="thing", pairs=pairs)
    assert (taught.num_pairs, taught.seed, taught.category) == (8, None, "thing")


def test_a_photo_given_twice_is_encoded_twice(model, files, prompt) -> None:
    with Image.open(files[0]) as image:
        rows = model.encode([files[0], files[1], files[0], image], prompt=prompt)
    np.testing.assert_allclose(rows[[2, 3]], rows[[0, 0]], atol=1e-5)
    assert model.verify(files[0], files[0], prompt=prompt).similarity == pytest.approx(1, abs=1e-5)


def test_models_and_prompts_print_on_one_line(model, prompt) -> None:
    assert repr(model) == f"Model('mini', fingerprint='{model.encoder.fingerprint}')"
    assert repr(prompt) == f"Prompt('thing', pairs=16, recipe='{prompt.recipe}')"


def test_prompt_comes_back_from_its_file(model, files, prompt, tmp_path) -> None:
    prompt.save(str(tmp_path / "thing.prompt.safetensors"))
    loaded = vicp.Prompt.load(str(tmp_path / "thing.prompt.safetensors"))
    assert np.array_equal(model.encode(files[:2], prompt=loaded), model.encode(files[:2], prompt=prompt))


def test_verify_says_verdict_probability_and_similarity(model, files, prompt) -> None:
    same, other = model.verify(files[0], files[1], prompt=prompt), model.verify(files[0], files[9], prompt=prompt)
    assert isinstance(same, vicp.Verification)
    assert same.similarity > other.similarity
    assert same.probability > 0.5 > other.probability
    rows = model.encode(files[:2], prompt=prompt)
    assert same.similarity == pytest.approx(float(rows[0] @ rows[1]), abs=1e-5)
    assert same.probability_range[0] < same.probability < same.probability_range[1]
    assert model.verify(files[0], files[1]).basis.individuals == 0


def test_identify_ranks_the_own_individual_first(model, files, photos, prompt) -> None:
    found = model.identify(files[0], gallery=photos, prompt=prompt, top=3)
    assert isinstance(found, vicp.Identification)
    assert found.candidates[0].identity == files[0].parent.name
    assert len(found.candidates) == 3
    search = model.search_in(photos, prompt=prompt)
    again = model.identify_all(files[:2], gallery=search, prompt=prompt, top=3).identifications[0]
    assert [c.identity for c in again.candidates] == [c.identity for c in found.candidates]
    assert again.probability == pytest.approx(found.probability, abs=1e-4)


def test_identify_all_takes_files_images_and_folders(model, files, photos, prompt) -> None:
    search = model.search_in(photos, prompt=prompt)
    mixed = [files[4], *images(files[:1]), files[4]]
    report = model.identify_all(mixed, gallery=search, prompt=prompt)
    assert [answer.photo for answer in report.identifications] == [str(files[4]), "image 1", f"{files[4]} (2)"]
    shown = [answer.candidates[0].identity for answer in report.identifications]
    assert shown == [files[4].parent.name, files[0].parent.name, files[4].parent.name]
    folder = model.identify_all([files[0].parent, files[4]], gallery=photos, prompt=prompt)
    assert [answer.photo for answer in folder.identifications] == [str(file) for file in files[:5]]
    assert (folder.gallery_photos, folder.gallery_identities, folder.skipped) == (48, 12, 0)


def test_teach_and_report_says_what_was_read(model, photos, prompt) -> None:
    result = model.teach_and_report(photos, category="thing", pairs=16)
    assert (result.photos, result.pairs, result.same_pairs, result.skipped) == (48, 16, 8, 0)
    assert (result.prompt.recipe, result.prompt.choice) == (prompt.recipe, prompt.choice)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, f, p: m.encode([]), DataError, "an empty list of photos"),
        (lambda m, f, p: m.encode("nowhere.jpg"), DataError, "no such file or folder: nowhere.jpg"),
        (lambda m, f, p: m.encode([np.zeros((4, 4, 3))]), DataError, r"photo 0 is an array \(4, 4, 3\) float64"),
        (lambda m, f, p: m.encode([3]), DataError, "photo 0 is a int: expected a path"),
        (lambda m, f, p: m.encode(3), DataError, "a int in place of photos"),
        (lambda m, f, p: m.encode(f[0], prompt="a.safetensors"), PromptError, "a str in place of a prompt"),
        (lambda m, f, p: m.encode(f[0], batch_size=0), ConfigError, "batch_size 0"),
        (lambda m, f, p: m.teach([f[0], f[0]], category="x", identities="ab"), DataError, "the same photo twice"),
        (lambda m, f, p: m.teach(f[0].parents[1], category="x", pairs=0), DataError, "pairs=0: expected at least 1"),
        (lambda m, f, p: m.teach(f[0].parents[1], category="x", pairs=3.5), DataError, "expected .left, right, same."),
        (lambda m, f, p: m.teach(f[0].parents[1], category=" "), DataError, "an empty category"),
        (lambda m, f, p: m.teach(f[0].parents[1], category="x", adapt="magic"), ConfigError, "no adaptation 'magic'"),
        (lambda m, f, p: vicp.evaluate("mini", f[0].parents[1]), ConfigError, "methods are 'mini': expected a list"),
        (lambda m, f, p: vicp.evaluate([], f[0].parents[1]), ConfigError, "expected a list of at least one"),
        (lambda m, f, p: vicp.evaluate(["mini"], pairs=1), ConfigError, "pairs 1: expected at least 2"),
        (lambda m, f, p: vicp.evaluate(["mini"], support_draws=0), ConfigError, "support_draws 0: expected at least 1"),
        (lambda m, f, p: vicp.evaluate(["mini"], share_support=1), ConfigError, "share_support 1: expected a number"),
        (lambda m, f, p: vicp.Gallery("herd", "mini"), ConfigError, "'mini' in place of a model"),
        (lambda m, f, p: m.teach(f, category="x"), DataError, "48 photos without identities"),
        (lambda m, f, p: m.teach(f, category="x", identities=["a"]), DataError, "1 identities for 48 photos"),
        (lambda m, f, p: m.identify(f[0].parent, gallery=f[0].parents[1]), DataError, "4 photos to identify"),
        (lambda m, f, p: m.identify_all([], gallery=f[0].parents[1]), DataError, "an empty list of photos"),
        (lambda m, f, p: m.identify(3, gallery=f[0].parents[1]), DataError, "a int in place of photos"),
        (lambda m, f, p: vicp.load("tiny").encode(f[0], prompt=p), PromptError, "belongs to model"),
        (lambda m, f, p: vicp.load("no/where/at-all"), WeightsError, "no model there"),
    ],
)
def test_bad_input_is_one_line(model, files, prompt, call, error, message) -> None:
    with pytest.raises(error, match=message) as caught:
        call(model, files, prompt)
    assert "\n" not in str(caught.value)
