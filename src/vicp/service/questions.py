"""Photos that somebody asked about, with the answers and what was decided; kept on disk, so that nothing is lost."""

import json
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from vicp.decisions.outcome import Identification
from vicp.errors import DataError, VICPError
from vicp.io import atomic_write
from vicp.service.jobs import Job
from vicp.service.problems import ProblemError
from vicp.service.served_gallery import ServedGallery
from vicp.service.uploads import Upload
from vicp.service.workers import Worker

_CHUNK = 4  # photos that are answered at a time
KEPT_DAYS = 30


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
        question = cls(_folder(gallery) / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}")
        (question.folder / "photos").mkdir(parents=True)
        return question

    @classmethod
    def find(cls, gallery: ServedGallery, name: str) -> "Question":
        """Return a question that was asked.

        Raises:
            ProblemError: There is none.
        """
        question = cls(_folder(gallery) / name)
        if not name.replace("-", "").isalnum() or not (question.folder / "question.json").is_file():
            raise ProblemError(404, f"no question {name[:40]!r}: questions are kept for {KEPT_DAYS} days")
        return question

    def save(self, photos: Sequence[Upload], category: str | None) -> None:
        """Keep what was asked."""
        places = [{"name": photo.name, "file": str(photo.path.relative_to(self.folder))} for photo in photos]
        with atomic_write(self.folder / "question.json") as part:
            part.write_text(json.dumps({"category": category, "photos": places}), encoding="utf-8")

    @property
    def asked(self) -> dict[str, Any]:
        """Return `category` and `photos`, each with `name` and `file`."""
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

    def cards(self) -> list[dict[str, Any]]:
        """Return a card per photo: `name`, and as far as they are there `answer` or `error`, and `decision`."""
        cards = [{"index": index, "name": photo["name"]} for index, photo in enumerate(self.asked["photos"])]
        lines = self.folder / "answers.jsonl"
        for line in lines.read_text(encoding="utf-8").splitlines() if lines.is_file() else []:
            try:
                entry = json.loads(line)
            except ValueError:  # the last line of a process that was killed while it wrote
                continue
            cards[entry.pop("index")].update(entry)
        return cards

    def note(self, index: int, **facts: Any) -> None:
        """Keep an answer, or what was decided."""
        with (self.folder / "answers.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"index": index, **facts}) + "\n")
            file.flush()

    def answer(self, job: Job, gallery: ServedGallery, model: Worker) -> tuple[str, dict[str, Any]]:
        """Answer the photos that have no answer yet, a few at a time."""
        cards = self.cards()
        waiting = [card["index"] for card in cards if "answer" not in card and "error" not in card]
        category = self.asked["category"]
        for start in range(0, len(waiting), _CHUNK):
            chunk = waiting[start : start + _CHUNK]
            job.report(len(cards) - len(waiting) + start, len(cards))
            for index, facts in model.wait_for(partial(self._identify_all, gallery, chunk, category)):
                self.note(index, **facts)
        return f"{len(cards)} photos answered", {"question": self.id}

    def _identify_all(
        self, gallery: ServedGallery, indices: Sequence[int], category: str | None
    ) -> list[tuple[int, dict[str, Any]]]:
        return list(self._identify(gallery, indices, category))

    def _identify(
        self, gallery: ServedGallery, indices: Sequence[int], category: str | None
    ) -> Iterable[tuple[int, dict[str, Any]]]:
        try:
            found = identify_paths(gallery, [self.path(index) for index in indices], category)
            yield from ((index, {"answer": asdict(one)}) for index, one in zip(indices, found, strict=True))
        except DataError as error:
            if len(indices) == 1:
                yield indices[0], {"error": reason_of(error)}
                return
            for index in indices:
                yield from self._identify(gallery, [index], category)
        except VICPError as error:
            yield from ((index, {"error": " ".join(str(error).split())}) for index in indices)


def identify_paths(gallery: ServedGallery, paths: Sequence[Path], category: str | None) -> list[Identification]:
    """Return the identification of photo files, in their order.

    Raises:
        DataError: A photo cannot be used.
        GalleryError: Nothing is enrolled, or there is no such category.
    """
    return list(gallery.gallery.identify([str(path) for path in paths], category=category or None))


def questions(gallery: ServedGallery) -> list[Question]:
    """Return the questions that are kept, newest first; those that are too old are removed."""
    folder = _folder(gallery)
    found = sorted((path for path in folder.glob("*") if (path / "question.json").is_file()), reverse=True)
    oldest = time.time() - KEPT_DAYS * 86400
    for path in found:
        if path.stat().st_mtime < oldest:
            shutil.rmtree(path, ignore_errors=True)
    return [Question(path) for path in found if path.is_dir()]


def _folder(gallery: ServedGallery) -> Path:
    return gallery.folder / "asked"


def reason_of(error: DataError) -> str:
    """Return why a single photo cannot be used, without what the command line says around it."""
    text = " ".join(str(error).split())
    stated = re.search(r"row 1 \(.*\): (.*)\. Correct them", text)
    return stated[1] if stated else text
