"""Compares two photos under a category's prompt."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.adapt.verifier import can_verify, probability_same
from vicp.data.loading import check_photos
from vicp.data.records import list_rows
from vicp.decisions.outcome import ErrorTargets, Verification
from vicp.decisions.rule import decision_rule
from vicp.errors import DataError
from vicp.gallery.identify import query_tables


@dataclass(frozen=True)
class VerifyResult:
    """Two photos compared under a category's prompt.

    Attributes:
        similarity: cosine of their embeddings, in [-1, 1].
        probability: the in-context verifier's P(same), as the model gives it; None without a verifier.
        threshold: the similarity that best told the taught pairs apart when they were held out; None if unknown.
        threshold_accuracy: the share of those pairs on the right side of it, both kinds weighing the same.
        category: the prompt's.
        decision: what the similarity means, calibrated; None where the prompt allows no decisions.
        foreseen: whether the LLM clearly foresaw labels of the taught pairs; where not, its probability is not shown.
    """

    similarity: float
    probability: float | None
    threshold: float | None
    threshold_accuracy: float | None
    category: str
    decision: Verification | None = None
    foreseen: bool | None = None

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {
            "category": self.category,
            "similarity": self.similarity,
            "p_same": self.probability,
            "labels_foreseen": self.foreseen,
            "threshold": self.threshold,
            "threshold_accuracy": self.threshold_accuracy,
            "decision": None if self.decision is None else self.decision.to_dict(),
        }

    def lines(self) -> list[str]:
        """The facts, for people."""
        said = None if self.decision is None else self.decision.sentence
        lines = [] if said is None else [f"{said[0].upper()}{said[1:]}."]
        if self.probability is None:
            lines.append(f"Similarity {self.similarity:.3f}.")
        elif self.foreseen is False:
            lines.append(
                f"Similarity {self.similarity:.3f}. What the model reads in context is left out: of the pairs taught "
                f"for '{self.category}' it did not foresee clearly more labels than one answer for all does."
            )
        else:
            answer = "the same individual" if self.probability >= 0.5 else "different individuals"
            lines.append(
                f"In context probably {answer}: P(same) = {self.probability:.2f} by the pairs taught for "
                f"'{self.category}' (not calibrated), similarity {self.similarity:.3f}."
            )
        if self.threshold is not None and self.threshold_accuracy is not None:
            side = "above" if self.similarity > self.threshold else "not above"
            lines.append(
                f"That is {side} {self.threshold:.3f}, which told {self.threshold_accuracy:.0%} of the pairs taught "
                f"for '{self.category}' apart when they were held out."
            )
        return lines


def verify_photos(
    embedder: Embedder,
    a: Path,
    b: Path,
    *,
    prompt: Prompt,
    promise: ErrorTargets = ErrorTargets(),  # noqa: B008 (frozen)
) -> VerifyResult:
    """Compares two photos under a category's prompt.

    Raises:
        DataError: a photo that cannot be used.
        PromptError: the prompt belongs to another model.
    """
    table = query_tables([a, b], skip_bad=False)
    if len(table) != 1 or len(table[0]) != 2:
        raise DataError(f"{a} and {b}: expected two photos, one file each")
    if bad := check_photos(table[0], threads=1):
        raise DataError(f"cannot compare these photos: {list_rows(bad)}")
    _, (left, right) = embedder.embed(table[0], prompt)
    probability = None
    if can_verify(embedder, prompt):
        latents = embedder.latents(embedder.pixels(table[0])[1])
        probability = float(probability_same(embedder, prompt, latents[:1], latents[1:])[0])
    choice, decisions = prompt.choice, decision_rule(prompt)
    return VerifyResult(
        similarity=float(left @ right),
        probability=probability,
        threshold=None if choice is None else choice.threshold,
        threshold_accuracy=None if choice is None else choice.threshold_accuracy,
        category=prompt.category,
        decision=None if decisions is None else decisions.verify(float(left @ right), promise),
        foreseen=prompt.foreseen,
    )
