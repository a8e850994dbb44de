"""Teach a category from what the gallery holds, and put what it learned to use."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from vicp.data.records import PhotoTable
from vicp.decisions.outcome import InsufficientPairs
from vicp.decisions.rule import DEFAULT_TARGETS
from vicp.decisions.sentences import percent
from vicp.gallery.categories import GalleryCategory, gallery_categories
from vicp.gallery.contents import photos, quoted
from vicp.gallery.enrollment.reindex import kept_photos
from vicp.gallery.gallery import Gallery
from vicp.gallery.labelling.labels import pairs_held
from vicp.gallery.search.category_rule import stored_rule
from vicp.gallery.search.indexed_nearest import nearest_in_category
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import PROMPTS
from vicp.phrases import counted
from vicp.service.jobs.jobs import Job
from vicp.service.served_gallery import ServedGallery
from vicp.service.service import Service

if TYPE_CHECKING:
    from vicp.adapt.teach import TeachResult

_CHUNK = 8  # photos that are embedded between two questions


def start_teaching(service: Service, gallery: ServedGallery, category: str, *, from_names: bool) -> Job:
    """Return the job that teaches a category and embeds its photos anew; names and labels stay as they are."""

    def work(job: Job) -> tuple[str, dict[str, Any]]:
        job.report(0, 0, "learning from the pairs")
        opened = gallery.gallery
        result = service.model.wait_for(lambda: opened.teach(category, from_names=from_names))
        _embed_beforehand(job, service, opened, gallery.snapshot, result)
        service.writer.wait_for(lambda: opened.reindex([result.prompt], reason=f"taught by {result.pairs} pairs"))
        return _summary(result), {"pairs": result.pairs, "recipe": str(result.prompt.recipe)}

    return service.jobs.start("teaching", gallery.name, work)


def lessons(gallery: ServedGallery, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return for each category what it was taught, what came of it, and what a promise still takes."""
    frame = gallery.frame(snapshot)
    taught_at = dict(zip(*snapshot.read(PROMPTS, ["category", "at"]).to_pydict().values(), strict=True))
    found = []
    for name, category in gallery_categories(snapshot).items():
        own = [row for row in pairs_held(snapshot).values() if row["category"] == name]
        told = [row["same"] for row in own]
        named = frame[(frame["category"] == name) & frame["identity"].notna()]
        prompt = category.prompt
        found.append(
            {
                "category": name,
                "same": told.count(True),
                "different": told.count(False),
                "unsure": told.count(None),
                "individuals": int(named["identity"].nunique()),
                "twice": int((named["identity"].value_counts() > 1).sum()),
                "taught": None if prompt is None else _taught(category),
                "missing": _missing(
                    snapshot, category, untaught_pairs(own, None if prompt is None else taught_at[name])
                ),
            }
        )
    return found


def _taught(category: GalleryCategory) -> dict[str, Any]:
    prompt = category.prompt
    assert prompt is not None
    understood = ""
    if prompt.labels_predictable is not None:
        understood = (
            "The model foretells labels that it has not seen: it understood them."
            if prompt.labels_predictable
            else "The model cannot foretell labels that it has not seen: it did not understand them by itself."
        )
    use = prompt.usefulness
    return {
        "pairs": prompt.num_pairs,
        "reason": "" if prompt.choice is None else prompt.choice.reason,
        "understood": understood,
        "use": ""
        if use is None
        else f"On individuals that were held out it finds the right one first for {percent(use.rank1)} of "
        f"{counted(use.photos, 'photo')}.",
        "more_help": None if use is None else use.more_pairs_help,
    }


def untaught_pairs(pairs: Sequence[Mapping[str, Any]], taught_at: datetime | None) -> int:
    """Return how many different-pairs, of photos that are in no pair before, were labelled since the teaching."""
    labelled = sorted((row for row in pairs if row["same"] is not None), key=lambda row: row["at"])
    in_pairs: set[str] = set()
    count = 0
    for row in labelled:
        photos_of_pair = {row["left"], row["right"]}
        is_new = taught_at is None or row["at"] > taught_at
        count += is_new and not row["same"] and not photos_of_pair & in_pairs
        in_pairs |= photos_of_pair
    return count


def _missing(snapshot: Snapshot, category: GalleryCategory, untaught: int) -> dict[str, Any]:
    """Return how many more different-pairs the promised rate takes after a teaching with `untaught` new ones."""
    nearest, rule = nearest_in_category(snapshot, category), stored_rule(snapshot, category)
    candidates = 1 if nearest is None else max(len(nearest.names), 1)
    limit = rule.threshold(
        DEFAULT_TARGETS.false_match_rate, confidence=DEFAULT_TARGETS.confidence, candidates=candidates
    )
    missing = limit.missing if isinstance(limit, InsufficientPairs) else 0
    left = max(missing - untaught, 0)
    return {
        "pairs": left,
        "teach_first": missing > left == 0,
        "rate": percent(DEFAULT_TARGETS.false_match_rate),
        "candidates": candidates,
    }


def _embed_beforehand(job: Job, service: Service, opened: Gallery, snapshot: Snapshot, result: "TeachResult") -> None:
    """Embed the category's photos under the new prompt into the cache, a few at a time."""
    frame = photos(snapshot, where=f"category = {quoted(result.prompt.category)}")
    for start in range(0, len(frame), _CHUNK):
        part = frame.iloc[start : start + _CHUNK]
        images = kept_photos(snapshot, part)
        table = PhotoTable(part.assign(path=part["key"], row=part["number"], image=images), None)
        service.model.wait_for(partial(opened.encoder.embed, table, result.prompt))
        job.report(min(start + _CHUNK, len(frame)), len(frame), "looking at all photos with what was learned")


def _summary(result: "TeachResult") -> str:
    sentences = [f"Taught by {counted(result.pairs, 'pair')}, {result.same_pairs} of them the same individual."]
    if result.prompt.choice is not None:
        sentences.append(result.prompt.choice.reason)
    if result.suspects:
        look = "looks" if len(result.suspects) == 1 else "look"
        sentences.append(f"{counted(len(result.suspects), 'label')} {look} wrong: see Review.")
    return " ".join(sentences)
