"""A gallery over two years: three kinds of things, known and unknown individuals, a mistake taken back, a new prompt.

    python examples/gallery_story.py FOLDER [--model mini] [--table PHOTOS.parquet]

Makes FOLDER/gallery. Without a table the photos are 300 of the procedural world: three categories, twenty individuals
of each, five photos of every one.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_model
from vicp.adapt.prompt import Prompt
from vicp.adapt.teach import teach_category
from vicp.data.procedural.world import world_photos
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.data.write import write_table
from vicp.gallery.gallery import Gallery

CATEGORIES, INDIVIDUALS, PHOTOS_EACH = 3, 20, 5
UNKNOWN_INDIVIDUALS = 2  # of each category, that stay out of the gallery


@dataclass(frozen=True)
class Story:
    """What happened, for whoever checks it.

    Attributes:
        enrolled: Photos in the first year.
        again: Photos added by enrolling the same once more.
        first_right: Share of known individuals' photos whose first candidate is right.
        not_matched: Share of unknown individuals' photos that were not taken for somebody.
        merged: Photos of the individual that swallowed another.
        after_undo: Its photos after the undo.
        second_year: Photos added in the second year.
        spaces: Of the first category's embeddings, before and after its new prompt.
        log: The changes, oldest first.
    """

    enrolled: int
    again: int
    first_right: float
    not_matched: float
    merged: int
    after_undo: int
    second_year: int
    spaces: tuple[str, str]
    log: list[str]


def main() -> None:
    """Tells the story and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--table", type=Path, help="photos of your own, of three categories or more")
    arguments = parser.parse_args()
    table = open_photos(arguments.table) if arguments.table else procedural_photos()
    story = tell(arguments.folder, load_model(arguments.model), table)
    print(f"enrolled {story.enrolled}, again {story.again}, in the second year {story.second_year}")
    print(f"known individuals named right: {story.first_right:.0%}")
    print(f"unknown individuals not taken for somebody: {story.not_matched:.0%}")
    print(f"merged by mistake into one of {story.merged} photos; after the undo {story.after_undo}")
    print(f"embeddings before {story.spaces[0]}, after the new prompt {story.spaces[1]}")
    print("\n".join(story.log))


def procedural_photos(*, size: int = 96, seed: int = 0) -> PhotoTable:
    """Return three hundred photos of the procedural world."""
    frame = world_photos(
        num_categories=CATEGORIES, num_identities=INDIVIDUALS, photos_per_identity=PHOTOS_EACH, size=size, seed=seed
    )
    return PhotoTable(frame.assign(row=np.arange(1, len(frame) + 1)), None)


def tell(folder: Path, embedder: Embedder, table: PhotoTable) -> Story:
    """Teach, enroll, identify, err, undo, come back a year later, teach better."""
    categories = table.categories[:CATEGORIES]
    parts = {name: table.select(rows) for name, rows in divide(table, categories).items()}
    first_year = folder / "first-year.parquet"
    write_table(parts["first-year"], first_year)
    prompts = [teach(embedder, first_year, category, num_pairs=32, seed=0) for category in categories]

    gallery = Gallery.create(folder / "gallery", embedder, prompts, author="keeper", reason="the first year")
    enrolled = gallery.enroll(first_year)
    again = gallery.enroll(first_year)
    first_right, not_matched = identify(gallery, parts, categories)

    category = categories[0]
    one, other = sorted(set(parts["first-year"].of_category(category).frame["identity"]))[:2]
    gallery.merge(one, [other], category=category, reason="they look alike")
    merged = count_photos(gallery, category, one)
    gallery.undo(reason="they were two after all")
    after_undo = count_photos(gallery, category, one)

    second_year = gallery.enroll(parts["second-year"], reason="the second year")
    before = gallery.categories()[category].space
    gallery.reindex([teach(embedder, first_year, category, num_pairs=48, seed=1)], reason="more pairs")
    stats = gallery.stats().categories[0]
    assert stats.embedded == stats.photos
    return Story(
        enrolled=enrolled.added,
        again=again.added,
        first_right=first_right,
        not_matched=not_matched,
        merged=merged,
        after_undo=after_undo,
        second_year=second_year.added,
        spaces=(before, gallery.categories()[category].space),
        log=[f"{entry.operation} {entry.author} {entry.command}: {entry.summary}" for entry in gallery.log()],
    )


def divide(table: PhotoTable, categories: Sequence[str]) -> dict[str, np.ndarray]:
    """Return rows of the first year, of ten photos of the second, and of queries of known and unknown individuals."""
    rows_of: dict[str, list[int]] = {"first-year": [], "second-year": [], "known": [], "unknown": []}
    for category in categories:
        rows = np.flatnonzero((table.frame["category"] == category).to_numpy(bool))
        names = table.frame["identity"].iloc[rows]
        for position, name in enumerate(dict.fromkeys(names)):
            photos = rows[(names == name).to_numpy(bool)]
            if position < UNKNOWN_INDIVIDUALS:
                rows_of["unknown"] += photos.tolist()
                continue
            rows_of["known"].append(int(photos[-1]))
            late = position < UNKNOWN_INDIVIDUALS + 4 and len(rows_of["second-year"]) < 10
            rows_of["second-year"] += photos[-2:-1].tolist() if late else []
            rows_of["first-year"] += photos[: -2 if late else -1].tolist()
    return {part: np.array(rows) for part, rows in rows_of.items()}


def teach(embedder: Embedder, photos_file: Path, category: str, *, num_pairs: int, seed: int) -> Prompt:
    """Return the category's prompt from labelled pairs of its photos."""
    taught = teach_category(
        embedder, open_photos(photos_file), category=category, num_pairs=num_pairs, seed=seed, adapt="metric"
    )
    return taught.prompt


def identify(gallery: Gallery, parts: dict[str, PhotoTable], categories: Sequence[str]) -> tuple[float, float]:
    """Return the share of right first names, and the share of unknown individuals not taken for somebody."""
    is_right, is_unmatched = [], []
    for category in categories:
        known, unknown = parts["known"].of_category(category), parts["unknown"].of_category(category)
        name_of = dict(zip(known.frame["path"], known.frame["identity"], strict=True))
        for found in gallery.identify(known, category=category).identifications:
            is_right.append(found.candidates[0].identity == name_of[found.photo])
        report = gallery.identify(unknown, category=category)
        is_unmatched += [found.verdict != "same" for found in report.identifications]
    return float(np.mean(is_right)), float(np.mean(is_unmatched))


def count_photos(gallery: Gallery, category: str, name: str) -> int:
    """Return how many photos an individual has."""
    frame = gallery.photos()
    return int(((frame["category"] == category) & (frame["identity"] == name)).sum())


if __name__ == "__main__":
    main()
