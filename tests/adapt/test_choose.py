"""The choice on held-out identities: what it finds, and that it finds nothing where there is nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.adapt.synthetic import DIM, draw, nuisance_embeddings, pairs_of, support_of

from vicp.adapt import recipe as recipe_module
from vicp.adapt import select
from vicp.adapt.candidate_scores import CandidateScores
from vicp.adapt.cross_validation import HeldOutComparisons, group_k_fold
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport, relate_pairs
from vicp.adapt.fitting import fit, fit_many
from vicp.adapt.load import make_embedder
from vicp.adapt.methods.whitening import apply, fit_groups
from vicp.adapt.prompt import Recipe
from vicp.adapt.recipe import NULL, RANDOM, SHRINKAGES, STRONG_SHRINKAGE
from vicp.data.images import normalise
from vicp.errors import ConfigError, DataError
from vicp.metrics import retrieval
from vicp.model.build import PRESETS, build_model


@pytest.fixture(scope="module")
def full() -> Embedder:
    return make_embedder(build_model(PRESETS["tiny"]).eval())


@pytest.fixture(scope="module")
def bare(full: Embedder) -> Embedder:
    return replace(full, model=None)


def nuisance_support(seed: int, num_identities: int = 16) -> EncodedSupport:
    embeddings = nuisance_embeddings(seed, num_identities, 3)
    return support_of(embeddings, np.repeat(np.arange(num_identities), 3), seed=seed)


def with_latents(full: Embedder, support: EncodedSupport) -> EncodedSupport:
    return replace(support, latents=full.latents(support.pixels))


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
        for rows in (others, chosen.finish([others]))
    ]
    assert found[1] > found[0] + 0.1


def test_labels_that_mean_nothing_are_followed_with_caution(bare, monkeypatch) -> None:
    monkeypatch.setattr(recipe_module, "STEPS", (5, 10))  # fewer, for time
    chosen, gains = [], []
    for seed in range(10):
        true = np.repeat(np.arange(12), 3)
        embeddings = torch.nn.functional.normalize(draw(100 + seed, 12, DIM)[true] + draw(seed, 36, DIM), dim=1)
        labels = np.random.default_rng(seed).permutation(36) // 3
        prompt = select.fit_selected(bare, support_of(embeddings, labels, seed=seed))
        chosen.append(prompt.recipe)
        found = [retrieval(x, x, true, true, leave_one_out=True).map for x in (prompt.finish([embeddings]), embeddings)]
        gains.append(found[0] - found[1])
    assert chosen.count(STRONG_SHRINKAGE) >= 8
    assert abs(np.mean(gains)) < 0.03, "a mild whitening by labels that mean nothing does little"


def test_easy_photos_are_left_as_they_are(bare) -> None:
    embeddings = torch.eye(DIM)[:8].repeat_interleave(3, dim=0) + 0.01 * draw(0, 24, DIM)
    support = support_of(torch.nn.functional.normalize(embeddings, dim=1), np.repeat(np.arange(8), 3))
    chosen = select.fit_selected(bare, support)
    assert chosen.recipe == NULL
    assert chosen.choice.scores["null"] == 1
    assert "which no prompt beats" in chosen.choice.reason


def test_the_choice_can_be_had_again(bare) -> None:
    support = nuisance_support(1, 8)
    assert select.fit_selected(bare, support).choice == select.fit_selected(bare, support).choice


def test_fitting_many_is_fitting_each(full) -> None:
    support = with_latents(full, nuisance_support(2, 6))
    full = replace(full, static=draw(3, 2, 4, DIM))
    recipes = [
        NULL,
        RANDOM,
        Recipe("generated", "prompted", "generated"),
        Recipe("static", "prompted", "static"),
    ]
    recipes += [Recipe("metric", kind, "generated", shrinkage=s) for kind in ("prompted", "both") for s in (0.1, 1.0)]
    recipes += [Recipe("metric", "frozen", shrinkage=0.3)]
    recipes += [Recipe("tuned", "prompted", "static", steps=s, rate=r) for s in (1, 3) for r in (2e-2, 5e-3)]
    everything = np.arange(len(support))
    together = dict(fit_many(full, support, everything, recipes, seen=everything))
    assert set(together) == set(recipes)
    for recipe in recipes:
        alone = fit(full, support, recipe)
        assert alone.recipe == recipe
        views = [support.frozen if p is None else _prompted(full, support, p) for p in alone.views]
        torch.testing.assert_close(together[recipe], alone.finish(views), atol=1e-4, rtol=0)


def _prompted(full: Embedder, support: EncodedSupport, prompt) -> torch.Tensor:
    with torch.inference_mode():
        states = full.backbone.prompt_states(prompt.tokens)
        return full.backbone.embed(normalise(support.pixels, full.transform), states)


def test_held_out_labels_do_not_reach_what_is_fitted(full) -> None:
    support = with_latents(full, nuisance_support(4, 8))
    fold = group_k_fold(support)[0]
    rest = np.setdiff1d(np.arange(len(support)), fold)
    flipped = support.pairs.same ^ (np.isin(support.pairs.left, fold) | np.isin(support.pairs.right, fold))
    assert flipped.sum() != support.pairs.same.sum()
    groups = support.groups.copy()
    groups[fold] = 0
    other = replace(support, pairs=replace(support.pairs, same=flipped), groups=groups)
    recipes = [Recipe("generated", "prompted", "generated"), Recipe("metric", "frozen", shrinkage=0.3)]
    recipes += [Recipe("tuned", "prompted", "generated", steps=2, rate=2e-2)]
    one, two = (dict(fit_many(full, s, rest, recipes, seen=fold)) for s in (support, other))
    for recipe in recipes:
        assert torch.equal(one[recipe][fold], two[recipe][fold]), recipe


def test_a_held_out_metric_is_centred_on_all_photos(bare) -> None:
    support = nuisance_support(4, 8)
    fold = group_k_fold(support)[0]
    rest = np.setdiff1d(np.arange(len(support)), fold)
    recipe = Recipe("metric", "frozen", shrinkage=0.3)
    ((_, embeddings),) = fit_many(bare, support, rest, [recipe], seen=fold)
    metric = replace(fit_groups(support.frozen[rest], support.groups[rest], [0.3])[0], mean=support.frozen.mean(dim=0))
    torch.testing.assert_close(embeddings, apply(metric, support.frozen))


def test_the_best_on_held_out_individuals_is_chosen_by_however_little() -> None:
    support = support_of(torch.eye(12), np.repeat(np.arange(4), 3))
    comparisons = HeldOutComparisons.of(support, [np.arange(12)])
    null = np.where(support.relation == 1, 0.9, 0.1)
    null[0, 1:3] = null[5, 3:5] = 0  # two of twelve photos are wrong
    some = null.copy()
    some[0, 1:3] = 0.9  # one of them
    metric = Recipe("metric", "frozen", shrinkage=0.3)
    trial = CandidateScores({NULL: null, metric: some}, comparisons)
    assert trial.best([NULL, metric]) == metric
    assert select._reason_against(trial, metric, STRONG_SHRINKAGE) == (metric, "the best on held-out individuals")
    assert select._reason_against(replace(trial, similarity={NULL: null}), NULL, STRONG_SHRINKAGE)[0] == NULL
    guessing = np.tile([0.9, 0.1], (12, 6))
    why = "for on held-out individuals no prompt is clearly better than guessing"
    for told in (NULL, metric):
        trial = CandidateScores(dict.fromkeys((NULL, metric, STRONG_SHRINKAGE), guessing), comparisons)
        assert select._reason_against(trial, told, STRONG_SHRINKAGE) == (STRONG_SHRINKAGE, why)
    assert select._reason_against(CandidateScores({NULL: guessing}, comparisons), NULL, STRONG_SHRINKAGE) == (
        NULL,
        why,
    ), "no metric"


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
    assert null.recipe == NULL
    states = generated.visual.states
    assert all(torch.equal(a.prompt.states, states) for a in (metric, tuned, null)), "the verifier reads them"


def test_too_few_pairs_to_choose(full, bare) -> None:
    support = support_of(nuisance_embeddings(6, 3, 2), np.repeat(np.arange(3), 2), num_pairs=6)
    chosen = select.fit_selected(bare, support)
    assert chosen.recipe == STRONG_SHRINKAGE
    few = "metric on frozen photos, shrinkage 10, for there are too few pairs to choose: that takes 4 individuals"
    assert chosen.choice.reason.startswith(few)
    assert (chosen.choice.scores, chosen.choice.threshold) == ({}, None)
    without = fit_groups(support.frozen[2:], support.groups[2:], [10.0])[0]
    held_out = apply(replace(without, mean=support.frozen.mean(dim=0)), support.frozen)
    np.testing.assert_allclose(chosen.held_out.similarity[:2], held_out[:2] @ held_out.T, atol=1e-5)
    one = select.fit_selected(bare, support.select(np.array([0, 1, 2, 4])))
    assert one.recipe == NULL, "with its only individual held out nothing is left to learn from"
    assert np.isfinite(one.held_out.similarity).all()
    assert select.fit_selected(bare, support, "metric").recipe == Recipe("metric", "frozen", shrinkage=3.0)
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
    assert select.fit_selected(bare, support, "metric").recipe == Recipe("metric", "frozen", shrinkage=3.0)
    assert select.fit_selected(bare, support).recipe == STRONG_SHRINKAGE


def test_what_is_missing_is_said(bare) -> None:
    support = nuisance_support(9, 6)
    with pytest.raises(ConfigError, match="bare backbone: give --model"):
        select.fit_selected(bare, support, "generated")
    with pytest.raises(ConfigError, match=r"static\.prompt\.safetensors"):
        select.fit_selected(bare, support, "static")
    twins = replace(support, frozen=support.frozen[::3].repeat_interleave(3, dim=0))
    with pytest.raises(DataError, match="'thing' give no metric"):
        select.fit_selected(bare, twins, "metric")
    assert select.fit_selected(bare, twins).recipe.method != "metric"


def test_where_no_metric_is_emitted_tuned_prompts_are_tried(full: Embedder) -> None:
    support = with_latents(full, nuisance_support(3))
    trial = select.cross_validate(full, support, "auto")
    assert {recipe.method for recipe in trial.similarity} == {"null", "generated", "metric", "tuned"}


def test_a_model_that_emits_gains_offers_them_without_its_tokens() -> None:
    """The same recipe fitted on a part of the support, and on all of it."""
    config = replace(PRESETS["tiny"], metric_rank=8, metric_refinement=True)
    emitting = make_embedder(build_model(config).eval())
    support = with_latents(emitting, nuisance_support(3))
    trial = select.cross_validate(emitting, support, "auto")
    assert recipe_module.EMITTED_METRIC in trial.similarity
    assert all(recipe.features == "frozen" for recipe in trial.similarity), "no photo is looked at again"
    assert all(recipe.steps is None for recipe in trial.similarity), "and nothing is tuned"
    asked_for = select.cross_validate(emitting, support, "tuned")
    assert any(recipe.steps for recipe in asked_for.similarity), "unless that is asked for"
    everything = np.arange(len(support))
    offered = [recipe_module.EMITTED_METRIC, recipe_module.BESIDE, recipe_module.EVENLY]
    found = dict(fit_many(emitting, support, everything, offered, seen=everything))
    assert list(found) == offered
    for recipe, embeddings in found.items():
        torch.testing.assert_close(embeddings, fit(emitting, support, recipe).finish([support.frozen]))


def test_two_metrics_side_by_side_are_as_similar_as_both_say() -> None:
    emitting = make_embedder(build_model(replace(PRESETS["tiny"], metric_rank=8)).eval())
    support = with_latents(emitting, nuisance_support(3))
    recipes = [recipe_module.EMITTED_METRIC, replace(recipe_module.BESIDE, start=None, share=None)]
    emitted, fitted = (fit(emitting, support, recipe).finish([support.frozen]) for recipe in recipes)
    for recipe, share in ((recipe_module.BESIDE, 0.8), (recipe_module.EVENLY, 0.5)):
        both = fit(emitting, support, recipe).finish([support.frozen])
        torch.testing.assert_close(both @ both.T, share * emitted @ emitted.T + (1 - share) * fitted @ fitted.T)
    assert not torch.allclose(emitted @ emitted.T, fitted @ fitted.T, atol=0.01)


def test_too_few_pairs_to_choose_and_a_model_that_emits_a_metric() -> None:
    emitting = make_embedder(build_model(replace(PRESETS["tiny"], metric_rank=8)).eval())
    support = support_of(nuisance_embeddings(6, 3, 2), np.repeat(np.arange(3), 2), num_pairs=6)
    chosen = select.fit_selected(emitting, with_latents(emitting, support))
    assert chosen.recipe == recipe_module.BESIDE
    beside = "generated metric, of weight 0.8, beside a metric on frozen photos, shrinkage 3"
    said = f"{beside}, for there are too few pairs to choose"
    assert chosen.choice.reason.startswith(said)
    assert np.isfinite(chosen.held_out.similarity).all()


def trial_of(shares: dict[Recipe, list[float]]) -> CandidateScores:
    """A trial of four groups of two photos in which these shares of comparisons are ranked right, each 0.5 or 1."""
    groups = np.repeat(np.arange(4), 2)
    same = (groups[:, None] == groups) & ~np.eye(8, dtype=bool)
    different = groups[:, None] != groups
    found = {}
    for recipe, own in shares.items():
        similarity = np.where(np.add.outer(np.arange(8), np.arange(8)) % 2 == 0, 0.0, 1.0)  # half of them above 0.5
        similarity[same] = np.where(np.repeat(own, 2) == 1, 2.0, 0.5)
        found[recipe] = similarity
    return CandidateScores(found, HeldOutComparisons(same, different, groups, across=True))


def test_what_training_has_tried_is_left_only_for_what_clearly_leads_it() -> None:
    usual, other = recipe_module.BESIDE, Recipe("metric", "frozen", shrinkage=1.0)
    by_chance = trial_of({NULL: [0.5, 0.5, 0.5, 0.5], usual: [1, 1, 1, 0.5], other: [1, 1, 1, 1]})
    assert by_chance.best([usual, other]) == other
    assert by_chance.lead(other, usual) == 0, "0.125 ahead, and 0.125 is the standard error"
    assert select._best(by_chance, [usual, other], [usual]) == usual
    recipe, choice = select._decide(by_chance, [usual, other], [usual], cautious=recipe_module.EMITTED_METRIC)
    assert recipe == usual
    assert "which nothing leads by a standard error" in choice.reason
    clearly = trial_of({usual: [0.5, 0.5, 0.5, 1], other: [1, 1, 1, 1]})
    assert clearly.lead(other, usual) == 0.25
    assert select._best(clearly, [usual, other], [usual]) == other
    assert select._best(by_chance, [usual, other], []) == other, "a bare backbone has nothing that training has tried"


def test_one_individual_is_enough_for_a_metric_that_is_emitted() -> None:
    emitting = make_embedder(build_model(replace(PRESETS["tiny"], metric_rank=8)).eval())
    support = support_of(nuisance_embeddings(6, 3, 2), np.repeat(np.arange(3), 2), num_pairs=6)
    one = select.fit_selected(emitting, with_latents(emitting, support.select(np.array([0, 1, 2, 4]))))
    assert (one.recipe, one.held_out) == (recipe_module.BESIDE, None)
    assert "too few pairs to choose" in one.choice.reason
    none = select.fit_selected(emitting, with_latents(emitting, support.select(np.array([0, 2, 4]))))
    assert none.recipe == NULL, "different-pairs alone"
    twins = support.select(np.array([0, 1, 2, 4]))
    twins = replace(twins, frozen=twins.frozen[[0, 0, 2, 3]])
    assert select.fit_selected(emitting, with_latents(emitting, twins)).recipe == recipe_module.EMITTED_METRIC, (
        "they do not differ"
    )


def test_one_individual_known_well_keeps_what_decisions_are_calibrated_on() -> None:
    emitting = make_embedder(build_model(replace(PRESETS["tiny"], metric_rank=8)).eval())
    individuals = np.array([0] * 5 + [1, 2, 3, 4, 5])
    support = support_of(nuisance_embeddings(6, 10, 1), individuals, num_pairs=12)
    chosen = select.fit_selected(emitting, with_latents(emitting, support))
    assert chosen.recipe == NULL
    assert np.isfinite(chosen.held_out.similarity).all()


def test_photos_under_the_static_prompt_are_looked_at_once(full: Embedder) -> None:
    prompted = replace(full, static=draw(5, 4, DIM))
    support = with_latents(prompted, nuisance_support(4))
    everything, recipes, kept = np.arange(len(support)), [recipe_module.STATIC], {}
    ((_, first),) = fit_many(prompted, support, everything[:20], recipes, seen=everything, kept=kept)
    assert torch.equal(kept["static"], first)
    ((_, second),) = fit_many(prompted, support, everything[20:], recipes, seen=everything, kept=kept)
    assert second is first


def test_a_choice_keeps_similarities_of_photos_held_out(bare) -> None:
    support = nuisance_support(0)
    chosen = select.fit_selected(bare, support, "metric")
    kept = chosen.held_out
    np.testing.assert_array_equal(kept.groups, support.groups)
    np.testing.assert_array_equal(kept.relation, support.relation)
    fold = group_k_fold(support)[0]
    rest = np.setdiff1d(np.arange(len(support)), fold)
    ((_, rows),) = fit_many(bare, support, rest, [chosen.recipe], seen=fold)
    np.testing.assert_allclose(kept.similarity[fold], (rows[fold] @ rows.T).numpy(), atol=1e-6)


def test_where_nothing_is_fitted_even_two_individuals_are_held_out(bare) -> None:
    support = nuisance_support(0, 2)
    chosen = select.fit_selected(bare, support, "null")
    np.testing.assert_allclose(chosen.held_out.similarity, (support.frozen @ support.frozen.T).numpy(), atol=1e-6)
    assert select.fit_selected(bare, support, "metric").held_out is None
