"""Build an evaluation task from a split; photos that must not be in it are left out."""

from dataclasses import replace

import numpy as np

from vicp.errors import DataError
from vicp.evaluation.photos import Mask
from vicp.evaluation.protocols.category_photos import CategoryPhotos
from vicp.evaluation.protocols.pairs import has_answer, sample_pairs
from vicp.evaluation.protocols.splits import Split
from vicp.evaluation.task import EvaluationTask, LabelledPairs, Rows
from vicp.phrases import are, counted

KEEP_TRAINED = "--keep-trained"


def build_task(
    photos: CategoryPhotos, division: Split, *, groups: Rows | None, open_set: bool
) -> tuple[EvaluationTask, list[str]]:
    """Return the task, and sentences without a full stop on photos that take no part.

    Left out of the support are identities that are looked up or looked in; left out of the queries, those without
    a right answer in the gallery, except where each photo is looked up among the others and, in an open set, those
    whose identity is not there at all.

    Args:
        photos: Of the category.
        division: Of them.
        groups: For `EvaluationTask.groups`.
        open_set: Queries of unknown identity are wanted.

    Raises:
        DataError: No support or no query is left; the message is the reason.
    """
    division, num_trained = _without_trained(photos, division)
    support = division.support & ~photos.of_identities(division.query | division.gallery)
    answered = has_answer(photos.identities, photos.groups, division.query, division.gallery)
    new = division.query & ~photos.of_identities(division.gallery)
    query = division.query if division.leave_one_out else answered | (new if open_set else False)
    _check_questions(photos, division.gallery, answered)
    if open_set and not new.any():
        raise DataError("no identity is left to be unknown next to a known one, so nothing can be called new")
    _check_support(photos, support)
    seed = photos.seed_of(division.variant)
    pairs = division.pairs or sample_pairs(photos.identities, photos.groups, query, division.gallery, seed=seed)
    task = EvaluationTask(
        photos.category,
        support=photos.rows[support],
        query=photos.rows[query],
        gallery=photos.rows[division.gallery],
        leave_one_out=division.leave_one_out,
        groups=groups,
        pairs=None if pairs is None else LabelledPairs(photos.rows[pairs.left], photos.rows[pairs.right], pairs.same),
        fold=division.fold,
        variant=division.variant,
    )
    return task, [*division.notes, *_trained_notes(num_trained), *_notes(division, support, query)]


def _without_trained(photos: CategoryPhotos, division: Split) -> tuple[Split, int]:
    """Return the split without queries and gallery photos that a checkpoint was trained on, and of how many identities.

    Raises:
        DataError: No query is left.
    """
    trained = photos.trained & (division.query | division.gallery)
    if not trained.any():
        return division, 0
    query, gallery, pairs = division.query & ~trained, division.gallery & ~trained, division.pairs
    if not query.any():
        raise DataError(
            "a checkpoint was trained on every individual that would be looked up; give other photos, or look them up "
            f"all the same with {KEEP_TRAINED}"
        )
    if pairs is not None:
        kept = ~trained[pairs.left] & ~trained[pairs.right]
        pairs = LabelledPairs(pairs.left[kept], pairs.right[kept], pairs.same[kept])
    return replace(division, query=query, gallery=gallery, pairs=pairs), len(np.unique(photos.identities[trained]))


def _trained_notes(num_identities: int) -> list[str]:
    if not num_identities:
        return []
    noun = "individual is" if num_identities == 1 else "individuals are"
    return [f"{num_identities} {noun} not looked up, for a checkpoint was trained on them ({KEEP_TRAINED} keeps them)"]


def _check_questions(photos: CategoryPhotos, gallery: Mask, answered: Mask) -> None:
    identities = np.unique(photos.identities[gallery])
    if len(identities) < 2:
        raise DataError(f"the photos to look in show {len(identities)} identities, expected two or more")
    if not answered.any():
        raise DataError(
            "no photo that is looked up has a right answer: none of its identity, at another moment, is looked in"
        )


def _check_support(photos: CategoryPhotos, support: Mask) -> None:
    counts = np.bincount(photos.identities[support])
    num_identities = int((counts > 0).sum())
    if num_identities < 2 or counts.max() < 2:
        raise DataError(
            f"its support has {int(counts.sum())} photos of {num_identities} identities that are not looked up, "
            "expected two identities and two photos of one"
        )


def _notes(division: Split, support: Mask, query: Mask) -> list[str]:
    """Return what was left out of the support and of the queries."""
    num_queries, num_support = int((division.query & ~query).sum()), int((division.support & ~support).sum())
    notes = []
    if num_queries:
        not_looked_up = f"{counted(num_queries, 'photo')} {are(num_queries)} not looked up"
        notes.append(f"{not_looked_up}, for there is no right answer among those looked in")
    if num_support:
        whose = "its identity is" if num_support == 1 else "their identities are"
        left_out = f"{counted(num_support, 'photo')} {are(num_support)} left out of the support"
        notes.append(f"{left_out}, for {whose} in the test")
    return notes
