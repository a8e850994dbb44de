"""Of what use a prompt is: rank-1 and mAP on held-out individuals, the learning curve, and the words for people."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.adapt.synthetic import draw, nuisance_embeddings, support_of
from vicp.adapt.embedder import Embedder
from vicp.adapt.fitting import SupportFeatures
from vicp.adapt.load import make_embedder
from vicp.adapt.prompt import Prompt, Usefulness
from vicp.adapt.recipe import Null, TunedPrompt, Whitening
from vicp.adapt.selection.usefulness import measure_usefulness
from vicp.cli.render.teach import usefulness_sentence
from vicp.model.build import PRESETS, build_model


@pytest.fixture(scope="module")
def bare() -> Embedder:
    return replace(make_embedder(build_model(PRESETS["tiny"]).eval()), model=None)


def test_rank1_and_map_by_hand(bare: Embedder) -> None:
    """Photos on a circle at 0, 10, 30 and 35 degrees, of a, a, b and a: photo 3 has photo 2 before its first."""
    angles = torch.tensor([0.0, 10.0, 30.0, 35.0]).deg2rad()
    rows = torch.nn.functional.pad(torch.stack([angles.cos(), angles.sin()], dim=1), (0, 30))
    support = support_of(rows, np.array([0, 0, 1, 0]), num_pairs=2)
    found = measure_usefulness(SupportFeatures(bare, support), Null())
    precision = [1 / 2 * (1 + 2 / 3), 1 / 2 * (1 + 2 / 3), 1 / 2 * (1 / 2 + 2 / 3)]
    assert found == Usefulness(
        rank1=round(2 / 3, 4),
        map=round(float(np.mean(precision)), 4),
        photos=3,
        individuals=2,
        rank1_of_half=None,
        more_pairs_help=None,
    )


def test_a_metric_that_learns_from_more_pairs(bare: Embedder) -> None:
    embeddings, identities = nuisance_embeddings(0, 24, 4), np.repeat(np.arange(24), 4)
    features = SupportFeatures(bare, support_of(embeddings, identities, num_pairs=64))
    plain, metric = (measure_usefulness(features, recipe) for recipe in (Null(), Whitening()))
    assert plain is not None
    assert metric is not None
    assert metric.rank1 > plain.rank1 + 0.2
    assert metric.rank1_of_half is not None
    assert metric.more_pairs_help == (metric.rank1 - metric.rank1_of_half > 0.02)
    assert metric.photos == 96


def test_noise_is_of_no_use_and_more_pairs_do_not_help(bare: Embedder) -> None:
    embeddings = torch.nn.functional.normalize(draw(1, 96, 32), dim=1)
    support = support_of(embeddings, np.repeat(np.arange(24), 4), num_pairs=64)
    found = measure_usefulness(SupportFeatures(bare, support), Whitening())
    assert found is not None
    assert found.rank1 < 0.15
    assert found.more_pairs_help is False
    assert "not usable for this category; more pairs will not help" in usefulness_sentence(found)


def test_what_cannot_be_measured_is_none(bare: Embedder) -> None:
    few = support_of(draw(2, 4, 32), np.array([0, 0, 1, 1]), num_pairs=2)
    assert measure_usefulness(SupportFeatures(bare, few), Whitening()) is None
    assert measure_usefulness(SupportFeatures(bare, few), TunedPrompt("random", 2, 0.1)) is None


def test_the_words_and_the_file(tmp_path: Path) -> None:
    use = Usefulness(0.03, 0.07, 100, 94, 0.03, False)
    assert usefulness_sentence(use) == (
        "On individuals held out of the pairs it finds the right one first for 3 of 100 photos, among 94 individuals "
        "(mAP 7 %): not usable for this category; more pairs will not help, by the learning curve."
    )
    assert usefulness_sentence(replace(use, rank1=0.9, more_pairs_help=None)).endswith("(mAP 7 %): usable.")
    Prompt(Null(), "cat", 8, None, "feed", usefulness=use).save(tmp_path / "p")
    assert Prompt.load(tmp_path / "p").usefulness == use
