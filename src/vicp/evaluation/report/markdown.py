"""report.md of `vicp evaluate`: the verdict, the tables in percent, and how they were made."""

import re
from collections.abc import Iterator, Mapping, Sequence

from vicp.evaluation.report.phrases import (
    confusion_words,
    cosine_sentence,
    counts_sentence,
    difference_words,
    label_sentence,
)
from vicp.evaluation.report.results_table import ABSENT, Table, results_table, with_interval
from vicp.evaluation.report.tables import (
    SUSPECTS_SHOWN,
    WORST_SHOWN,
    best_sentence,
    category_rows,
    context_rows,
    context_verdict,
    groups,
    mean_rows,
    overall_rows,
    row_name,
)
from vicp.evaluation.report.write import percent, signed
from vicp.evaluation.results import CONTEXT_ROWS, ContextSummary, Diagnosis, Estimate, Evaluation, Row, SuspectLabel

_Blocks = Iterator[str]
"""Paragraphs, headings and tables, between which an empty line goes."""


def evaluation_markdown(evaluation: Evaluation) -> str:
    """Return the whole of report.md, in GitHub's Markdown."""
    return "\n\n".join(block for block in _evaluation(evaluation) if block) + "\n"


def table_markdown(table: Table) -> str:
    """Return a table in Markdown; figures stand to the right."""
    rules = [":--" if place < table.num_words else "--:" for place in range(len(table.header))]
    lines = [[escaped(cell) for cell in line] for line in (table.header, *table.lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rules, *lines[1:]])


def escaped(text: str) -> str:
    """Return text on one line, escaped so that Markdown shows it as it is."""
    return re.sub(r"([\\|`*<>\[\]])", r"\\\1", " ".join(text.split()))


def _evaluation(evaluation: Evaluation) -> _Blocks:
    means = mean_rows(evaluation)
    yield f"# {escaped(best_sentence(evaluation))}"
    yield escaped(context_verdict(evaluation))
    yield "All figures are percent; in brackets the 95 % interval over identities and support draws."
    if means:
        yield from ("## Means", table_markdown(results_table(means)))
        contexts = context_rows(overall_rows(evaluation))  # those of single folds are in report.json
        yield "## What the context is worth" if contexts else ""
        for row in contexts:
            yield from _context(row)
    for group in groups(category_rows(evaluation)):
        yield from (f"## {escaped(group.title)}", counts_sentence(group.rows))
        yield table_markdown(results_table(group.rows))
        for row in context_rows(group.rows):
            yield from _context(row)
    for diagnosis in evaluation.diagnoses:
        yield from _diagnosis(diagnosis)
    yield from _made(evaluation)


def _context(row: Row) -> _Blocks:
    if row.context is None:
        return
    yield from (f"### Context of {escaped(row_name(row))}", escaped(row.context.verdict))
    yield table_markdown(_context_table(row.context))
    yield escaped(cosine_sentence(row.context))
    yield escaped(label_sentence(row.context))


def _context_table(context: ContextSummary) -> Table:
    names = [name for name in CONTEXT_ROWS if name in context.rows]
    lines = tuple(
        (name, CONTEXT_ROWS[name], with_interval(context.rows[name]), *_difference(context.differences.get(name)))
        for name in names
    )
    return Table(("context", "what it is", "mAP", "own minus this", ""), lines, 2)


def _difference(difference: Estimate | None) -> tuple[str, str]:
    if difference is None:
        return ABSENT, ""
    if difference.low is None or difference.high is None:
        return signed(difference.value), ""
    interval = f"{signed(difference.low)} to {signed(difference.high)}"
    return f"{signed(difference.value)} ({interval})", difference_words(difference)


def _diagnosis(diagnosis: Diagnosis) -> _Blocks:
    yield f"## A closer look at {escaped(diagnosis.category)}: {escaped(row_name(diagnosis))}"
    if diagnosis.errors:
        yield from ("### Hardest individuals", table_markdown(_errors(diagnosis)))
    if diagnosis.suspects:
        yield from ("### Labels to check", table_markdown(_suspects(diagnosis.suspects[:SUSPECTS_SHOWN])))
    if diagnosis.leaks:
        yield from ("### Photos that are there twice", _list(diagnosis.leaks))
    if diagnosis.probes:
        yield from ("### What the photos are recognised by", escaped(diagnosis.probe_verdict))
        yield table_markdown(_probes(diagnosis.probes))


def _errors(diagnosis: Diagnosis) -> Table:
    header = ("identity", "first hit instead, most often", "photos", "mAP", "Rank-1")
    lines = tuple(
        (each.identity, confusion_words(each) or ABSENT, str(each.num_queries), percent(each.map), percent(each.rank1))
        for each in diagnosis.errors[:WORST_SHOWN]
    )
    return Table(header, lines, 2)


def _suspects(suspects: Sequence[SuspectLabel]) -> Table:
    header = ("photo", "label", "looks like", "similarity to its label", "to the other", "neighbours of the other")
    lines = tuple(
        (
            each.photo,
            each.identity,
            each.looks_like,
            f"{each.own_similarity:.2f}",
            f"{each.other_similarity:.2f}",
            f"{each.neighbours} of {each.of}",
        )
        for each in suspects
    )
    return Table(header, lines, 3)


def _probes(probes: Mapping[str, Estimate]) -> Table:
    return Table(("queries shown", "mAP"), tuple((name, with_interval(each)) for name, each in probes.items()), 1)


def _made(evaluation: Evaluation) -> _Blocks:
    methods = [f"{name}: {fingerprint}" for name, fingerprint in evaluation.methods.items()]
    facts = [
        f"Protocol {evaluation.protocol}: {evaluation.protocol_sentence}",
        f"Photos: {evaluation.source}",
        *methods,
        f"Seed {evaluation.seed}, supports drawn per category: {evaluation.num_draws}, {evaluation.seconds:.1f} s",
    ]
    yield from ("## How this was made", _list(facts), f"    {' '.join(evaluation.command.split())}")
    yield from ("## Left out", _list(evaluation.skipped) or "Nothing.")


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)
