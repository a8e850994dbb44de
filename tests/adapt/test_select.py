"""The choice on held-out identities: what it finds, and that it finds nothing where there is nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.adapt.synthetic import (
    DIM,
    draw,
    nuisance_embeddings,
    nuisance_support,
    pairs_of,
    support_of,
    with_latents,
)
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import relate_pairs
from vicp.adapt.fitting import Fitter, SupportFeatures, fit
from vicp.adapt.load import make_embedder
from vicp.adapt.methods.whitening import scatter_of_groups
from vicp.adapt.recipe import EmittedMetric, GeneratedPrompt, Null, Recipe, TunedPrompt, Whitening
from vicp.adapt.selection import candidates, select
from vicp.adapt.selection.candidates import BLENDS, SHRINKAGES, STRONG_WHITENING
from vicp.adapt.selection.cross_validation import CandidateScores, HeldOutComparisons, group_k_fold
from vicp.errors import ConfigError, DataError
from vicp.metrics import retrieval
from vicp.model.build import PRESETS, build_model


@pytest.fixture(scope="module")
def full() -> Embedder:
    return make_embedder(build_model(PRESETS["tiny"]).eval())


@pytest.fixture(scope="module")
def bare(full: Embedder) -> Embedder:
    return replace(full, model=None)


@pytest.fixture(scope="module")
def emitting() -> Embedder:
    return make_embedder(build_model(replace(PRESETS["tiny"], metric_rank=8)).eval())


def test_where_nuisance_drowns_identities_the_metric_is_chosen_and_helps_new_ones(bare) -> None:
    chosen = select.fit_selected(bare, nuisance_support(0))
    assert (chosen.recipe.method, chosen.recipe.features) == ("metric", "frozen")
    scores = chosen.choice.scores
    assert scores[str(chosen.recipe)] == max(scores.values())
    assert scores[str(chosen.recipe)] > scores["null"] + 0.08
    assert "chose metric on frozen photos" in chosen.choice.reason
    assert f"nothing: {scores['null']:.2f}" in chosen.choice.reason
    others, identities = nuisance_embeddings(99, 20, 4), np.repeat(np.arange(20), 4)
    found = [
        retrieval(rows, rows, identities, identities, leave_one_out=True).map
        for rows in (others, torch.from_numpy(chosen.project([others.numpy()])))
    ]
    assert found[1] > found[0] + 0.1


def test_labels_that_mean_nothing_are_followed_with_caution(bare, monkeypatch) -> None:
    monkeypatch.setattr(candidates, "STEPS", (5, 10))  # fewer, for time
    chosen, gains = [], []
    for seed in range(10):
        true = np.repeat(np.arange(12), 3)
        embeddings = torch.nn.functional.normalize(draw(100 + seed, 12, DIM)[true] + draw(seed, 36, DIM), dim=1)
        labels = np.random.default_rng(seed).permutation(36) // 3
        prompt = select.fit_selected(bare, support_of(embeddings, labels, seed=seed))
        chosen.append(prompt.recipe)
        found = [
            retrieval(x, x, true, true, leave_one_out=True).map
            for x in (torch.from_numpy(prompt.project([embeddings.numpy()])), embeddings)
        ]
        gains.append(found[0] - found[1])
    assert chosen.count(STRONG_WHITENING) >= 8
    assert abs(np.mean(gains)) < 0.03, "a mild whitening by labels that mean nothing does little"


def test_easy_photos_are_left_as_they_are(bare) -> None:
    embeddings = torch.eye(DIM)[:8].repeat_interleave(3, dim=0) + 0.01 * draw(0, 24, DIM)
    support = support_of(torch.nn.functional.normalize(embeddings, dim=1), np.repeat(np.arange(8), 3))
    chosen = select.fit_selected(bare, support)
    assert chosen.recipe == Null()
    assert chosen.choice.scores["null"] == 1
    assert "which no prompt beats" in chosen.choice.reason


def test_the_choice_can_be_had_again(bare) -> None:
    support = nuisance_support(1, 8)
    assert select.fit_selected(bare, support).choice == select.fit_selected(bare, support).choice


def test_the_best_on_held_out_individuals_is_chosen_by_however_little() -> None:
    support = support_of(torch.eye(12), np.repeat(np.arange(4), 3))
    comparisons = HeldOutComparisons.of(support, [np.arange(12)])
    null = np.where(support.relation == 1, 0.9, 0.1)
    null[0, 1:3] = null[5, 3:5] = 0  # two of twelve photos are wrong
    better = null.copy()
    better[0, 1:3] = 0.9  # one of them
    metric = Whitening(0.3)
    scores = CandidateScores({Null(): null, metric: better}, comparisons)
    assert scores.best([Null(), metric]) == metric
    best = select.check_against_chance(scores, metric, STRONG_WHITENING)
    assert best == (metric, "the best on held-out individuals")
    only_null = replace(scores, similarity={Null(): null})
    assert select.check_against_chance(only_null, Null(), STRONG_WHITENING)[0] == Null()


def test_where_nothing_beats_chance_the_fallback_is_chosen_if_it_could_be_fitted() -> None:
    support = support_of(torch.eye(12), np.repeat(np.arange(4), 3))
    comparisons = HeldOutComparisons.of(support, [np.arange(12)])
    guessing, metric = np.tile([0.9, 0.1], (12, 6)), Whitening(0.3)
    why = "for on held-out individuals no prompt is clearly better than guessing"
    scores = CandidateScores(dict.fromkeys((Null(), metric, STRONG_WHITENING), guessing), comparisons)
    for selected in (Null(), metric):
        assert select.check_against_chance(scores, selected, STRONG_WHITENING) == (STRONG_WHITENING, why)
    without = CandidateScores({Null(): guessing}, comparisons)
    assert select.check_against_chance(without, Null(), STRONG_WHITENING) == (Null(), why)


def test_a_method_asked_for_is_used_and_its_settings_chosen(full) -> None:
    support = with_latents(full, nuisance_support(5, 8))
    metric = select.fit_selected(full, support, "metric")
    assert metric.recipe.method == "metric"
    assert metric.recipe.shrinkage in SHRINKAGES
    assert "as asked" in metric.choice.reason
    tuned = select.fit_selected(full, support, "tuned")
    assert tuned.recipe.method == "tuned"
    generated = select.fit_selected(full, support, "generated")
    assert list(generated.choice.scores) == ["null", "generated"]
    null = select.fit_selected(full, support, "null")
    assert null.recipe == Null()
    states = generated.visual.states
    assert all(np.array_equal(a.visual.states, states) for a in (metric, tuned, null)), "the verifier reads them"


def test_too_few_pairs_to_choose(full, bare) -> None:
    support = support_of(nuisance_embeddings(6, 3, 2), np.repeat(np.arange(3), 2), num_pairs=6)
    chosen = select.fit_selected(bare, support)
    assert chosen.recipe == STRONG_WHITENING
    few = "took metric on frozen photos, shrinkage 10, for there are too few pairs to choose: that takes 4 individuals"
    assert chosen.choice.reason.startswith(few)
    assert (chosen.choice.scores, chosen.choice.threshold) == ({}, None)
    without = scatter_of_groups(support.frozen[2:], support.groups[2:]).whitening(10.0)
    frozen = support.frozen
    held_out = replace(without, mean=frozen.mean(axis=0)).apply(frozen)
    np.testing.assert_allclose(chosen.held_out.similarity[:2], held_out[:2] @ held_out.T, atol=1e-5)
    one = select.fit_selected(bare, support.select(np.array([0, 1, 2, 4])))
    assert one.recipe == Null(), "with its only individual held out nothing is left to learn from"
    assert np.isfinite(one.held_out.similarity).all()
    assert select.fit_selected(bare, support, "metric").recipe == Whitening(3.0)
    assert select.fit_selected(bare, support, "tuned").recipe.start == "random"
    assert select.fit_selected(full, with_latents(full, support), "tuned").recipe.start == "generated"
    assert select.fit_selected(full, with_latents(full, support), "generated").recipe.method == "generated"


def test_pairs_without_identities_do(bare) -> None:
    embeddings = nuisance_embeddings(7, 24, 2)
    pairs = pairs_of(
        *((2 * k, 2 * k + 1, True) for k in range(12)), *((24 + 2 * k, 27 + 2 * k, False) for k in range(10))
    )
    groups, relation = relate_pairs(pairs, [str(i) for i in range(48)])
    support = replace(support_of(embeddings, np.arange(24).repeat(2)), pairs=pairs, groups=groups, relation=relation)
    chosen = select.fit_selected(bare, support)
    assert chosen.recipe.method == "metric"
    assert chosen.choice.scores[str(chosen.recipe)] > chosen.choice.scores["null"]


def test_same_pairs_alone_give_a_metric(bare) -> None:
    pairs = pairs_of(*((2 * k, 2 * k + 1, True) for k in range(6)))
    groups, relation = relate_pairs(pairs, [str(i) for i in range(12)])
    support = support_of(nuisance_embeddings(8, 6, 2), np.arange(6).repeat(2), num_pairs=2)
    support = replace(support, pairs=pairs, groups=groups, relation=relation)
    assert select.fit_selected(bare, support, "metric").recipe == Whitening(3.0)
    assert select.fit_selected(bare, support).recipe == STRONG_WHITENING


def test_what_is_missing_is_said(bare) -> None:
    support = nuisance_support(9, 6)
    with pytest.raises(ConfigError, match="bare backbone: give --model"):
        select.fit_selected(bare, support, "generated")
    with pytest.raises(ConfigError, match=r"static\.prompt\.safetensors"):
        select.fit_selected(bare, support, "static")
    twins = replace(support, frozen=support.frozen[::3].repeat(3, axis=0))
    with pytest.raises(DataError, match="'thing' give no metric"):
        select.fit_selected(bare, twins, "metric")
    assert select.fit_selected(bare, twins).recipe.method != "metric"


def test_where_no_metric_is_emitted_tuned_prompts_are_tried(full: Embedder) -> None:
    features = SupportFeatures(full, with_latents(full, nuisance_support(3)))
    scores = select.score_candidates(features, "auto")
    assert {recipe.method for recipe in scores.similarity} == {"null", "generated", "metric", "tuned"}


def test_a_model_that_emits_a_metric_offers_it_without_its_tokens() -> None:
    """The same recipe fitted on a part of the support, and on all of it."""
    config = replace(PRESETS["tiny"], metric_rank=8, metric_refinement=True)
    emitting = make_embedder(build_model(config).eval())
    features = SupportFeatures(emitting, with_latents(emitting, nuisance_support(3)))
    scores = select.score_candidates(features, "auto")
    assert {EmittedMetric(), *BLENDS} < set(scores.similarity)
    prompted = [recipe for recipe in scores.similarity if recipe.features != "frozen"]
    assert prompted == [GeneratedPrompt()], "photos are embedded under one prompt"
    asked_for = select.score_candidates(features, "tuned")
    assert any(isinstance(recipe, TunedPrompt) for recipe in asked_for.similarity), "unless that is asked for"
    fitter, frozen = Fitter(features), features.support.frozen
    for recipe in (EmittedMetric(), *BLENDS):
        expected = fit(emitting, features.support, recipe).project([frozen])
        np.testing.assert_allclose(fitter.embed(recipe, np.arange(len(frozen))), expected, atol=1e-5)


def test_too_few_pairs_to_choose_and_a_model_that_emits_a_metric(emitting) -> None:
    support = support_of(nuisance_embeddings(6, 3, 2), np.repeat(np.arange(3), 2), num_pairs=6)
    chosen = select.fit_selected(emitting, with_latents(emitting, support))
    assert chosen.recipe == BLENDS[0]
    blend = "generated metric, of weight 0.8, with a metric on frozen photos, shrinkage 3"
    said = f"took {blend}, for there are too few pairs to choose"
    assert chosen.choice.reason.startswith(said)
    assert np.isfinite(chosen.held_out.similarity).all()


def scores_of(shares: Mapping[Recipe, Sequence[float]]) -> CandidateScores:
    """Scores of four groups of two photos in which these shares of comparisons are ranked right, each 0.5 or 1."""
    groups = np.repeat(np.arange(4), 2)
    same = (groups[:, None] == groups) & ~np.eye(8, dtype=bool)
    different = groups[:, None] != groups
    similarities = {}
    for recipe, by_group in shares.items():
        similarity = np.where(np.add.outer(np.arange(8), np.arange(8)) % 2 == 0, 0.0, 1.0)  # half of them above 0.5
        similarity[same] = np.where(np.repeat(by_group, 2) == 1, 2.0, 0.5)
        similarities[recipe] = similarity
    return CandidateScores(similarities, HeldOutComparisons(same, different, groups, across=True))


def test_a_trained_recipe_is_left_only_for_one_that_leads_it_by_a_standard_error() -> None:
    trained, other = BLENDS[0], Whitening(1.0)
    by_chance = scores_of({Null(): [0.5, 0.5, 0.5, 0.5], trained: [1, 1, 1, 0.5], other: [1, 1, 1, 1]})
    assert by_chance.best([trained, other]) == other
    assert by_chance.lead(other, trained) == 0, "0.125 ahead, and 0.125 is the standard error"
    assert select.one_standard_error_rule(by_chance, [trained, other], [trained]) == trained
    recipe, choice = select.select(by_chance, [trained, other], [trained], fallback=EmittedMetric())
    assert recipe == trained
    assert "which no other clearly beats" in choice.reason
    clearly = scores_of({trained: [0.5, 0.5, 0.5, 1], other: [1, 1, 1, 1]})
    assert clearly.lead(other, trained) == 0.25
    assert select.one_standard_error_rule(clearly, [trained, other], [trained]) == other
    assert select.one_standard_error_rule(by_chance, [trained, other], []) == other, "nothing that training has tried"


def test_one_individual_is_enough_for_a_metric_that_is_emitted(emitting) -> None:
    support = support_of(nuisance_embeddings(6, 3, 2), np.repeat(np.arange(3), 2), num_pairs=6)
    one = select.fit_selected(emitting, with_latents(emitting, support.select(np.array([0, 1, 2, 4]))))
    assert (one.recipe, one.held_out) == (BLENDS[0], None)
    assert "too few pairs to choose" in one.choice.reason
    none = select.fit_selected(emitting, with_latents(emitting, support.select(np.array([0, 2, 4]))))
    assert none.recipe == Null(), "different-pairs alone"
    twins = support.select(np.array([0, 1, 2, 4]))
    twins = replace(twins, frozen=twins.frozen[[0, 0, 2, 3]])
    assert select.fit_selected(emitting, with_latents(emitting, twins)).recipe == EmittedMetric(), "they do not differ"


def test_one_individual_known_well_keeps_what_decisions_are_calibrated_on(emitting) -> None:
    individuals = np.array([0] * 5 + [1, 2, 3, 4, 5])
    support = support_of(nuisance_embeddings(6, 10, 1), individuals, num_pairs=12)
    chosen = select.fit_selected(emitting, with_latents(emitting, support))
    assert chosen.recipe == Null()
    assert np.isfinite(chosen.held_out.similarity).all()


def test_a_choice_keeps_similarities_of_photos_held_out(bare) -> None:
    support = nuisance_support(0)
    chosen = select.fit_selected(bare, support, "metric")
    kept = chosen.held_out
    np.testing.assert_array_equal(kept.groups, support.groups)
    np.testing.assert_array_equal(kept.relation, support.relation)
    fold = group_k_fold(support)[0]
    rest = np.setdiff1d(np.arange(len(support)), fold)
    rows = Fitter(SupportFeatures(bare, support), rest).embed(chosen.recipe, fold)
    np.testing.assert_allclose(kept.similarity[fold], rows[fold] @ rows.T, atol=1e-6)


def test_where_nothing_is_fitted_even_two_individuals_are_held_out(bare) -> None:
    support = nuisance_support(0, 2)
    chosen = select.fit_selected(bare, support, "null")
    np.testing.assert_allclose(chosen.held_out.similarity, support.frozen @ support.frozen.T, atol=1e-6)
    assert select.fit_selected(bare, support, "metric").held_out is None
