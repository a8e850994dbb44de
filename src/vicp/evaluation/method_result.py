"""All results of one method on one task, saved to a file so that a stopped evaluation can go on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from vicp.errors import DataError
from vicp.evaluation.scoring import Arrays, TaskResult
from vicp.io import atomic_write

CONTROL_ROWS = ("other", "shuffled", "other_rule", "null")
"""Control contexts with a row of their own; "own" is the row "generated", and "static" that adaptation's."""


def control_row(control: str) -> str:
    """The name of a control context's row."""
    return f"context {control}"


@dataclass(frozen=True, eq=False)
class MethodResult:
    """What a method answered.

    Attributes:
        fingerprint: of the model that answered.
        results: by row of the results, one per support draw, or one alone where no support was read. A row is an
            adaptation ("auto"), a second stage ("generated + verifier") or a context ("context other").
        seconds: by row, for all draws.
        chosen: what "auto" chose, by how many draws.
        num_pairs: K of the supports that could be drawn.
        cosines: of prompts, by what was compared.
        label_accuracy: per draw, the share of held-out labels that the LLM predicts correctly.
        majority_rate: per draw, the share that one answer for all pairs would get.
    """

    fingerprint: str
    results: Mapping[str, tuple[TaskResult, ...]]
    seconds: Mapping[str, float]
    chosen: Mapping[str, int] = field(default_factory=dict)
    num_pairs: int = 0
    cosines: Mapping[str, float] = field(default_factory=dict)
    label_accuracy: tuple[float, ...] = ()
    majority_rate: tuple[float, ...] = ()

    def save(self, path: Path) -> None:
        """Writes the method_result; the file appears whole or not at all.

        Raises:
            DataError: it cannot be written there.
        """
        arrays: Arrays = {
            f"{row}|{draw}|{name}": values
            for row, results in self.results.items()
            for draw, result in enumerate(results)
            for name, values in result.arrays().items()
        }
        facts = {name: value for name, value in vars(self).items() if name != "results"}
        buffer = BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, facts=np.array(json.dumps(facts)), **arrays)
        try:
            with atomic_write(path) as part:
                part.write_bytes(buffer.getvalue())
        except OSError as error:
            raise DataError(f"{path}: cannot write ({error.strerror or error}); choose another --out") from error

    @classmethod
    def load(cls, path: Path) -> "MethodResult | None":
        """The method_result in a file; None where there is none, or none that can be read."""
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            facts = json.loads(str(arrays.pop("facts")))
            return cls(results=_results(arrays), **_as_given(facts))
        except (OSError, BadZipFile, KeyError, TypeError, ValueError, EOFError):
            return None


def _results(arrays: Arrays) -> dict[str, tuple[TaskResult, ...]]:
    by_row: dict[str, dict[int, Arrays]] = {}
    for name, values in arrays.items():
        row, draw, what = name.split("|")
        by_row.setdefault(row, {}).setdefault(int(draw), {})[what] = values
    return {row: tuple(TaskResult.of_arrays(draws[d]) for d in sorted(draws)) for row, draws in by_row.items()}


def _as_given(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
