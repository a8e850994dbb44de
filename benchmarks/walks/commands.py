"""The commands of a walk, and what their answers are worth."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score
from typer.testing import CliRunner

from benchmarks.walks.photos import Walk, WalkPhotos
from vicp.cli import app
from vicp.metrics.reliability import calibration_error

_MOST_LINES = 30


@dataclass(frozen=True, eq=False)
class Shell:
    """Runs commands in a folder, and keeps those for people with what they print.

    Attributes:
        folder: Where they run.
        log: Each command and its answer, in order.
    """

    folder: Path
    log: list[tuple[str, str]] = field(default_factory=list)

    def show(self, *words: str) -> None:
        """Run a command whose answer people read."""
        answer = self._output(words).replace(f"{self.folder}/", "")
        self.log.append((" ".join(["vicp", *words]), answer))

    def facts(self, *words: str) -> Any:
        """Return what a command prints with --json."""
        return json.loads(self._output([*words, "--json"]))

    def _output(self, words: Sequence[str]) -> str:
        with contextlib.chdir(self.folder):
            result = CliRunner().invoke(app, list(words))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout if words[-1] == "--json" else result.output


def take_walk(walk: Walk, photos: WalkPhotos, *, model: Sequence[str]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return what a walk's answers are worth, and its commands with their answers.

    Args:
        walk: The walk.
        photos: Its folders.
        model: The option that names the model; none for the default.
    """
    shell = Shell(photos.folder)
    prompt = f"{walk.category}.prompt.safetensors"
    shell.show("teach", "known", "--category", walk.category, "--out", prompt, *model)
    asked = [f"asked/{name}" for name in photos.shown] + [f"others/{name}" for name in photos.new]
    found = shell.facts("identify", "known", *asked, "--prompt", prompt)["identifications"]
    first, new = asked[0], f"others/{photos.new[0]}"
    shell.show("identify", "known", first, new, "--prompt", prompt, "--top", "3")
    shell.show("verify", first, f"known/{photos.shown[first.removeprefix('asked/')]}/0.jpg", "--prompt", prompt)
    shell.show("verify", first, new, "--prompt", prompt)
    grouped = shell.facts("cluster", "others", "--prompt", prompt)
    shell.show("cluster", "others", "--prompt", prompt)
    shell.show("gallery", "create", "gallery", "--prompt", prompt)
    shell.show("gallery", "enroll", "gallery", "known")
    stored = shell.facts("gallery", "identify", "gallery", *asked)["identifications"]
    shell.show("gallery", "identify", "gallery", first, "--top", "3")
    whom = {f"asked/{name}": identity for name, identity in photos.shown.items()}
    facts = {
        "individuals": len(list((photos.folder / "known").iterdir())),
        "photos": len(list((photos.folder / "known").rglob("*.jpg"))),
        "answers": answers_of(found, whom),
        "difference": largest_difference(found, stored),
        "grouping": grouping_of(grouped, photos.others),
    }
    return facts, [(command, shortened(answer)) for command, answer in shell.log]


def answers_of(found: Sequence[dict[str, Any]], whom: dict[str, str]) -> list[dict[str, Any]]:
    """Return for each photo whether it is of a known individual, and what the answer was worth."""
    rows = []
    for one in found:
        name = whom.get(one["photo"])
        first = one["candidates"][0]["identity"].split("/")[-1] if one["candidates"] else None
        verdict = one["verdict"]
        rows.append(
            {
                "known": name is not None,
                "answered": verdict in ("same", "new"),
                "first": name is not None and first == name,
                "right": first == name if verdict == "same" else name is None,
                "new": verdict == "new",
                "stated": one["probability"],
            }
        )
    return rows


def largest_difference(found: Sequence[dict[str, Any]], stored: Sequence[dict[str, Any]]) -> float:
    """Return by how much two answers to one question differ at most, in any probability."""
    stated = [
        np.array([one["probability_new"], *(each["probability"] for each in one["candidates"])], dtype=float)
        for answers in (found, stored)
        for one in answers
    ]
    half = len(found)
    return float(max(np.abs(left - right).max() for left, right in zip(stated[:half], stated[half:], strict=True)))


def grouping_of(proposal: dict[str, Any], shown: dict[str, int]) -> dict[str, Any]:
    """Return how far the groups of a proposal agree with whom the photos show."""
    frame = pd.DataFrame(proposal["photos"])
    frame["shown"] = [shown[Path(source).name] for source in frame["source"]]
    several = frame[frame.groupby("identity")["source"].transform("size") > 1]
    groups = several.groupby("identity")
    return {
        "photos": len(frame),
        "ari": float(adjusted_rand_score(frame["shown"], frame["identity"])),
        "groups": groups.ngroups,
        "pure": int((groups["shown"].nunique() == 1).sum()),
        "stated": float(groups["probability"].first().sum()),
        "grouped": len(several),
    }


def summarise(draws: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the measures of a walk over its draws."""
    rows = [row for draw in draws for row in draw["answers"]]
    known, new = [row for row in rows if row["known"]], [row for row in rows if not row["known"]]
    answered = [row for row in rows if row["answered"]]
    stated, right = np.array([row["stated"] for row in answered]), np.array([row["right"] for row in answered])
    weight = _even_weights(np.array([row["known"] for row in answered], dtype=bool))
    groupings = [draw["grouping"] for draw in draws]
    total = {key: sum(one[key] for one in groupings) for key in ("photos", "groups", "pure", "stated", "grouped")}
    return {
        "individuals": draws[0]["individuals"],
        "photos": draws[0]["photos"],
        "asked": len(known),
        "asked_new": len(new),
        "answered": _share([row["answered"] for row in rows]),
        "top1": _share([row["first"] for row in known]),
        "named_right": _share([row["right"] for row in known]),
        "called_new": _share([row["new"] for row in new]),
        "stated": float(weight @ stated) if answered else None,
        "right": float(weight @ right) if answered else None,
        "ece": float(calibration_error(stated, right, weight=weight)) if answered else None,
        "difference": max(draw["difference"] for draw in draws),
        "ari": float(np.mean([one["ari"] for one in groupings])),
        "grouped": total["grouped"] / total["photos"],
        "groups": total["groups"],
        "pure": total["pure"] / total["groups"] if total["groups"] else None,
        "stated_pure": total["stated"] / total["groups"] if total["groups"] else None,
    }


def shortened(answer: str) -> str:
    """Return an answer, or its first lines and the last where it is long."""
    lines = answer.rstrip().splitlines()
    if len(lines) > _MOST_LINES:
        left = len(lines) - _MOST_LINES
        lines = [*lines[: _MOST_LINES - 1], f"... ({left} lines more)", lines[-1]]
    return "\n".join(lines)


def _even_weights(known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return weights (n,) that add up to 1, and to one half over known individuals: what --prior-new expects."""
    weights = np.where(known, 1 / max(1, known.sum()), 1 / max(1, (~known).sum()))
    return np.asarray(weights / weights.sum())


def _share(values: Sequence[bool]) -> float | None:
    return float(np.mean(values)) if values else None
