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
from vicp.adapt.teach import teach_category
from vicp.data.procedural.world import world_photos
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.data.write import write_table
from vicp.gallery.ask import identify_in_gallery
from vicp.gallery.contents import find_category, photos
from vicp.gallery.create import create_with_prompts
from vicp.gallery.edit import merge_identities
from vicp.gallery.enroll_source import enroll_source
from vicp.gallery.reindex import reindex
from vicp.gallery.stats import gallery_stats, log_lines
from vicp.gallery.store.database import open_gallery, undo

CATEGORIES, INDIVIDUALS, PHOTOS_EACH = 3, 20, 5
STRANGERS = 2  # individuals of each category that stay out of the gallery
KEEPER = "keeper"


@dataclass(frozen=True)
class Story:
    """What happened, for whoever checks it.

    Attributes:
        enrolled: photos in the first year.
        again: photos added by enrolling the same once more.
        known: share of known individuals' photos whose first candidate is right.
        said_new: share of strangers' photos that were not taken for somebody.
        merged: photos of the individual that swallowed another.
        after_undo: its photos after the undo.
        second_year: photos added in the second year.
        spaces: of the first category's embeddings, before and after its new prompt.
        log: the log, newest first.
    """

    enrolled: int
    again: int
    known: float
    said_new: float
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
    table = open_photos(arguments.table) if arguments.table else made_up_photos()
    story = tell(arguments.folder, load_model(arguments.model), table, model=arguments.model)
    print(f"enrolled {story.enrolled}, again {story.again}, in the second year {story.second_year}")
    print(f"known individuals named right: {story.known:.0%}; strangers not taken for somebody: {story.said_new:.0%}")
    print(f"merged by mistake into one of {story.merged} photos; after the undo {story.after_undo}")
    print(f"embeddings before {story.spaces[0]}, after the new prompt {story.spaces[1]}")
    print("\n".join(story.log))


def made_up_photos(*, size: int = 96, seed: int = 0) -> PhotoTable:
    """Three hundred photos of the procedural world."""
    frame = world_photos(
        num_categories=CATEGORIES, num_identities=INDIVIDUALS, photos_per_identity=PHOTOS_EACH, size=size, seed=seed
    )
    return PhotoTable(frame.assign(row=np.arange(1, len(frame) + 1)), None)


def tell(folder: Path, embedder: Embedder, table: PhotoTable, *, model: str) -> Story:
    """Teach, enroll, ask, err, undo, come back a year later, teach better."""
    categories = table.categories[:CATEGORIES]
    parts = {part: write(table, rows, folder / f"{part}.parquet") for part, rows in divide(table, categories).items()}

    taught = {c: teach(embedder, parts["first-year"], c, num_pairs=32, seed=0) for c in categories}
    uri = str(folder / "gallery")
    create_with_prompts(embedder, uri, list(taught.values()), model=model, by=KEEPER, why="the first year")
    enrolled = enroll_source(embedder, uri, parts["first-year"], by=KEEPER)
    again = enroll_source(embedder, uri, parts["first-year"], by=KEEPER)

    known, said_new = ask(embedder, uri, table, parts, categories)

    names = sorted(photos(open_gallery(uri), where=f"category = '{categories[0]}'")["identity"].unique())
    merge_identities(uri, names[0], [names[1]], category=categories[0], by=KEEPER, why="they look alike")
    merged = photos_of(uri, categories[0], names[0])
    undo(uri, by=KEEPER, why="they were two after all")
    after_undo = photos_of(uri, categories[0], names[0])

    second = enroll_source(embedder, uri, parts["second-year"], by=KEEPER, why="the second year")
    before = find_category(open_gallery(uri), categories[0]).space
    better = teach(embedder, parts["first-year"], categories[0], num_pairs=48, seed=1)
    reindex(embedder, uri, {categories[0]: better}, model={}, by=KEEPER, why="more pairs")
    snapshot = open_gallery(uri)
    assert gallery_stats(snapshot).categories[0].embedded == gallery_stats(snapshot).categories[0].photos
    return Story(
        enrolled=enrolled.added,
        again=again.added,
        known=known,
        said_new=said_new,
        merged=merged,
        after_undo=after_undo,
        second_year=second.added,
        spaces=(before, find_category(snapshot, categories[0]).space),
        log=log_lines(snapshot),
    )


def divide(table: PhotoTable, categories: Sequence[str]) -> dict[str, np.ndarray]:
    """Rows of the first year, of ten photos of the second, of questions about known ones, and of strangers."""
    divided: dict[str, list[int]] = {"first-year": [], "second-year": [], "known": [], "strangers": []}
    for category in categories:
        rows = np.flatnonzero((table.frame["category"] == category).to_numpy(bool))
        names = table.frame["identity"].iloc[rows]
        for position, name in enumerate(dict.fromkeys(names)):
            own = rows[(names == name).to_numpy(bool)]
            if position < STRANGERS:
                divided["strangers"] += own.tolist()
                continue
            divided["known"].append(int(own[-1]))
            late = position < STRANGERS + 4 and len(divided["second-year"]) < 10
            divided["second-year"] += own[-2:-1].tolist() if late else []
            divided["first-year"] += own[: -2 if late else -1].tolist()
    return {part: np.array(rows) for part, rows in divided.items()}


def teach(embedder: Embedder, photos_file: Path, category: str, *, num_pairs: int, seed: int):
    """The category's adaptation from labelled pairs of its photos."""
    taught = teach_category(
        embedder, photos_file, category=category, num_pairs=num_pairs, support_file=None, seed=seed, adapt="metric"
    )
    return taught.prompt


def ask(
    embedder: Embedder, uri: str, table: PhotoTable, parts: dict[str, Path], categories: Sequence[str]
) -> tuple[float, float]:
    """The shares of right first names and of strangers not taken for somebody."""
    snapshot = open_gallery(uri)
    right, not_taken = [], []
    truth = dict(zip(table.frame["path"], table.frame["identity"], strict=True))
    for category in categories:
        for part, marks in (("known", right), ("strangers", not_taken)):
            asked = parts[part].with_name(f"{part}-{category}.parquet")
            write_table(open_photos(parts[part]).of_category(category), asked)
            for answer in identify_in_gallery(embedder, snapshot, [asked], category=category).answers:
                first = answer.candidates[0].identity == truth[answer.photo]
                marks.append(first if part == "known" else answer.verdict != "same")
    return float(np.mean(right)), float(np.mean(not_taken))


def photos_of(uri: str, category: str, name: str) -> int:
    """How many photos an individual has."""
    return len(photos(open_gallery(uri), where=f"category = '{category}' and identity = '{name}'"))


def write(table: PhotoTable, rows: np.ndarray, out: Path) -> Path:
    """Writes some of the photos as a table of their own."""
    write_table(table.select(rows), out)
    return out


if __name__ == "__main__":
    main()
