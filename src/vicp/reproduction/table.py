"""The table of a reproduction, next to the paper's printed numbers: Markdown, JSON, and lines for the terminal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vicp.evaluation.report.markdown import escaped, table_markdown
from vicp.evaluation.report.results_table import ABSENT, Table, aligned
from vicp.evaluation.report.write import json_text, percent, write_files
from vicp.evaluation.results import METRICS
from vicp.reproduction.rows import TableRow
from vicp.reproduction.settings import Reproduction

SEEN = "mean of seen categories"


@dataclass(frozen=True)
class FinishedRow:
    """What a row has reached.

    Attributes:
        name: Of the row.
        means: Rows of its evaluation by mean, as in report.json.
        categories: That were measured.
        skipped: What was left out of the evaluation, each with its reason.
    """

    name: str
    means: Mapping[str, Mapping[str, Any]]
    categories: tuple[str, ...]
    skipped: tuple[str, ...]

    @classmethod
    def of(cls, name: str, facts: Mapping[str, Any]) -> "FinishedRow":
        """Return the row of a report.json."""
        means = {row["category"]: row for row in facts["rows"] if row["category"].startswith("mean")}
        single = [row["category"] for row in facts["rows"] if row["category"] not in means]
        return cls(name, means, tuple(single), tuple(facts["skipped"]))


Finished = Mapping[TableRow, FinishedRow | None]


def write_table(reproduction: Reproduction, finished: Finished) -> tuple[list[str], dict[str, Any]]:
    """Write table.md and table.json into the folder, and return the table's lines for a terminal, and its JSON.

    Args:
        reproduction: What was asked for.
        finished: What each row of the table has reached; None for one that is not finished.

    Raises:
        DataError: The folder cannot be written.
    """
    main = _table(reproduction, finished, reproduction.dataset.mean, with_printed=True)
    has_seen = any(row is not None and SEEN in row.means for row in finished.values())
    seen = _table(reproduction, finished, SEEN, with_printed=False) if has_seen else None
    notes = _notes(reproduction, finished)
    blocks = [
        f"# {reproduction.dataset.name}, next to the paper",
        "All figures are percent. " + _made(reproduction, finished),
    ]
    blocks += [f"## {_title(reproduction.dataset.mean)}", table_markdown(main)]
    blocks += [] if seen is None else [f"## {_title(SEEN)}", table_markdown(seen)]
    blocks += ["## Notes", "\n".join(f"- {escaped(note)}" for note in notes)] if notes else []
    facts = {
        "dataset": reproduction.dataset.name,
        "settings": dict(reproduction.settings()),
        "unit": "fraction",
        "mean": reproduction.dataset.mean,
        "rows": [_facts(reproduction, row, each) for row, each in finished.items()],
        "notes": notes,
    }
    write_files(reproduction.out, {"table.md": "\n\n".join(blocks) + "\n", "table.json": json_text(facts)})
    return [*aligned(main), *notes, f"{reproduction.out / 'table.md'} and table.json hold it"], facts


def _table(reproduction: Reproduction, finished: Finished, mean: str, *, with_printed: bool) -> Table:
    """Return the cells: each metric as measured and, next to it, as printed."""
    header = ["row", "adaptation"]
    for metric in reproduction.dataset.metrics:
        header += [METRICS[metric], "paper"] if with_printed else [METRICS[metric]]
    lines = []
    for row, each in finished.items():
        values = {} if each is None else each.means.get(mean, {})
        cells = [row.name, row.adaptation]
        for metric in reproduction.dataset.metrics:
            cells.append(_percent(values.get(metric)))
            if with_printed:
                cells.append(_percent(values.get("paper", {}).get(metric)))
        lines.append(tuple(cells))
    return Table(tuple(header), tuple(lines), 2)


def _facts(reproduction: Reproduction, row: TableRow, each: FinishedRow | None) -> dict[str, Any]:
    values = {} if each is None else each.means.get(reproduction.dataset.mean, {})
    return {
        "row": row.name,
        "adaptation": row.adaptation,
        "finished": each is not None,
        "measured": {metric: values.get(metric) for metric in reproduction.dataset.metrics},
        "interval": values.get("interval", {}),
        "paper": values.get("paper", {}),
        "seen": {} if each is None else {m: each.means.get(SEEN, {}).get(m) for m in reproduction.dataset.metrics},
        "context": values.get("context"),
        "categories": [] if each is None else list(each.categories),
        "skipped": [] if each is None else list(each.skipped),
    }


def _notes(reproduction: Reproduction, finished: Finished) -> list[str]:
    """Return what stands below the table: rows that are missing, what was left out, and what contexts are worth."""
    notes = []
    for row, each in finished.items():
        if each is None:
            notes.append(f"{row.name}: not run yet.")
            continue
        context = each.means.get(reproduction.dataset.mean, {}).get("context")
        notes += [] if context is None else [f"{row.name}: {context['verdict']}"]
        notes += [f"{row.name}: {reason}" for reason in each.skipped]
    return notes


def _made(reproduction: Reproduction, finished: Finished) -> str:
    """Return how the table was made, in a line."""
    names = reproduction.unseen or reproduction.dataset.unseen
    kept = [name for name in names if any(each is not None and name in each.categories for each in finished.values())]
    parts = [f"Categories kept from training: {', '.join(kept)}."] if kept else []
    parts.append(f"Supports of {reproduction.num_pairs} pairs, {reproduction.num_draws} per category.")
    parts.append(f"Seed {reproduction.seed}.")
    if reproduction.overrides:
        parts.append(f"Settings that differ from the recipe: {', '.join(reproduction.overrides)}.")
    return " ".join(parts)


def _title(mean: str) -> str:
    return f"{mean[0].upper()}{mean[1:]}"


def _percent(value: float | None) -> str:
    return ABSENT if value is None else percent(value)
