"""Photos that somebody asked about, with the answers and what was decided; kept on disk, so that nothing is lost."""

import json
import re
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from vicp.decisions.outcome import Identification
from vicp.errors import DataError, VICPError
from vicp.io import atomic_write
from vicp.service.chosen_photos import ChosenPhotos
from vicp.service.jobs.jobs import Job
from vicp.service.jobs.workers import Worker
from vicp.service.problems import ProblemError
from vicp.service.served_gallery import ServedGallery
from vicp.service.uploads import KEPT_DAYS, Upload, dated_name, is_dated_name

_CHUNK = 4  # answers that are made at a time
EVERY_PHOTO = ChosenPhotos()


class Question:
    """Photos that were asked about together.

    Args:
        folder: Where it is kept: `photos/`, `question.json`, and a line per answer in `answers.jsonl`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name

    @classmethod
    def new(cls, gallery: ServedGallery) -> "Question":
        """Return a question without photos yet."""
        question = cls(_folder(gallery) / dated_name())
        (question.folder / "photos").mkdir(parents=True)
        return question

    @classmethod
    def find(cls, gallery: ServedGallery, name: str) -> "Question":
        """Return a question that was asked.

        Raises:
            ProblemError: There is none.
        """
        question = cls(_folder(gallery) / name)
        if not is_dated_name(name) or not (question.folder / "question.json").is_file():
            raise ProblemError(404, f"no question {name[:40]!r}: questions are kept for {KEPT_DAYS} days")
        return question

    def save(self, photos: Sequence[Upload], groups: Sequence[Sequence[int]]) -> None:
        """Keep what was asked.

        Args:
            photos: All of them.
            groups: The positions of the photos that have one answer.
        """
        places = [{"name": photo.name, "file": str(photo.path.relative_to(self.folder))} for photo in photos]
        with atomic_write(self.folder / "question.json") as part:
            part.write_text(json.dumps({"photos": places, "groups": groups}), encoding="utf-8")

    @property
    def asked(self) -> dict[str, Any]:
        """Return `photos`, each with `name` and `file`, and `groups`, the positions of photos that have one answer."""
        return dict(json.loads((self.folder / "question.json").read_text(encoding="utf-8")))

    def path(self, index: int) -> Path:
        """Return where a photo lies.

        Raises:
            ProblemError: There is none of this number.
        """
        photos = self.asked["photos"]
        if not 0 <= index < len(photos):
            raise ProblemError(404, f"no photo {index} in this question, it has {len(photos)}")
        return self.folder / str(photos[index]["file"])

    def cards(self, chosen: ChosenPhotos = EVERY_PHOTO) -> list[dict[str, Any]]:
        """Return a card per answer: `photos` with `index` and `name`, and `answer` or `error`, and `decision`.

        Args:
            chosen: The photos of the gallery that were compared; the decisions are those of all answers.
        """
        asked = self.asked
        cards = []
        for index, rows in enumerate(asked["groups"]):
            photos = [{"index": row, "name": asked["photos"][row]["name"]} for row in rows]
            cards.append({"index": index, "name": _card_name(photos), "photos": photos})
        lines = self.folder / "answers.jsonl"
        for line in lines.read_text(encoding="utf-8").splitlines() if lines.is_file() else []:
            try:
                entry = json.loads(line)
            except ValueError:  # the last line of a process that was killed while it wrote
                continue
            if entry.pop("among", chosen.query) == chosen.query:
                cards[entry.pop("index")].update(entry)
        return cards

    def paths(self, card: int) -> list[Path]:
        """Return where the photos of a card lie."""
        asked = self.asked
        return [self.folder / str(asked["photos"][row]["file"]) for row in asked["groups"][card]]

    def note(self, index: int, **facts: Any) -> None:
        """Keep an answer, or what was decided, of a card."""
        with (self.folder / "answers.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"index": index, **facts}) + "\n")
            file.flush()

    def answer(
        self, job: Job, gallery: ServedGallery, model: Worker, chosen: ChosenPhotos
    ) -> tuple[str, dict[str, Any]]:
        """Answer the cards that have no answer yet, a few at a time."""
        cards = self.cards(chosen)
        waiting = [card["index"] for card in cards if "answer" not in card and "error" not in card]
        for start in range(0, len(waiting), _CHUNK):
            chunk = waiting[start : start + _CHUNK]
            job.report(len(cards) - len(waiting) + start, len(cards))
            for index, facts in model.wait_for(partial(self._identify_all, gallery, chunk, chosen)):
                self.note(index, among=chosen.query, **facts)
        return f"{len(cards)} answers", {"question": self.id}

    def _identify_all(
        self, gallery: ServedGallery, cards: Sequence[int], chosen: ChosenPhotos
    ) -> list[tuple[int, dict[str, Any]]]:
        found = identify_groups(gallery, [self.paths(card) for card in cards], chosen)
        return list(zip(cards, found, strict=True))


def identify_groups(
    gallery: ServedGallery, groups: Sequence[Sequence[Path]], chosen: ChosenPhotos
) -> list[dict[str, Any]]:
    """Return for each group of photo files its `answer`, or the `error` that keeps it from having one.

    Args:
        gallery: To look in.
        groups: Photos that are asked together.
        chosen: The photos to compare with.
    """
    if all(len(paths) == 1 for paths in groups):
        with suppress(VICPError):  # each is tried alone then
            found = identify_paths(gallery, [path for (path,) in groups], chosen)
            return [{"answer": asdict(one)} for one in found]
    return [_identified(gallery, paths, chosen) for paths in groups]


def _identified(gallery: ServedGallery, paths: Sequence[Path], chosen: ChosenPhotos) -> dict[str, Any]:
    try:
        (found,) = identify_paths(gallery, paths, chosen, together=len(paths) > 1)
        return {"answer": asdict(found)}
    except DataError as error:
        return {"error": reason_of(error)}
    except VICPError as error:
        return {"error": " ".join(str(error).split())}


def identify_paths(
    gallery: ServedGallery, paths: Sequence[Path], chosen: ChosenPhotos, *, together: bool = False
) -> list[Identification]:
    """Return whom photo files show, in their order.

    Args:
        gallery: To look in.
        paths: The photos.
        chosen: The photos to compare with.
        together: They show one individual: one answer.

    Raises:
        ConfigError: A day that is none.
        DataError: A photo that cannot be used.
        GalleryError: Nothing is enrolled, or there is no such category.
    """
    names = [str(path) for path in paths]
    category = chosen.category or None
    return list(gallery.gallery.identify(names, category=category, together=together, among=chosen.photos))


def questions(gallery: ServedGallery) -> list[Question]:
    """Return the questions that are kept, newest first; those that are too old are removed."""
    folder = _folder(gallery)
    found = sorted((path for path in folder.glob("*") if (path / "question.json").is_file()), reverse=True)
    oldest = time.time() - KEPT_DAYS * 86400
    for path in found:
        if path.stat().st_mtime < oldest:
            shutil.rmtree(path, ignore_errors=True)
    return [Question(path) for path in found if path.is_dir()]


def _card_name(photos: Sequence[dict[str, Any]]) -> str:
    """Return what photos are called together.

    >>> _card_name([{"name": "a.jpg"}, {"name": "b.jpg"}, {"name": "c.jpg"}])
    'a.jpg and 2 others'
    """
    others = len(photos) - 1
    return str(photos[0]["name"]) + (f" and {others} other{'s' if others > 1 else ''}" if others else "")


def _folder(gallery: ServedGallery) -> Path:
    return gallery.folder / "asked"


def reason_of(error: DataError) -> str:
    """Return why a single photo cannot be used, without what the command line says around it."""
    text = " ".join(str(error).split())
    stated = re.search(r"row 1 \(.*\): (.*)\. Correct them", text)
    return stated[1] if stated else text
