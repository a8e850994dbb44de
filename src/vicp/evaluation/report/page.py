"""report.html of `vicp evaluate`: one self-contained page."""

from collections.abc import Sequence
from dataclasses import dataclass

from vicp.evaluation.report.phrases import (
    MEANINGS,
    adaptation_sentence,
    chosen_words,
    confusion_words,
    cosine_sentence,
    counts_sentence,
    difference_words,
    label_sentence,
)
from vicp.evaluation.report.tables import (
    SUSPECTS_SHOWN,
    WORST_SHOWN,
    Group,
    best_row,
    best_sentence,
    category_rows,
    context_rows,
    context_verdict,
    groups,
    interval_text,
    is_mean,
    main_metric,
    mean_rows,
    metrics_of,
    overall_rows,
    row_name,
)
from vicp.evaluation.report.write import page_text
from vicp.evaluation.results import CONTEXT_ROWS, METRICS, Diagnosis, Evaluation, Row

_WORDS = {
    "METRICS": METRICS,
    "MEANINGS": MEANINGS,
    "CONTEXT_ROWS": CONTEXT_ROWS,
    "row_name": row_name,
    "interval_text": interval_text,
    "adaptation_sentence": adaptation_sentence,
    "chosen_words": chosen_words,
    "confusion_words": confusion_words,
    "cosine_sentence": cosine_sentence,
    "counts_sentence": counts_sentence,
    "difference_words": difference_words,
    "label_sentence": label_sentence,
}


@dataclass(frozen=True)
class Board:
    """A group of rows as the page compares them.

    Attributes:
        title: Of the group.
        rows: All of them.
        leaders: The best row of each method.
        best: The best of all; None where nothing was measured.
        main: The metric that has bars; None likewise.
        others: The further metrics, a column each.
        contexts: Rows with a context report, each report once.
    """

    title: str
    rows: tuple[Row, ...]
    leaders: tuple[Row, ...]
    best: Row | None
    main: str | None
    others: tuple[str, ...]
    contexts: tuple[Row, ...]


@dataclass(frozen=True)
class Category:
    """Everything about one category: its boards, one per variant, and closer looks."""

    name: str
    boards: tuple[Board, ...]
    diagnoses: tuple[Diagnosis, ...]


@dataclass(frozen=True)
class Overview:
    """The main metric of every category, by method and adaptation.

    Attributes:
        main: The metric.
        columns: Method and adaptation.
        lines: Title, value by column (None where a category has no such row), and the place of the category's card.
    """

    main: str
    columns: tuple[tuple[str, str], ...]
    lines: tuple[tuple[str, tuple[float | None, ...], int], ...]


def evaluation_page(evaluation: Evaluation) -> str:
    """Return the whole of report.html: self-contained, without scripts."""
    means = mean_rows(evaluation)
    overall = [row for row in overall_rows(evaluation) if is_mean(row)]
    folds = [row for row in means if not any(row is each for each in overall)]
    categories = _categories(evaluation)
    return page_text(
        "evaluation.html",
        {
            "evaluation": evaluation,
            "claim": best_sentence(evaluation),
            "context_claim": context_verdict(evaluation),
            "boards": [_board(group) for group in groups(overall)],
            "folds": [_board(group) for group in groups(folds)],
            "categories": categories,
            "overview": _overview(categories),
            "metrics": metrics_of(evaluation.rows),
            "limits": {"worst": WORST_SHOWN, "suspects": SUSPECTS_SHOWN},
        },
        words=_WORDS,
    )


def _board(group: Group) -> Board:
    main = main_metric(group.rows)
    methods = dict.fromkeys(row.method for row in group.rows)
    leaders = [best_row([row for row in group.rows if row.method == method]) for method in methods]
    return Board(
        title=group.title,
        rows=group.rows,
        leaders=tuple(row for row in leaders if row is not None),
        best=best_row(group.rows),
        main=main,
        others=tuple(key for key in metrics_of(group.rows) if key != main),
        contexts=context_rows(group.rows),
    )


def _categories(evaluation: Evaluation) -> tuple[Category, ...]:
    """Return the categories in the order of their rows, then those that have a diagnosis alone."""
    all_groups = groups(category_rows(evaluation))
    named = [group.category for group in all_groups] + [each.category for each in evaluation.diagnoses]
    return tuple(
        Category(
            name,
            tuple(_board(group) for group in all_groups if group.category == name),
            tuple(each for each in evaluation.diagnoses if each.category == name),
        )
        for name in dict.fromkeys(named)
    )


def _overview(categories: Sequence[Category]) -> Overview | None:
    """Return the overview; None where there are fewer than two categories to compare."""
    rows = [row for category in categories for board in category.boards for row in board.rows]
    main = main_metric(rows)
    if main is None or sum(bool(category.boards) for category in categories) < 2:
        return None
    columns = tuple(dict.fromkeys((row.method, row.adaptation) for row in rows))
    lines = tuple(
        (board.title, _values(board, columns, main), place)
        for place, category in enumerate(categories, start=1)
        for board in category.boards
    )
    return Overview(main, columns, lines)


def _values(board: Board, columns: Sequence[tuple[str, str]], metric: str) -> tuple[float | None, ...]:
    values = {(row.method, row.adaptation): row.values[metric].value for row in board.rows if metric in row.values}
    return tuple(values.get(column) for column in columns)
