"""Finished parts of the context evidence in a folder, a small JSON file each, so that a stopped run goes on."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vicp.evaluation.report.write import json_text, write_files


@dataclass(frozen=True)
class PartKey:
    """What a part is about.

    Attributes:
        test: "A", "B" or "choice".
        task: its name.
        method: the method's.
        num_pairs: K.
        subject: of what makes the method: fingerprints, and settings that change what comes of it.
    """

    test: str
    task: str
    method: str
    num_pairs: int
    subject: str

    def path(self, folder: Path) -> Path:
        """Where it is kept."""
        name = f"{self.task}-{self.subject}.json".replace(" ", "-").replace(",", "")
        return folder / self.test / f"{self.method}-{self.num_pairs}" / name


def read_part(folder: Path, key: PartKey, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """The part, if it is there, can be read and was made of the same tasks.

    Args:
        folder: of all parts.
        key: which.
        facts: that it has to agree in, such as the number of photos.
    """
    try:
        found = json.loads(key.path(folder).read_text(encoding="utf-8"))
        return dict(found) if all(found["facts"][name] == value for name, value in facts.items()) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def finish_part(
    folder: Path, key: PartKey, facts: Mapping[str, Any], make: Callable[[], Mapping[str, Any]]
) -> dict[str, Any]:
    """The part from the folder, or made now and kept: it appears whole or not at all.

    Raises:
        DataError: it cannot be written.
    """
    found = read_part(folder, key, facts)
    if found is None:
        found = {**make(), "facts": dict(facts)}
        path = key.path(folder)
        write_files(path.parent, {path.name: json_text(found)})
    return found
