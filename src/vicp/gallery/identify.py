"""Ranks the identities of a gallery for a photo, and compares two photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vicp.adapt.adaptation import Adaptation
from vicp.adapt.embedding import Embedder
from vicp.adapt.verifier import can_verify, probability_same
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import DataError
from vicp.gallery.search import closest_identities, group_photos


@dataclass(frozen=True)
class Candidate:
    """One identity of the gallery, by its photo closest to the query.

    Attributes:
        identity: its name.
        similarity: cosine in [-1, 1].
        photo: index of that photo in the gallery.
    """

    identity: str
    similarity: float
    photo: int


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
class Identified:
    """Ranked identities for each query photo.

    Attributes:
        queries: names of the query photos (B,).
        ranked: for each of them, the best identities.
        gallery: the gallery's photos.
        num_skipped: photos left out because they cannot be used.
    """

    queries: tuple[str, ...]
    ranked: list[list[Candidate]]
    gallery: PhotoTable
    num_skipped: int

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {
            "gallery": {"photos": len(self.gallery), "identities": len(set(self.gallery.identities))},
            "skipped": self.num_skipped,
            "queries": [
                {
                    "photo": name,
                    "candidates": [
                        {
                            "category": str(self.gallery.frame["category"].iloc[c.photo]),
                            "identity": self._identity(c),
                            "similarity": round(c.similarity, 4),
                            "photo": self._photo(c),
                        }
                        for c in candidates
                    ],
                }
                for name, candidates in zip(self.queries, self.ranked, strict=True)
            ],
        }

    def lines(self) -> list[str]:
        """The facts, for people."""
        lines = []
        for name, candidates in zip(self.queries, self.ranked, strict=True):
            lines.append(name)
            lines += [
                f"  {rank}. {self._identity(c)}  similarity {c.similarity:.3f}  ({self._photo(c)})"
                for rank, c in enumerate(candidates, start=1)
            ]
        if self.num_skipped:
            lines.append(f"Left out {self.num_skipped} photos that cannot be used.")
        return lines

    def _identity(self, candidate: Candidate) -> str:
        return str(self.gallery.frame["identity"].iloc[candidate.photo])

    def _photo(self, candidate: Candidate) -> str:
        return str(self.gallery.frame["path"].iloc[candidate.photo])


@dataclass(frozen=True)
class Verdict:
    """Two photos compared under a category's adaptation.

    Attributes:
        similarity: cosine of their embeddings, in [-1, 1].
        probability: the in-context verifier's P(same), as the model gives it; None without a verifier.
        threshold: the similarity that best told the taught pairs apart when they were held out; None if unknown.
        threshold_accuracy: the share of those pairs on the right side of it, both kinds weighing the same.
        category: the adaptation's.
    """

    similarity: float
    probability: float | None
    threshold: float | None
    threshold_accuracy: float | None
    category: str

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {
            "category": self.category,
            "similarity": self.similarity,
            "p_same": self.probability,
            "threshold": self.threshold,
            "threshold_accuracy": self.threshold_accuracy,
        }

    def lines(self) -> list[str]:
        """The facts, for people."""
        lines = []
        if self.probability is not None:
            answer = "the same individual" if self.probability >= 0.5 else "different individuals"
            lines.append(
                f"Probably {answer}: P(same) = {self.probability:.2f} by the pairs taught for "
                f"'{self.category}' (not calibrated), similarity {self.similarity:.3f}."
            )
        else:
            lines.append(f"Similarity {self.similarity:.3f}.")
        if self.threshold is not None and self.threshold_accuracy is not None:
            side = "above" if self.similarity > self.threshold else "not above"
            lines.append(
                f"That is {side} {self.threshold:.3f}, which told {self.threshold_accuracy:.0%} of the pairs taught "
                f"for '{self.category}' apart when they were held out."
            )
        return lines


def identify_photos(
    embedder: Embedder,
    gallery: Path,
    photos: Sequence[Path],
    *,
    adaptation: Adaptation | None,
    top: int,
) -> Identified:
    """Ranks the gallery's identities for every photo of `photos` (files, folders or tables).

    Raises:
        DataError: photos that cannot be used.
        PromptError: the adaptation belongs to another model.
    """
    asked = [embedder.embed(table, adaptation) for table in query_tables(photos, skip_bad=embedder.skip_bad)]
    known = open_photos(gallery, skip_bad=embedder.skip_bad)
    if adaptation is not None and adaptation.category in known.categories:
        known = known.of_category(adaptation.category)
    known, rows = embedder.embed(known, adaptation)
    return Identified(
        queries=tuple(str(path) for table, _ in asked for path in table.frame["path"]),
        ranked=rank_identities(torch.cat([embeddings for _, embeddings in asked]), rows, known.identities, top=top),
        gallery=known,
        num_skipped=len(known.skipped) + sum(len(table.skipped) for table, _ in asked),
    )


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


def verify_photos(embedder: Embedder, a: Path, b: Path, *, adaptation: Adaptation) -> Verdict:
    """Compares two photos under a category's adaptation.

    Raises:
        DataError: a photo that cannot be used.
        PromptError: the adaptation belongs to another model.
    """
    table = query_tables([a, b], skip_bad=False)
    if len(table) != 1 or len(table[0]) != 2:
        raise DataError(f"{a} and {b}: expected two photos, one file each")
    _, (left, right) = embedder.embed(table[0], adaptation)
    probability = None
    if can_verify(embedder, adaptation):
        latents = embedder.latents(embedder.pixels(table[0])[1])
        probability = float(probability_same(embedder, adaptation, latents[:1], latents[1:])[0])
    choice = adaptation.choice
    return Verdict(
        similarity=float(left @ right),
        probability=probability,
        threshold=None if choice is None else choice.threshold,
        threshold_accuracy=None if choice is None else choice.threshold_accuracy,
        category=adaptation.category,
    )
