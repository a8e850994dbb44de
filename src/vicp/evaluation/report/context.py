"""The context report as a person reads it: what `vicp demo` writes, one JSON file and one HTML page.

The page is self-contained (photos inside, no scripts, no network) and says first whether the context helped.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vicp.evaluation.report.write import json_text, page_text, percent, write_files

METHODS: dict[str, str] = {
    "own": "Prompt from this category's own labelled pairs.",
    "other": "Prompt from another category's pairs.",
    "shuffled": "Own pairs, but with their labels shuffled.",
    "null": "No pairs at all.",
    "frozen": "Plain backbone, no prompt.",
    "metric": "Closed-form whitening from the same-pairs, on frozen features.",
}
"""The order of the rows and one plain sentence for each; rows not named here come last."""

ALTERNATIVES = ("other", "shuffled", "null")
"""The rows that "own" must beat before anyone may say that the context is used."""


@dataclass(frozen=True)
class MethodResult:
    """Retrieval with one method; fractions in [0, 1].

    Attributes:
        map: mean average precision.
        rank1: share of queries whose first hit is the right individual.
        low: lower end of the 95 % interval of `map`.
        high: its upper end.
    """

    map: float
    rank1: float
    low: float
    high: float

    def __post_init__(self) -> None:
        wrong = {name: value for name, value in asdict(self).items() if not 0 <= value <= 1}
        if wrong:
            raise ValueError(f"a result is a fraction in [0, 1], got {wrong}")


@dataclass(frozen=True)
class Hit:
    """A gallery photo in a ranking: encoded thumbnail, and whether it shows the query's identity."""

    photo: bytes
    name: str
    identity: str
    similarity: float
    right: bool


@dataclass(frozen=True)
class RankList:
    """A query photo (encoded thumbnail) and its hits, the most similar first."""

    photo: bytes
    name: str
    identity: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class CategoryReport:
    """One category.

    Attributes:
        category: its name.
        queries: how many photos were looked up.
        gallery: in how many photos.
        identities: of how many individuals.
        pairs: labelled pairs the context was made from.
        label_accuracy: how often the LLM predicts the label of a held-out pair; None if not measurable.
        results: by the keys of METHODS, or further ones.
        rank_lists: examples.
        matches: the picture of matched patches, PNG; None if there is none.
        other: the category whose pairs the row "other" used.
    """

    category: str
    queries: int
    gallery: int
    identities: int
    pairs: int
    label_accuracy: float | None
    results: Mapping[str, MethodResult]
    rank_lists: tuple[RankList, ...]
    matches: bytes | None
    other: str


@dataclass(frozen=True)
class DemoReport:
    """All categories, and how the numbers were made.

    Attributes:
        source: where the photos come from.
        model: name and fingerprint.
        command: that makes this report again.
        seconds: it took.
        seed: of every draw.
        protocol: what the numbers mean, in a sentence.
        categories: measured.
        skipped: categories or photos left out, each with its reason.
    """

    source: str
    model: str
    command: str
    seconds: float
    seed: int
    protocol: str
    categories: tuple[CategoryReport, ...]
    skipped: tuple[str, ...]


def mean_results(report: DemoReport) -> dict[str, MethodResult]:
    """Means over categories, in the order of METHODS, of the methods that EVERY category has.

    The interval is for these very categories, taken as independent: their distances from the mean to either
    end add in squares.
    """
    count = len(report.categories)
    means = {}
    for key in ordered({key for category in report.categories for key in category.results}):
        results = [category.results[key] for category in report.categories if key in category.results]
        if len(results) < count:
            continue
        centre = min(math.fsum(r.map for r in results) / count, 1.0)
        below = math.hypot(*(max(r.map - r.low, 0.0) for r in results)) / count
        above = math.hypot(*(max(r.high - r.map, 0.0) for r in results)) / count
        rank1 = min(math.fsum(r.rank1 for r in results) / count, 1.0)
        means[key] = MethodResult(centre, rank1, max(centre - below, 0.0), min(centre + above, 1.0))
    return means


def verdict(report: DemoReport) -> str:
    """One sentence: does the category's own context beat every context that should not help?

    A gap smaller than the two intervals allow (their inner halves added in squares) is not called a gain.
    Figures are rounded before they are subtracted, so that the sentence adds up.
    """
    means = mean_results(report)
    rivals = [key for key in ALTERNATIVES if key in means]
    if "own" not in means or not rivals:
        needed = f"own and one of {', '.join(ALTERNATIVES)}"
        return f"Whether the context helps was not measured: it takes {needed} in every category."
    own, best = means["own"], max(rivals, key=lambda key: means[key].map)
    gap = round(100 * own.map, 1) - round(100 * means[best].map, 1)
    noise = 100 * math.hypot(max(own.map - own.low, 0.0), max(means[best].high - means[best].map, 0.0))
    figures = f"own {percent(own.map)}, {{}}{best} {percent(means[best].map)}"
    if gap < 0.05:
        sentence = f"The context does nothing here: {figures.format('best alternative ')}"
    elif gap <= noise:
        sentence = (
            f"The context may add {gap:.1f} mAP over the best alternative ({best}), "
            f"which could be chance: {figures.format('')}"
        )
    else:
        sentence = f"The context adds {gap:.1f} mAP over the best alternative ({best}): {figures.format('')}"
    if "frozen" in means:
        joint = ", but" if means["frozen"].map >= own.map else ","
        sentence += f"{joint} frozen {percent(means['frozen'].map)}"
    ahead = sum(_own_leads(category, rivals) for category in report.categories)
    count = len(report.categories)
    return f"{sentence} mAP; own is ahead in {ahead} of {count} {'category' if count == 1 else 'categories'}."


def report_dict(report: DemoReport) -> dict[str, Any]:
    """What report.json holds: every number as a fraction, no photos."""
    facts = ("category", "queries", "gallery", "identities", "pairs", "label_accuracy", "other")
    made = ("source", "model", "command", "seconds", "seed", "protocol")
    return {
        "verdict": verdict(report),
        "unit": "fraction",
        "mean": {key: asdict(result) for key, result in mean_results(report).items()},
        "categories": [
            {name: getattr(category, name) for name in facts}
            | {"results": {key: asdict(category.results[key]) for key in ordered(category.results)}}
            for category in report.categories
        ],
        **{name: getattr(report, name) for name in made},
        "skipped": list(report.skipped),
    }


def report_lines(report: DemoReport) -> list[str]:
    """The verdict and the table of means in percent, for a terminal."""
    means = mean_results(report)
    lines = [verdict(report)]
    if means:
        width = max(len(key) for key in means)
        lines.append(f"{'':{width}}  mAP %  95 % interval  Rank-1 %")
    for key, result in means.items():
        interval = f"{percent(result.low)} to {percent(result.high)}"
        row = f"{key:{width}}  {percent(result.map):>5}  {interval:>13}  {percent(result.rank1):>8}"
        lines.append(f"{row}  {METHODS.get(key, '')}".rstrip())
    return lines + [f"Left out: {reason}" for reason in report.skipped]


def write_report(report: DemoReport, out: Path) -> None:
    """Writes report.json and report.html into a folder; each appears whole or not at all.

    Raises:
        DataError: the folder cannot be written.
    """
    write_files(out, {"report.json": json_text(report_dict(report)), "report.html": _page(report)})


def ordered(keys: Mapping[str, Any] | set[str]) -> list[str]:
    """Method keys in the order of METHODS, unknown ones last by name."""
    return [key for key in METHODS if key in keys] + sorted(set(keys) - set(METHODS))


def _own_leads(category: CategoryReport, rivals: list[str]) -> bool:
    return all(category.results["own"].map > category.results[key].map for key in rivals)


def _page(report: DemoReport) -> str:
    claim, _, figures = verdict(report).partition(": ")
    values = {
        "report": report,
        "means": mean_results(report),
        "claim": claim,
        "figures": figures,
    }
    return page_text("demo.html", values, words={"methods": METHODS, "ordered": ordered})
