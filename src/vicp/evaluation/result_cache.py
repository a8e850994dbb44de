"""The finished parts of an evaluation in its folder, so that one that was stopped goes on with the next."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from vicp.data.records import PhotoTable
from vicp.errors import ConfigError, DataError
from vicp.evaluation.report.write import json_text, write_files
from vicp.evaluation.task import EvaluationTask
from vicp.io import content_digest

FOLDER, SETTINGS = "parts", "settings.json"


def table_fingerprint(table: PhotoTable) -> str:
    """16 hexadecimal digits that stand for the photos and what is known of them."""
    facts = table.frame.drop(columns="image", errors="ignore").astype(str)
    rows = pd.util.hash_pandas_object(facts, index=False).to_numpy().tobytes()
    images = [content_digest([image]) for image in table.frame.get("image", ())]
    return content_digest([rows, "|".join(facts.columns).encode(), *images]).hex()


def check_settings(out: Path, settings: Mapping[str, Any]) -> None:
    """Notes what is evaluated and how; a folder that already holds parts has to hold parts of the same.

    Raises:
        ConfigError: it holds another evaluation.
        DataError: the folder cannot be used.
    """
    path = out / FOLDER / SETTINGS
    try:
        there = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); remove {out / FOLDER} to start anew") from error
    wanted = json.loads(json_text(settings))
    if there is None:
        write_files(out / FOLDER, {SETTINGS: json_text(settings)})
    elif there != wanted:
        differing = sorted(key for key in wanted.keys() | there.keys() if wanted.get(key) != there.get(key))
        raise ConfigError(
            f"{out} holds another evaluation (different: {', '.join(differing)}): choose another --out, or remove it"
        )


def part_path(out: Path, method: str, task: EvaluationTask) -> Path:
    """Where a method's results to a task are kept."""
    title = f"{task.category} {task.variant}".strip()
    return out / FOLDER / _file_name(method) / f"{_file_name(title)}.npz"


def _file_name(text: str) -> str:
    """A name for a file: what is legible of the text, and a few digits that tell texts apart."""
    legible = re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.")[:40]
    return f"{legible}-{content_digest(text.encode('utf-8', 'replace'), size=4).hex()}"
