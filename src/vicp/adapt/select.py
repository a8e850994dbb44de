"""Chooses a prompt by leave-identities-out on the support: never by photos it will be judged on."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.candidate_scores import CandidateScores
from vicp.adapt.cross_validation import (
    MIN_GROUPS,
    HeldOutComparisons,
    beats_chance,
    can_be_calibrated,
    group_k_fold,
    leave_one_group_out,
)
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.fitting import fit, fit_many
from vicp.adapt.methods import generated
from vicp.adapt.prompt import Choice, Prompt, Recipe, Start
from vicp.adapt.recipe import (
    EMITTED_METRIC,
    NULL,
    MethodOrAuto,
    closed_form_candidates,
    default_recipe,
    emitted,
    needs_gradient_steps,
    tuned_candidates,
)
from vicp.decisions.held_out import HeldOut
from vicp.errors import DataError


def fit_selected(
    embedder: Embedder,
    support: EncodedSupport,
    method: MethodOrAuto = "auto",
    *,
    trial: CandidateScores | None = None,
) -> Prompt:
    """The prompt of that method, its settings chosen on the support; "auto" chooses the method too.

    Args:
        embedder: what embeds the photos.
        support: what is known of some of them.
        method: one of them, or "auto".
        trial: what `cross_validate` found for the same; None tries them.

    Raises:
        ConfigError: the method needs a VICP model or a static prompt, and there is none.
        DataError: a metric is asked for, or is all there is for few pairs, and the same-pairs give none.
    """
    trial = cross_validate(embedder, support, method) if trial is None else trial
    candidates = [recipe for recipe in trial.similarity if method in ("auto", recipe.method)]
    if candidates:
        cautious = None if method != "auto" else default_recipe(embedder, method)
        recipe, choice = _decide(trial, candidates, emitted(embedder), cautious)
    else:
        recipe = default_recipe(embedder, method)
        if method == "auto":
            trial, recipe = _fallback(embedder, support, recipe)
        few = f"too few pairs to choose: that takes {MIN_GROUPS} individuals with two photos each, and different-pairs"
        choice = Choice(f"{_name(recipe)}, for there are {few}", scores={})
    prompt = _with_states(embedder, support, fit(embedder, support, recipe))
    return replace(prompt, choice=choice, held_out=_held_out(support, trial.similarity.get(recipe), recipe))


def cross_validate(embedder: Embedder, support: EncodedSupport, method: MethodOrAuto) -> CandidateScores:
    """What a method's candidates, and nothing, are worth on identities held out; empty if too few can be.

    Tuning, where it is tried, starts from the best of the prompts there are.
    """
    folds = group_k_fold(support)
    trial = CandidateScores({}, HeldOutComparisons.of(support, folds))
    if folds:
        trial = _extend(trial, embedder, support, folds, closed_form_candidates(embedder, method))
    if folds and needs_gradient_steps(embedder, method):
        start = trial.best([r for r in trial.similarity if r.start is not None and r.method != "metric"]).start
        trial = _extend(trial, embedder, support, folds, tuned_candidates(start, method))
    return trial


def _extend(
    trial: CandidateScores,
    embedder: Embedder,
    support: EncodedSupport,
    folds: list[np.ndarray],
    recipes: Sequence[Recipe],
) -> CandidateScores:
    """The trial with more candidates: those that every fold can fit."""
    comparisons, everything = trial.comparisons, np.arange(len(support))
    found = {recipe: np.full((len(support), len(support)), np.nan) for recipe in recipes}
    seen_once: dict[Start, Tensor] = {}
    for number, fold in enumerate(folds, 1):
        rest = np.setdiff1d(everything, fold)
        seen = everything if comparisons.across else fold
        for recipe, embeddings in fit_many(embedder.quiet(), support, rest, recipes, seen=seen, kept=seen_once):
            found[recipe][fold] = (embeddings[fold] @ embeddings.T).double().numpy()
        embedder.progress(number, len(folds))
    fitted = {recipe: own for recipe, own in found.items() if not np.isnan(own[comparisons.same]).any()}
    return replace(trial, similarity=trial.similarity | fitted)


def _fallback(embedder: Embedder, support: EncodedSupport, recipe: Recipe) -> tuple[CandidateScores, Recipe]:
    """This or less, with too few pairs to choose by, and a trial of that for decisions to be calibrated on.

    Where nothing can be held out, but decisions can be calibrated on the plain backbone, it is that.
    """
    offered = emitted(embedder)
    trial = _hold_out_each(embedder, support, [recipe, EMITTED_METRIC] if offered else [recipe])
    if trial.similarity or not offered or not support.pairs.same.any() or can_be_calibrated(support.relation):
        return trial, held_out_or_none(trial, recipe)
    try:
        fit(embedder, support, recipe)
    except DataError:  # the same-pairs do not differ
        return trial, EMITTED_METRIC
    return trial, recipe


def _hold_out_each(embedder: Embedder, support: EncodedSupport, recipes: Sequence[Recipe]) -> CandidateScores:
    """A trial of candidates, each individual held out alone: for too few of them to choose by."""
    folds = leave_one_group_out(support)
    trial = CandidateScores({}, HeldOutComparisons.of(support, folds))
    return _extend(trial, embedder.quiet(), support, folds, recipes) if folds else trial


def _decide(
    trial: CandidateScores, candidates: Sequence[Recipe], favoured: Sequence[Recipe], cautious: Recipe | None
) -> tuple[Recipe, Choice]:
    """The best candidate and why; where labels seem to mean nothing, what seldom harms, if that may be chosen."""
    best = _best(trial, candidates, [recipe for recipe in favoured if recipe in candidates])
    chosen, why = (best, "as asked") if cautious is None else _reason_against(trial, best, cautious)
    right = f"{trial.score(chosen):.2f} of held-out comparisons right"
    against = "" if chosen == NULL else f"; nothing: {trial.score(NULL):.2f}"
    threshold, accuracy = trial.comparisons.threshold(trial.similarity[chosen])
    scores = {str(recipe): round(trial.score(recipe), 4) for recipe in trial.similarity}
    return chosen, Choice(f"chose {_name(chosen)}, {why} ({right}{against})", scores, threshold, accuracy)


def _best(trial: CandidateScores, candidates: Sequence[Recipe], favoured: Sequence[Recipe]) -> Recipe:
    """The best of those that training has tried on many categories, or another that leads it by a standard error.

    A few held-out individuals rank candidates of about one worth by chance; results/ablations/choice.md has what the
    margin is worth.
    """
    if not favoured:
        return trial.best(candidates)
    usual = trial.best(favoured)
    leads = {recipe: trial.lead(recipe, usual) for recipe in candidates}
    first = max(leads, key=lambda recipe: leads[recipe])
    return first if leads[first] > 0 else usual


def _reason_against(trial: CandidateScores, best: Recipe, cautious: Recipe) -> tuple[Recipe, str]:
    """The best candidate of a trial, or what seldom harms where none is clearly better than guessing; and why."""
    top = trial.best(list(trial.similarity))
    if not beats_chance(trial.by_group(best)):
        doubt = "no prompt is clearly better than guessing"
        if beats_chance(trial.by_group(top)):
            doubt = "what the model emits is not clearly better than guessing, and nothing leads it"
        return held_out_or_none(trial, cautious), f"for on held-out individuals {doubt}"
    if trial.score(best) < trial.score(top):
        return best, "which nothing leads by a standard error on held-out individuals"
    return best, f"{'which no prompt beats' if best == NULL else 'the best'} on held-out individuals"


def held_out_or_none(trial: CandidateScores, recipe: Recipe) -> Recipe:
    """What to do where nothing can be told: this, if the same-pairs give it with any of them held out, or less."""
    return next((less for less in (recipe, EMITTED_METRIC) if less in trial.similarity), NULL)


def _held_out(support: EncodedSupport, similarity: NDArray[np.float64] | None, recipe: Recipe) -> HeldOut | None:
    """The support's similarities as seen when held out; where nothing is fitted, all of them are."""
    if recipe == NULL:
        similarity = (support.frozen @ support.frozen.T).double().numpy()
    return None if similarity is None else HeldOut.of(similarity, support.groups, support.relation)


def _with_states(embedder: Embedder, support: EncodedSupport, prompt: Prompt) -> Prompt:
    """The same with the slot states of the support, which the verifier reads whatever photos are embedded with."""
    if embedder.model is None or (prompt.visual is not None and prompt.visual.states is not None):
        return prompt
    own = generated.generated_prompt(embedder, support).visual
    if own is None or prompt.visual is None:
        return replace(prompt, visual=own)
    return replace(prompt, visual=replace(prompt.visual, states=own.states))


def _name(recipe: Recipe) -> str:
    return "nothing" if recipe == NULL else str(recipe)
