"""The report of `vicp demo`: report.json, report.html, and lines for the terminal.

The page is self-contained (photos inside, no scripts, no network). It shows first whom real photos show, where any were
asked about, and then whether the context helped.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vicp.data.minifigures import CREDIT, LICENCE
from vicp.evaluation.context_report import own_leads
from vicp.evaluation.demo.results import AnsweredPhoto, DemoReport
from vicp.evaluation.report.phrases import label_sentence
from vicp.evaluation.report.serialise import estimates_dict
from vicp.evaluation.report.tables import interval_text
from vicp.evaluation.report.write import json_text, page_text, percent, write_files
from vicp.evaluation.results import CONTEXT_ROWS, ContextSummary

MEANING = {  # of a row, short enough for a terminal of 80 columns
    "own": "prompt from the category's own pairs",
    "other": "from another category's pairs",
    "shuffled": "from own pairs, labels shuffled",
    "null": "from no pairs at all",
    "frozen": "the plain backbone, no prompt",
    "metric": "whitening from the own pairs",
}


def demo_verdict(report: DemoReport) -> str:
    """Return the verdict on the mean over categories, and in how many categories the own context leads."""
    return f"{report.context.verdict} {leads_sentence(report)}"


def leads_sentence(report: DemoReport) -> str:
    """Return a sentence that says in how many categories the own context has a higher mAP than every control."""
    leads, count = sum(own_leads(each.context) for each in report.categories), len(report.categories)
    return f"Own is ahead in {leads} of {count} {'category' if count == 1 else 'categories'}."


def answers_claim(report: DemoReport) -> str:
    """Return how many answers are right."""
    right, count = sum(each.is_right for each in report.answers), len(report.answers)
    return f"Who is this? {right} of {count} answers are right."


def answer_words(answered: AnsweredPhoto) -> str:
    """Return the first part of an answer's sentence: whom, how probable, and the range."""
    first = answered.answer.sentence.split(";")[0]
    return first[:1].upper() + first[1:]


def truth_words(answered: AnsweredPhoto) -> str:
    """Return whether an answer is right, and who it is."""
    return f"{'right' if answered.is_right else 'wrong'}: it is {answered.truth or 'somebody new'}"


def demo_dict(report: DemoReport) -> dict[str, Any]:
    """Return what report.json holds: every number as a fraction, no photos."""
    counts = ("category", "queries", "gallery", "identities", "pairs", "other")
    origin = ("source", "model", "command", "seconds", "seed", "protocol")
    return {
        "verdict": demo_verdict(report),
        "unit": "fraction",
        "mean": _rows(report.context, report.rank1),
        "differences": estimates_dict(report.context.differences),
        "categories": [
            {name: getattr(category, name) for name in counts}
            | {
                "verdict": category.context.verdict,
                "label_accuracy": None
                if category.context.label_accuracy is None
                else category.context.label_accuracy.value,
                "majority_rate": category.context.majority_rate,
                "results": _rows(category.context, category.rank1),
                "differences": estimates_dict(category.context.differences),
            }
            for category in report.categories
        ],
        "answers": [
            {"truth": each.truth, "right": each.is_right, "answer": asdict(each.answer)} for each in report.answers
        ],
        **{name: getattr(report, name) for name in origin},
        "skipped": list(report.skipped),
    }


def demo_lines(report: DemoReport) -> list[str]:
    """Return the verdict and the table of means in percent, for a terminal."""
    lines = [answers_claim(report), *_answer_lines(report), "", "Drawn objects:"] if report.answers else []
    width = max(map(len, report.context.rows))
    lines += [demo_verdict(report), f"{'':{width}}  mAP %  95 % interval  Rank-1 %"]
    for row, estimate in report.context.rows.items():
        figures = f"{percent(estimate.value):>5}  {interval_text(estimate):>13}  {percent(report.rank1[row]):>8}"
        lines.append(f"{row:{width}}  {figures}  {MEANING[row]}")
    return lines + [f"Left out: {reason}" for reason in report.skipped]


def _answer_lines(report: DemoReport) -> list[str]:
    """Return a line per answer, and whose photos they are."""
    said = [answer_words(each) for each in report.answers]
    width = max(map(len, said))
    lines = [f"  {words:{width}}  {truth_words(each)}" for words, each in zip(said, report.answers, strict=True)]
    return [*lines, f"  Photos: {CREDIT}.", "  Training has seen this set: it shows what answers look like."]


def write_demo(report: DemoReport, out: Path) -> None:
    """Write report.json and report.html into a folder; each appears whole or not at all.

    Raises:
        DataError: The folder cannot be written.
    """
    page = page_text(
        "demo.html",
        {
            "report": report,
            "claim": report.context.verdict,
            "leads": leads_sentence(report),
            "answers_claim": answers_claim(report),
        },
        words={
            "CONTEXT_ROWS": CONTEXT_ROWS,
            "interval_text": interval_text,
            "label_sentence": label_sentence,
            "answer_words": answer_words,
            "truth_words": truth_words,
            "CREDIT": CREDIT,
            "LICENCE": LICENCE,
        },
    )
    write_files(out, {"report.json": json_text(demo_dict(report)), "report.html": page})


def _rows(context: ContextSummary, rank1: Mapping[str, float]) -> dict[str, dict[str, float | None]]:
    return {row: {**numbers, "rank1": rank1[row]} for row, numbers in estimates_dict(context.rows).items()}
