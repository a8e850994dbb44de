"""Ranks the identities of a gallery for a photo, and says whether it shows one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.decisions.closest import best_impostor, closest_by_identity
from vicp.decisions.impostor_trials import searches_among
from vicp.decisions.outcome import ErrorTargets, Identification
from vicp.decisions.rule import DecisionRule, decision_rule
from vicp.gallery.search import closest_identities, group_photos

MOST_SEARCHING = 5000  # identities: all of them against all are 100 MB


@dataclass(frozen=True)
class Candidate:
    """One identity of the gallery, by its photo closest to the query.

    Attributes:
        identity: its name.
        similarity: cosine in [-1, 1].
        photo: index of that photo in the gallery.
        probability: calibrated, that the query shows this identity; None where nothing was calibrated.
    """

    identity: str
    similarity: float
    photo: int
    probability: float | None = None


def rank_identities(query: Tensor, gallery: Tensor, identities: Sequence[str], *, top: int) -> list[list[Candidate]]:
    """For each query the `top` identities, best first; an identity is as close as its closest photo.

    Args:
        query: embeddings (B, D), L2-normalised.
        gallery: embeddings (G, D), L2-normalised.
        identities: of the gallery's photos (G,).
        top: how many identities to name; fewer where the gallery has fewer.
    """
    known = group_photos(gallery.float().numpy(), identities, np.arange(len(identities)))
    found = closest_identities(query.float().numpy(), known, top=top)
    return [
        [
            Candidate(known.names[i], float(similarity), int(known.photos[row]))
            for i, similarity, row in zip(*columns, strict=True)
        ]
        for columns in zip(found.identities, found.similarities, found.rows, strict=True)
    ]


@dataclass(frozen=True)
class IdentifyResult:
    """Ranked identities for each query photo.

    Attributes:
        queries: names of the query photos (B,).
        ranked: for each of them, the best identities.
        gallery: the gallery's photos.
        num_skipped: photos left out because they cannot be used.
        answers: for each of them, what its similarities mean; None where the prompt allows no decisions.
    """

    queries: tuple[str, ...]
    ranked: list[list[Candidate]]
    gallery: PhotoTable
    num_skipped: int
    answers: tuple[Identification, ...] | None = None

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {
            "gallery": {"photos": len(self.gallery), "identities": len(set(self.gallery.identities))},
            "skipped": self.num_skipped,
            "queries": [
                {
                    "photo": name,
                    "decision": None if self.answers is None else self.answers[number].to_dict(),
                    "candidates": [
                        {
                            "category": str(self.gallery.frame["category"].iloc[c.photo]),
                            "identity": self._identity(c),
                            "similarity": round(c.similarity, 4),
                            "p_same": c.probability,
                            "photo": self._photo(c),
                        }
                        for c in candidates
                    ],
                }
                for number, (name, candidates) in enumerate(zip(self.queries, self.ranked, strict=True))
            ],
        }

    def lines(self) -> list[str]:
        """The facts, for people."""
        lines = []
        for number, (name, candidates) in enumerate(zip(self.queries, self.ranked, strict=True)):
            answer = None if self.answers is None else self.answers[number]
            lines.append(name if answer is None else f"{name}: {self._says(answer, candidates[0])}")
            lines += [
                f"  {rank}. {self._identity(c)}  {_chance(c)}similarity {c.similarity:.3f}  ({self._photo(c)})"
                for rank, c in enumerate(candidates, start=1)
            ]
        if self.num_skipped:
            lines.append(f"Left out {self.num_skipped} photos that cannot be used.")
        return lines

    def _says(self, answer: Identification, best: Candidate) -> str:
        same = answer.verdict == "same"
        return f"the same as {self._identity(best)}{answer.sentence.removeprefix('same')}" if same else answer.sentence

    def _identity(self, candidate: Candidate) -> str:
        return str(self.gallery.frame["identity"].iloc[candidate.photo])

    def _photo(self, candidate: Candidate) -> str:
        return str(self.gallery.frame["path"].iloc[candidate.photo])


def identify_photos(
    embedder: Embedder,
    gallery: Path,
    photos: Sequence[Path],
    *,
    prompt: Prompt | None,
    top: int,
    promise: ErrorTargets = ErrorTargets(),  # noqa: B008 (frozen)
) -> IdentifyResult:
    """Ranks the gallery's identities for every photo of `photos` (files, folders or tables), and says who it is.

    A gallery of more identities than the support calibrates the search itself: each of its individuals in turn plays
    the unknown one.

    Raises:
        DataError: photos that cannot be used.
        PromptError: the prompt belongs to another model.
    """
    asked = [embedder.embed(table, prompt) for table in query_tables(photos, skip_bad=embedder.skip_bad)]
    known = open_photos(gallery, skip_bad=embedder.skip_bad)
    if prompt is not None and prompt.category in known.categories:
        known = known.of_category(prompt.category)
    known, rows = embedder.embed(known, prompt)
    asked_rows = torch.cat([embeddings for _, embeddings in asked])
    ranked = rank_identities(asked_rows, rows, known.identities, top=top)
    answers = None
    if (decisions := decision_rule(prompt)) is not None:
        names, owner = np.unique(known.identities, return_inverse=True)
        decisions = searching(decisions, rows, owner)
        answers = _answer(decisions, closest_by_identity(asked_rows, rows, owner), promise)
        number = {name: position for position, name in enumerate(names.tolist())}
        ranked = [_with_chances(own, answer, number) for own, answer in zip(ranked, answers, strict=True)]
    return IdentifyResult(
        queries=tuple(str(path) for table, _ in asked for path in table.frame["path"]),
        ranked=ranked,
        gallery=known,
        num_skipped=len(known.skipped) + sum(len(table.skipped) for table, _ in asked),
        answers=answers,
    )


def searching(decisions: DecisionRule, rows: Tensor, owner: np.ndarray) -> DecisionRule:
    """The decisions with the searches of a gallery (rows, owner) that has more identities than the support."""
    if not 2 * len(decisions.searches.best) + 1 < int(owner.max()) + 1 <= MOST_SEARCHING:
        return decisions
    return replace(decisions, searches=searches_among(best_impostor(rows, owner)))


def _answer(decisions: DecisionRule, similarity: np.ndarray, promise: ErrorTargets) -> tuple[Identification, ...]:
    return tuple(decisions.identify(row, promise) for row in similarity)


def _with_chances(candidates: Sequence[Candidate], answer: Identification, number: dict[str, int]) -> list[Candidate]:
    if answer.probability is None:
        return list(candidates)
    return [replace(c, probability=float(answer.probability[number[c.identity]])) for c in candidates]


def _chance(candidate: Candidate) -> str:
    return "" if candidate.probability is None else f"P = {candidate.probability:.2f}, "


def query_tables(photos: Sequence[Path], *, skip_bad: bool) -> list[PhotoTable]:
    """What is asked about: one table of all files, named as the user would, and the tables that hold bytes."""
    opened = [(path, open_photos(path, need_identity=False, skip_bad=skip_bad)) for path in photos]
    files = []
    for _, table in opened:
        if table.root is not None:
            files.append(table.frame.assign(path=[str(table.root / name) for name in table.frame["path"]]))
    tables = [table for _, table in opened if table.root is None]
    if files:
        frame = pd.concat(files, ignore_index=True)
        skipped = tuple(bad for _, table in opened if table.root is not None for bad in table.skipped)
        tables.insert(0, PhotoTable(frame.assign(row=range(1, len(frame) + 1)), Path(), skipped))
    return tables
