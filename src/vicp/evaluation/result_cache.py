"""The results of one method on one task, kept in a folder so that a stopped evaluation can resume."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from vicp.data.records import PhotoTable
from vicp.errors import ConfigError, DataError
from vicp.evaluation.scoring import Arrays, TaskResult
from vicp.evaluation.task import EvaluationTask
from vicp.io import atomic_write, content_digest

FOLDER, SETTINGS = "parts", "settings.json"
CONTROL_ROWS = ("other", "shuffled", "other_rule", "null")
"""Control contexts with a row of their own; "own" is the row "generated", and "static" that adaptation's."""


def control_row(control: str) -> str:
    """Return the name of a control context's row."""
    return f"context {control}"


@dataclass(frozen=True, eq=False)
class MethodResult:
    """All results of one method on one task.

    Attributes:
        fingerprint: Of the method's model.
        results: By row of the results, one per support draw, or one alone where no support was read. A row is an
            adaptation ("auto"), a second stage ("generated + verifier") or a context ("context other").
        seconds: By row, for all draws.
        chosen: What "auto" chose, by how many draws.
        num_pairs: K of the supports that could be drawn.
        cosines: Of prompts, by what was compared.
        label_accuracy: Per draw, the share of held-out labels that the LLM predicts correctly.
        majority_rate: Per draw, the share that one answer for all pairs would get.
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
        """Write the result; the file appears whole or not at all.

        Raises:
            DataError: It cannot be written there.
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
        _write(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "MethodResult | None":
        """Return the result in a file; None where there is none, or none that can be read."""
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            facts = json.loads(str(arrays.pop("facts")))
            return cls(results=_results(arrays), **_as_given(facts))
        except (OSError, BadZipFile, KeyError, TypeError, ValueError, EOFError):
            return None


def table_fingerprint(table: PhotoTable) -> str:
    """Return a digest, 16 hexadecimal digits, of the photos and their columns."""
    facts = table.frame.drop(columns="image", errors="ignore").astype(str)
    rows = pd.util.hash_pandas_object(facts, index=False).to_numpy().tobytes()
    images = [content_digest([image]) for image in table.frame.get("image", ())]
    return content_digest([rows, "|".join(facts.columns).encode(), *images]).hex()


def check_settings(out: Path, settings: Mapping[str, Any]) -> None:
    """Note the settings of an evaluation in its folder; one that holds results already must hold them of the same.

    Raises:
        ConfigError: It holds another evaluation.
        DataError: The folder cannot be used.
    """
    path = out / FOLDER / SETTINGS
    try:
        earlier = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); remove {out / FOLDER} to start anew") from error
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    wanted = json.loads(text)
    if earlier is None:
        _write(path, text.encode("utf-8", errors="replace"))  # names of files may hold lone surrogates
    elif earlier != wanted:
        differing = sorted(key for key in wanted.keys() | earlier.keys() if wanted.get(key) != earlier.get(key))
        raise ConfigError(
            f"{out} holds another evaluation (different: {', '.join(differing)}): choose another --out, or remove it"
        )


def part_path(out: Path, method: str, task: EvaluationTask) -> Path:
    """Return the file that keeps the results of a method on a task."""
    title = f"{task.category} {task.variant}".strip()
    return out / FOLDER / _file_name(method) / f"{_file_name(title)}.npz"


def _file_name(text: str) -> str:
    """Return a name for a file: what is legible of the text, and a few digits that tell texts apart."""
    legible = re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.")[:40]
    return f"{legible}-{content_digest(text.encode('utf-8', 'replace'), size=4).hex()}"


def _write(path: Path, content: bytes) -> None:
    try:
        with atomic_write(path) as part:
            part.write_bytes(content)
    except OSError as error:
        raise DataError(f"{path}: cannot write ({error.strerror or error}); choose another folder") from error


def _results(arrays: Arrays) -> dict[str, tuple[TaskResult, ...]]:
    by_row: dict[str, dict[int, Arrays]] = {}
    for name, values in arrays.items():
        row, draw, what = name.split("|")
        by_row.setdefault(row, {}).setdefault(int(draw), {})[what] = values
    return {row: tuple(TaskResult.of_arrays(draws[d]) for d in sorted(draws)) for row, draws in by_row.items()}


def _as_given(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
