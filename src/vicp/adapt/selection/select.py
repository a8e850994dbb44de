"""Select a prompt by leave-identities-out cross-validation on the support alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import numpy as np

from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.fitting import Fitter, SupportFeatures
from vicp.adapt.prompt import Choice, Prompt
from vicp.adapt.recipe import (
    EmittedMetric,
    GeneratedPrompt,
    MethodOrAuto,
    Null,
    RandomTokens,
    Recipe,
    StaticTokens,
)
from vicp.adapt.selection.candidates import (
    closed_form_candidates,
    default_recipe,
    emitted_metric_recipes,
    tuned_candidates,
)
from vicp.adapt.selection.cross_validation import (
    MIN_GROUPS,
    Array,
    CandidateScores,
    beats_chance,
    can_be_calibrated,
    cross_validate,
    group_k_fold,
    leave_one_group_out,
)
from vicp.adapt.selection.usefulness import measure_usefulness
from vicp.adapt.teaching_model import TeachingModel
from vicp.decisions.held_out import HeldOut
from vicp.decisions.typicality import CategoryReference
from vicp.errors import ConfigError, DataError

TOO_FEW = f"too few pairs to choose: that takes {MIN_GROUPS} individuals with two photos each, and different-pairs"


def fit_selected(
    embedder: TeachingModel,
    support: EncodedSupport,
    method: MethodOrAuto = "auto",
    *,
    scores: CandidateScores | None = None,
) -> Prompt:
    """Return the prompt of a method, its settings chosen on the support; "auto" chooses the method too.

    Args:
        embedder: What embeds the photos.
        support: Photos of a category and what is known of them.
        method: One of the adaptation methods, or "auto".
        scores: Of `score_candidates` for the same arguments; None computes them.

    Raises:
        ConfigError: No such method, or it needs a VICP model or a static prompt and there is none.
        DataError: A metric is asked for, or is all there is for few pairs, and the same-pairs give none.
    """
    if method not in get_args(MethodOrAuto):
        raise ConfigError(f"no adaptation {method!r}, expected one of {', '.join(get_args(MethodOrAuto))}")
    fitter = Fitter(SupportFeatures(embedder, support))
    scores = score_candidates(fitter.features, method) if scores is None else scores
    candidates = [recipe for recipe in scores.similarity if method in ("auto", recipe.method)]
    if candidates:
        fallback = default_recipe(embedder, method) if method == "auto" else None
        recipe, choice = select(scores, candidates, emitted_metric_recipes(embedder), fallback)
    else:
        recipe = default_recipe(embedder, method)
        if method == "auto":
            recipe, scores = select_without_scores(fitter, recipe)
        choice = Choice(f"took {_in_words(recipe)}, for there are {TOO_FEW}", scores={})
    prompt = _with_slot_states(fitter, fitter.fit(recipe))
    held_out = _held_out(support, scores.similarity.get(recipe), recipe)
    reference = CategoryReference(support.frozen, support.groups)
    use = measure_usefulness(fitter.features, recipe)
    return replace(prompt, choice=choice, held_out=held_out, reference=reference, usefulness=use)


def score_candidates(features: SupportFeatures, method: MethodOrAuto) -> CandidateScores:
    """Return the scores of a method's candidates and of the null prompt; none if too few identities can be held out.

    Tuning, where it is tried, starts from the prompt with the highest score.
    """
    embedder, folds = features.embedder, group_k_fold(features.support)
    recipes = closed_form_candidates(embedder, method)
    scores = cross_validate(features, recipes, folds, progress=embedder.progress)
    if folds and method == "tuned":  # costs a hundred times as much, for less: results/context.md
        prompts = [r for r in scores.similarity if isinstance(r, StaticTokens | GeneratedPrompt | RandomTokens)]
        start = max(prompts, key=scores.score).source
        tuned = cross_validate(features, tuned_candidates(start), folds, progress=embedder.progress)
        scores = scores.with_scores_of(tuned)
    return scores


def select(
    scores: CandidateScores, candidates: Sequence[Recipe], trained: Sequence[Recipe], fallback: Recipe | None
) -> tuple[Recipe, Choice]:
    """Return the selected candidate and why.

    Args:
        scores: Of all that were tried.
        candidates: Those that may be selected.
        trained: Recipes that training has fitted on many categories; see `one_standard_error_rule`.
        fallback: Taken where no candidate beats chance; None: the selected candidate is taken in any case.
    """
    selected = one_standard_error_rule(scores, candidates, [recipe for recipe in trained if recipe in candidates])
    recipe, why = (selected, "as asked") if fallback is None else check_against_chance(scores, selected, fallback)
    right = f"{scores.score(recipe):.2f} of held-out comparisons right"
    null = "" if recipe == Null() else f"; nothing: {scores.score(Null()):.2f}"
    threshold, accuracy = scores.comparisons.threshold(scores.similarity[recipe])
    by_name = {str(candidate): round(scores.score(candidate), 4) for candidate in scores.similarity}
    return recipe, Choice(f"chose {_in_words(recipe)}, {why} ({right}{null})", by_name, threshold, accuracy)


def one_standard_error_rule(scores: CandidateScores, candidates: Sequence[Recipe], trained: Sequence[Recipe]) -> Recipe:
    """Return the best of the trained recipes, unless another candidate leads it by more than one standard error.

    This is the one-standard-error rule (Breiman, Friedman, Olshen and Stone, Classification and Regression Trees,
    1984): of models within one standard error of the best the simplest is taken. Here "simplest" is what training has
    tried on many categories, because few held-out individuals rank candidates of about the same worth by chance;
    results/ablations/choice.md has what the margin is worth. With no trained recipe it is the best candidate.
    """
    if not trained:
        return scores.best(candidates)
    best_trained = scores.best(trained)
    leads = {recipe: scores.lead(recipe, best_trained) for recipe in candidates}
    leader = max(leads, key=lambda recipe: leads[recipe])
    return leader if leads[leader] > 0 else best_trained


def check_against_chance(scores: CandidateScores, selected: Recipe, fallback: Recipe) -> tuple[Recipe, str]:
    """Return the selected recipe, or the fallback where it does not clearly beat chance; and why."""
    best = scores.best(list(scores.similarity))
    if not beats_chance(scores.by_group(selected)):
        why = "no prompt is clearly better than guessing"
        if beats_chance(scores.by_group(best)):
            why = "what the model emits is not clearly better than guessing, and nothing leads it"
        return fitted_fallback(scores, fallback), f"for on held-out individuals {why}"
    if scores.score(selected) < scores.score(best):
        return selected, "which no other clearly beats on held-out individuals"
    return selected, f"{'which no prompt beats' if selected == Null() else 'the best'} on held-out individuals"


def fitted_fallback(scores: CandidateScores, fallback: Recipe) -> Recipe:
    """Return the first that every fold could fit: the fallback, the emitted metric, or the null prompt."""
    return next((recipe for recipe in (fallback, EmittedMetric()) if recipe in scores.similarity), Null())


def select_without_scores(fitter: Fitter, fallback: Recipe) -> tuple[Recipe, CandidateScores]:
    """Return the fallback or less, for a support too small to choose by; and scores of it to calibrate decisions on.

    Each individual is held out alone. Where that cannot be done, but decisions can be calibrated on the plain
    backbone, the null prompt is returned.
    """
    features, support = fitter.features, fitter.support
    emits = bool(emitted_metric_recipes(fitter.embedder))
    recipes = [fallback, EmittedMetric()] if emits else [fallback]
    scores = cross_validate(features, recipes, leave_one_group_out(support))
    if scores.similarity or not emits or not support.pairs.same.any() or can_be_calibrated(support.relation):
        return fitted_fallback(scores, fallback), scores
    try:
        fitter.fit(fallback)
    except DataError:  # the same-pairs do not differ
        return EmittedMetric(), scores
    return fallback, scores


def _held_out(support: EncodedSupport, similarity: Array | None, recipe: Recipe) -> HeldOut | None:
    """Return the held-out similarities of a recipe; the null prompt is not fitted, so all of its similarities are."""
    if recipe == Null():
        similarity = (support.frozen @ support.frozen.T).astype(np.float64)
    return None if similarity is None else HeldOut.of(similarity, support.groups, support.relation)


def _with_slot_states(fitter: Fitter, prompt: Prompt) -> Prompt:
    """Return the prompt with the support's slot states, which the in-context verifier reads whatever the recipe."""
    if fitter.embedder.model is None or (prompt.visual is not None and prompt.visual.states is not None):
        return prompt
    generated = fitter.fit(GeneratedPrompt()).visual
    if generated is None or prompt.visual is None:
        return replace(prompt, visual=generated)
    return replace(prompt, visual=replace(prompt.visual, states=generated.states))


def _in_words(recipe: Recipe) -> str:
    return "nothing" if recipe == Null() else str(recipe)
