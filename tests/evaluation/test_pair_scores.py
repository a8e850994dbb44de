"""Patch matching and the in-context verifier on real tokens of mini: their values, and that they put things right."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vicp.adapt.embedder import Embedder
from vicp.adapt.in_context import log_odds_same, probability_same
from vicp.adapt.linear_transform import LinearTransform
from vicp.adapt.load import load_model
from vicp.adapt.local_matching import LocalMatching, PatchWhitening, middle_patches, patch_similarity
from vicp.adapt.methods.generated import infer_prompt
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import Whitening
from vicp.data.images import normalise
from vicp.data.support.support import Support
from vicp.errors import DataError
from vicp.evaluation.reranking.candidate_pairs import CandidatePairs, candidate_pairs
from vicp.evaluation.reranking.local_scores import local_scores
from vicp.evaluation.reranking.patch_scores import patch_scores
from vicp.evaluation.reranking.rerank import rerank
from vicp.evaluation.reranking.shortlist import Shortlist, find_shortlist
from vicp.evaluation.reranking.stages import STAGES, stages_of
from vicp.evaluation.reranking.verifier_scores import verifier_scores
from vicp.evaluation.task import RetrievalTask
from vicp.losses.alignment import ot_distance

NUM = 4  # things, two photos each: photo i and photo i + NUM show the same


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return replace(load_model("mini"), batch_size=3)


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    """Blotches of colour (8, 3, 96, 96); the second photo of each is moved by two patches, darker and noisy."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(NUM, 3, 8, 8, generator=generator)
    first = torch.nn.functional.interpolate(coarse, size=96, mode="bicubic").clamp(0, 1)
    second = 0.85 * first.roll((24, 12), dims=(2, 3)) + 0.05 * torch.rand(first.shape, generator=generator)
    return (torch.cat([first, second]) * 255).to(torch.uint8)


@pytest.fixture(scope="module")
def adaptation(embedder: Embedder, pixels: torch.Tensor) -> Prompt:
    support = Support(np.array([0, 1, 0, 1]), np.array([4, 5, 1, 6]), np.array([True, True, False, False]))
    return Prompt.of(infer_prompt(embedder, embedder.latents(pixels), support, category="blotch", seed=0))


@pytest.fixture
def everyone(pixels: torch.Tensor) -> tuple[Shortlist, CandidatePairs]:
    """Each photo looked up among all others by row: the first stage knows nothing."""
    own = np.arange(2 * NUM)
    blind = torch.ones(2 * NUM, 2)
    shortlist = find_shortlist(RetrievalTask(blind, blind, own, own, own_rows=own), size=2 * NUM)
    return shortlist, candidate_pairs(shortlist, query_photos=own, gallery_photos=own)


def test_patch_scores_rank_the_same_object_first(embedder, pixels, everyone):
    shortlist, pairs = everyone
    second = rerank(shortlist, patch_scores(embedder, pixels, pairs))
    assert shortlist.rows[:, 0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    assert second.rows[:, 0].tolist() == [4, 5, 6, 7, 0, 1, 2, 3]
    assert (second.rows[:, -1] == -1).all()


@pytest.mark.parametrize("kind", ["plain", "prompted", "both"])
def test_patch_scores_are_minus_the_transport_distance(embedder, pixels, everyone, adaptation, kind):
    dim = 2 * embedder.backbone.embedding_dim
    identity = LinearTransform(np.zeros(dim, np.float32), np.eye(dim, dtype=np.float32))
    own = {
        "plain": None,
        "prompted": adaptation,
        "both": replace(adaptation, recipe=Whitening(1.0, "both", "generated"), whitening=identity),
    }[kind]
    shortlist, pairs = everyone
    scores = patch_scores(embedder, pixels, pairs, prompt=own, num_iterations=20, batch_size=5)
    tokens = torch.tensor(adaptation.feature_sources[0].tokens)
    states = None if own is None else embedder.backbone.prompt_states(tokens)
    with torch.inference_mode():
        patches = embedder.backbone.encode(normalise(pixels, embedder.transform), states).patches
    for query, row in enumerate(shortlist.rows):
        low, high = np.minimum(row[:-1], query), np.maximum(row[:-1], query)
        expected = -ot_distance(patches[low], patches[high], num_iterations=20)
        np.testing.assert_allclose(scores[query, :-1], expected, atol=1e-3)
    assert np.isneginf(scores[:, -1]).all()


def test_patch_scores_of_ten_iterations_equal_those_of_two_hundred(embedder, pixels, everyone):
    shortlist, pairs = everyone
    few, many = (patch_scores(embedder, pixels, pairs, num_iterations=n) for n in (10, 200))
    np.testing.assert_array_equal(rerank(shortlist, few).rows, rerank(shortlist, many).rows)


def test_verifier_scores_are_its_log_odds(embedder, pixels, everyone, adaptation):
    shortlist, pairs = everyone
    scores = verifier_scores(embedder, pixels, pairs, adaptation, batch_size=5)
    latents = embedder.latents(pixels)
    for query, row in enumerate(shortlist.rows):
        a, b = latents[np.full(len(row) - 1, query)], latents[row[:-1]]
        odds = log_odds_same(embedder, adaptation, a, b).numpy()
        np.testing.assert_allclose(scores[query, :-1], odds, atol=1e-4)
        np.testing.assert_allclose(probability_same(embedder, adaptation, a, b), 1 / (1 + np.exp(-odds)), atol=1e-6)
        np.testing.assert_allclose(log_odds_same(embedder, adaptation, b, a), odds, atol=1e-5)
    assert np.isneginf(scores[:, -1]).all()


def test_pair_scores_report_progress_of_photos_and_pairs(embedder, pixels, everyone, adaptation):
    photos: list[tuple[int, int]] = []
    asked: list[tuple[int, int]] = []
    watched = replace(embedder, batch_size=5, progress=lambda *counts: photos.append(counts))
    _, pairs = everyone
    verifier_scores(watched, pixels, pairs, adaptation, batch_size=20, progress=lambda *counts: asked.append(counts))
    assert photos == [(5, 8), (8, 8)]
    assert asked == [(20, 28), (28, 28)]


def test_pair_scores_leave_no_file_on_disk(embedder, pixels, everyone, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: list[int] = []
    _, pairs = everyone
    patch_scores(embedder, pixels, pairs, progress=lambda *_: seen.append(next(tmp_path.rglob("*.bin")).stat().st_size))
    assert seen[0] == 8 * 64 * 192 * 2  # float16
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_too_small_is_one_clear_error(embedder, pixels, everyone, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(DataError, match=r"GB are needed .* 8 photos, 0\.0 GB are free: point TMPDIR"):
        patch_scores(embedder, pixels, everyone[1])


def test_empty_shortlists_need_no_photos(embedder, pixels, adaptation):
    shortlist = Shortlist(np.full((2, 3), -1), np.full((2, 3), -np.inf))
    pairs = candidate_pairs(shortlist, query_photos=np.arange(2), gallery_photos=np.arange(2, 8))
    assert np.isneginf(patch_scores(embedder, pixels, pairs)).all()
    assert np.isneginf(verifier_scores(embedder, pixels, pairs, adaptation)).all()


def test_local_scores_add_patches_to_the_first_stage(embedder, pixels, everyone):
    shortlist, pairs = everyone
    matching = LocalMatching(PatchWhitening.fit(middle_patches(embedder, pixels)), 0.5)
    scores = local_scores(embedder, pixels, shortlist, pairs, matching, batch_size=5)
    patches = matching.patches(embedder)(pixels)
    for query, row in enumerate(shortlist.rows):
        expected = 1 + 0.5 * patch_similarity(patches[[query] * 7], patches[row[:-1]])
        np.testing.assert_allclose(scores[query, :-1], expected, atol=1e-3)
    assert np.isneginf(scores[:, -1]).all()
    assert rerank(shortlist, scores).rows[:, 0].tolist() == [4, 5, 6, 7, 0, 1, 2, 3]
    np.testing.assert_array_equal(local_scores(embedder, pixels, shortlist, pairs, None), shortlist.similarity)


def test_which_stages_follow_an_adaptation():
    assert stages_of("auto", ("patches", "ot"), has_verifier=True) == ("ot", "patches")
    assert stages_of("generated", (), has_verifier=True) == ("verifier",)
    assert stages_of("null", STAGES, has_verifier=False) == ("ot", "k-reciprocal")
    assert stages_of("metric", STAGES, has_verifier=True) == ()
