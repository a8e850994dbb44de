"""Answers as a CSV: a row per candidate of each photo, or one row for a pair."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vicp.data.write import write_frame
from vicp.decisions.outcome import Identification, Verification


def write_identifications_csv(path: Path, identifications: Sequence[Identification]) -> None:
    """Write a row per candidate, likeliest first; a photo without candidates has one row.

    Raises:
        DataError: It cannot be written.
    """
    write_frame(pd.DataFrame([row for one in identifications for row in _rows(one)]), path)


def write_verification_csv(path: Path, verification: Verification, photos: Sequence[str]) -> None:
    """Write one row of two photos that were compared.

    Raises:
        DataError: It cannot be written.
    """
    low, high = verification.probability_range
    row = {
        "left": photos[0],
        "right": photos[1],
        "category": verification.category,
        "verdict": verification.verdict,
        "probability": verification.probability,
        "probability_low": low,
        "probability_high": high,
        "similarity": verification.similarity,
        "promised": verification.promised,
        "sentence": verification.sentence,
    }
    write_frame(pd.DataFrame([row]), path)


def _rows(one: Identification) -> list[dict[str, Any]]:
    answer = {
        "photo": one.photo,
        "category": one.category,
        "verdict": one.verdict,
        "promised": one.promised,
        "probability_new": one.probability_new,
    }
    candidates = [
        {
            "rank": rank,
            "identity": candidate.identity,
            "probability": candidate.probability,
            "probability_low": candidate.probability_range[0],
            "probability_high": candidate.probability_range[1],
            "similarity": candidate.similarity,
            "candidate_photo": candidate.photo,
        }
        for rank, candidate in enumerate(one.candidates, start=1)
    ]
    return [answer | candidate | {"sentence": one.sentence} for candidate in candidates or [{}]]
