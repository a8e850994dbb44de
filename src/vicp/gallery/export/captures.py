"""Capture histories of a gallery: who was seen on which occasion, for MARK (.inp) or as a CSV."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from vicp.data.sources.tables.delimited import read_csv, require_columns
from vicp.decisions.outcome import InsufficientPairs
from vicp.decisions.rule import DEFAULT_TARGETS
from vicp.decisions.sentences import percent, shortage_sentence
from vicp.errors import DataError, GalleryError
from vicp.gallery.categories import GalleryCategory, find_category, gallery_categories
from vicp.gallery.contents import photos, set_aside_numbers
from vicp.gallery.search.category_rule import category_rule
from vicp.gallery.search.nearest import exact_nearest
from vicp.gallery.store.snapshot import Snapshot
from vicp.io import atomic_write
from vicp.phrases import counted

PERIODS = ("day", "week", "month")
_MOST = 1000  # occasions
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?!\d)")
WARNING = (
    "Misidentification biases what is estimated from these histories: two individuals under one name make a population "
    "look smaller, one under two names larger. Review the names, and use a model that allows for such errors."
)


@dataclass(frozen=True)
class Occasion:
    """A period in which individuals may be seen, its first and its last day included."""

    label: str
    first: date
    last: date


@dataclass(frozen=True)
class CaptureHistories:
    """What was written.

    Attributes:
        category: Of the individuals.
        individuals: How many were seen on some occasion.
        occasions: The labels of the occasions.
        sightings: Individuals seen, added over occasions.
        undated: Photos of named individuals left out because their day is not known.
        outside: Photos left out because they lie on no occasion.
        unnamed: Photos left out because nobody is named.
        promises: What `identify` promises of the names that it gives, or what it takes.
        warning: What misidentification does.
        out: The file.
    """

    category: str
    individuals: int
    occasions: tuple[str, ...]
    sightings: int
    undated: int
    outside: int
    unnamed: int
    promises: tuple[str, ...]
    warning: str
    out: str


def export_captures(
    snapshot: Snapshot, out: Path, *, occasions: str = "week", category: str | None = None
) -> CaptureHistories:
    """Write a row per named individual: 1 where it was seen on an occasion, 0 where not.

    Photos that are set aside count for nobody.

    Args:
        snapshot: The gallery.
        out: A .inp for MARK or a .csv; error rates and a warning stand in it as comments.
        occasions: day, week or month, from the first sighting to the last; or a CSV with occasion, start and end.
        category: Which of several.

    Raises:
        DataError: Another ending, occasions that cannot be used, no dated photo of a named individual, or a file that
            cannot be written.
        GalleryError: Several categories and none is chosen, or no such category.
    """
    if out.suffix.lower() not in (".inp", ".csv"):
        raise DataError(f"{out}: cannot tell which histories to write, expected a name ending in .inp or .csv")
    stored = _only_category(snapshot, category)
    frame = photos(snapshot, ("category", "identity", "date"))
    frame = frame[(frame["category"] == stored.category) & ~frame["number"].isin(set_aside_numbers(snapshot))]
    named = frame[frame["identity"].notna()]
    days = [_day(str(text)) for text in named["date"]]
    sightings = [(str(name), day) for name, day in zip(named["identity"], days, strict=True) if day is not None]
    if not sightings:
        raise DataError(f"{snapshot.uri}: no photo of a named {stored.category} has a date: enroll them with one")
    periods = _occasions(occasions, [day for _, day in sightings])
    histories, outside = _histories(sightings, periods)
    result = CaptureHistories(
        category=stored.category,
        individuals=len(histories),
        occasions=tuple(period.label for period in periods),
        sightings=sum(map(sum, histories.values())),
        undated=len(named) - len(sightings),
        outside=outside,
        unnamed=len(frame) - len(named),
        promises=_promises(snapshot, stored),
        warning=WARNING,
        out=str(out),
    )
    _write(out, histories, result)
    return result


def _histories(sightings: Sequence[tuple[str, date]], periods: Sequence[Occasion]) -> tuple[dict[str, list[bool]], int]:
    """Return individual -> whether it was seen on each occasion, and how many sightings lie on none."""
    seen = {name: [False] * len(periods) for name in sorted({name for name, _ in sightings})}
    num_outside = 0
    for name, day in sightings:
        on = [number for number, one in enumerate(periods) if one.first <= day <= one.last]
        num_outside += not on
        for number in on:
            seen[name][number] = True
    return {name: flags for name, flags in seen.items() if any(flags)}, num_outside


def _only_category(snapshot: Snapshot, category: str | None) -> GalleryCategory:
    if category is not None:
        return find_category(snapshot, category)
    categories = gallery_categories(snapshot)
    if len(categories) != 1:
        listed = ", ".join(categories) or "none yet"
        raise GalleryError(f"{snapshot.uri}: histories are of one category, and there are {listed}: give --category")
    return next(iter(categories.values()))


def _day(text: str) -> date | None:
    """Return the day that a date names, as it is written there; None where it names none."""
    found = _DAY.match(text)
    try:
        return None if found is None else date(*map(int, found.groups()))
    except ValueError:
        return None


def _occasions(given: str, days: Sequence[date]) -> list[Occasion]:
    """Return the occasions that a user means: periods without a gap, or those of a file."""
    if given not in PERIODS:
        return _read_occasions(Path(given))
    periods: list[Occasion] = []
    day = min(days)
    while day <= max(days):
        period = _period(given, day)
        periods.append(period)
        day = period.last + timedelta(days=1)
        if len(periods) > _MOST:
            raise DataError(
                f"more than {_MOST:,} occasions by {given}, from {min(days)} to {max(days)}: take a longer one"
            )
    return periods


def _period(kind: str, day: date) -> Occasion:
    if kind == "day":
        return Occasion(day.isoformat(), day, day)
    if kind == "week":
        monday = day - timedelta(days=day.weekday())
        year, week, _ = day.isocalendar()
        return Occasion(f"{year}-W{week:02}", monday, monday + timedelta(days=6))
    first = day.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return Occasion(f"{day:%Y-%m}", first, last)


def _read_occasions(path: Path) -> list[Occasion]:
    if not path.is_file():
        raise DataError(f"--occasions {path}: expected {', '.join(PERIODS)}, or a CSV with occasion, start and end")
    frame = read_csv(path)
    require_columns(path, list(frame.columns), ("occasion", "start", "end"))
    occasions = []
    for row, (label, start, end) in enumerate(frame[["occasion", "start", "end"]].itertuples(index=False), 1):
        first, last = _day(start), _day(end)
        if first is None or last is None or last < first:
            raise DataError(f"{path}: row {row} ({label}) goes from {start!r} to {end!r}, expected days as 2025-04-01")
        occasions.append(Occasion(str(label), first, last))
    if not occasions:
        raise DataError(f"{path}: no occasion in it")
    return occasions


def _promises(snapshot: Snapshot, stored: GalleryCategory) -> tuple[str, ...]:
    """Return the error rates of names that `identify` gives in this category, or what it takes to promise some."""
    nearest = exact_nearest(snapshot, stored)
    rule, targets = category_rule(stored.prompt, nearest), DEFAULT_TARGETS
    candidates = 1 if nearest is None else len(nearest.names)
    limit = rule.threshold(targets.false_match_rate, confidence=targets.confidence, candidates=candidates)
    sure = f"(confidence {percent(targets.confidence)})"
    if isinstance(limit, InsufficientPairs):
        false_match = f"No promise yet of how often somebody new gets a name: {shortage_sentence(limit)}."
    else:
        rate = percent(targets.false_match_rate)
        false_match = f"Of promised names: at most {rate} of photos of somebody new get one {sure}."
    rate = percent(targets.false_new_rate)
    if rule.new_below(targets.false_new_rate, confidence=targets.confidence) is None:
        false_new = f"No promise yet that at most {rate} of photos of known individuals are called new."
    else:
        false_new = f"Of promised newcomers: at most {rate} of photos of known individuals are called new {sure}."
    return false_match, false_new


def _write(out: Path, histories: dict[str, list[bool]], result: CaptureHistories) -> None:
    about = (
        f"Capture histories of {counted(result.individuals, 'individual')} ({result.category}) on "
        f"{counted(len(result.occasions), 'occasion')}, {result.occasions[0]} to {result.occasions[-1]}, "
        f"by VICP {version('vicp')}."
    )
    comments = [about, *result.promises, result.warning]
    if out.suffix.lower() == ".inp":
        lines = [f"/* {text} */" for text in comments]
        for name, flags in histories.items():
            named = name.replace("*/", "* /").replace("/*", "/ *")
            lines.append(f"/* {named} */ {''.join(str(int(flag)) for flag in flags)} 1;")
        text = "\n".join(lines) + "\n"
    else:
        frame = pd.DataFrame.from_dict(histories, orient="index", columns=list(result.occasions)).astype(int)
        text = "".join(f"# {line}\n" for line in comments) + frame.to_csv(index_label="individual", lineterminator="\n")
    try:
        with atomic_write(out) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror or error})") from error
