"""Run the rows of a table: train what is missing, evaluate, and keep each finished row; a stopped run goes on."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import ConfigError, DataError, StoppedError
from vicp.evaluation.config import EvaluationConfig
from vicp.evaluation.methods import make_methods
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.protocols.protocol import find_protocol
from vicp.evaluation.report.published import add_published, read_published
from vicp.evaluation.report.serialise import evaluation_dict
from vicp.evaluation.report.write import json_text, write_files
from vicp.evaluation.result_cache import check_settings
from vicp.evaluation.run import run_evaluation
from vicp.reproduction.plan import Plan, make_plan
from vicp.reproduction.rows import ROWS, TableRow, file_name
from vicp.reproduction.settings import (
    Reproduction,
    categories_by_role,
    check_layout,
    method_name,
    training_runs,
)
from vicp.reproduction.table import FinishedRow, write_table
from vicp.train.config_checks import check_settings as check_training
from vicp.train.launch import launch

PRINTED = Path(__file__).parent / "printed.csv"
GO_ON = "the same command goes on where it was"

_log = logging.getLogger(__name__)


def open_dataset(reproduction: Reproduction) -> PhotoTable:
    """Return the photos of the data set.

    Raises:
        DataError: The folder is not the data set, or its photos cannot be used.
        ConfigError: A category to keep from training that is not there.
    """
    check_layout(reproduction)
    table = open_photos(reproduction.data)
    categories_by_role(reproduction, table)
    return table


def plan_reproduction(reproduction: Reproduction, table: PhotoTable) -> Plan:
    """Return what the reproduction takes; settings of its trainings that make no sense are found here.

    Raises:
        ConfigError: Such settings.
    """
    for row in reproduction.rows:
        for run in training_runs(reproduction, row, table):
            check_training(run.config)
    return make_plan(
        reproduction, table, [row.name for row in reproduction.rows if finished_row(reproduction, row) is not None]
    )


def reproduce(
    reproduction: Reproduction, table: PhotoTable, *, say: Callable[[str], None]
) -> tuple[list[str], dict[str, Any]]:
    """Run the rows that are not finished, and return the table's lines and its JSON; it is written after every row.

    Args:
        reproduction: What is asked for.
        table: From `open_dataset`.
        say: Takes a line about each row as it begins.

    Raises:
        ConfigError: The folder holds another reproduction.
        DataError: Photos that cannot be used.
        StoppedError: SIGINT or SIGTERM came; the same command goes on.
    """
    check_settings(reproduction.out, reproduction.settings())
    for row in reproduction.rows:
        if finished_row(reproduction, row) is not None:
            continue
        try:
            say(f"{row.name} ...")
            left_out = _train(reproduction, row, table)
            _evaluate(reproduction, row, table, left_out)
        except (KeyboardInterrupt, StoppedError) as stop:
            raise StoppedError(f"stopped in row {row.name}: {GO_ON}") from stop
        _write_table(reproduction)
    return _write_table(reproduction)


def finished_row(reproduction: Reproduction, row: TableRow) -> FinishedRow | None:
    """Return what a row has reached; None where it is not finished.

    Raises:
        DataError: Its file is damaged.
    """
    path = _row_file(reproduction, row)
    try:
        return FinishedRow.of(row.name, json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read ({error!r}); remove it to measure the row again") from error


def _train(reproduction: Reproduction, row: TableRow, table: PhotoTable) -> list[str]:
    """Run the trainings of a row that are not finished, and return the categories that are too small for one."""
    left_out = []
    for run in training_runs(reproduction, row, table):
        if run.is_finished:
            continue
        _log.info("training %s", run.title)
        try:
            launch(run.config, num_processes=reproduction.processes, resume=True, bar=True)
        except ConfigError as error:
            if not run.category:
                raise
            _log.warning("%s is left out: %s", run.category, error)
            left_out.append(run.category)
    return left_out


def _evaluate(reproduction: Reproduction, row: TableRow, table: PhotoTable, left_out: list[str]) -> None:
    """Evaluate a row on the test photos and write what it reached."""
    _, unseen = categories_by_role(reproduction, table)
    unseen = tuple(name for name in unseen if name not in left_out)
    if not unseen:
        raise DataError(f"{row.name}: every category has too few photos to train on: {', '.join(left_out)}")
    of_seen = () if reproduction.dataset.folds else unseen
    config = EvaluationConfig(
        find_protocol(reproduction.dataset.protocol),
        num_pairs=reproduction.num_pairs,
        num_draws=1 if row.adaptation == "null" else reproduction.num_draws,
        seed=reproduction.seed,
        adaptations=(row.adaptation,),
        categories=unseen if row.kind == "supervised" else (),
        unseen=of_seen,
        keep_bursts=True,  # the paper counts every photo
        keep_trained=True,  # the lists of the data set share no individual: `read_petface` refuses such
        diagnose=False,
        out=reproduction.out / "evaluations" / file_name(row.name),
    )
    name = method_name(reproduction, row)
    looked_up = table.of_categories(config.categories or table.categories)
    photos = EvaluationPhotos.apart(looked_up, reproduction.dataset.name, reproduction.data)
    report = run_evaluation(config, make_methods([name]), photos)
    renamed = [replace(each, method=row.name) for each in report.rows if each.adaptation == row.adaptation]
    if not renamed:
        raise DataError(f"{row.name}: no category could be evaluated: {' '.join(report.skipped)}")
    rows = tuple(add_published(renamed, read_published(PRINTED)))
    facts = evaluation_dict(replace(report, rows=rows, methods={row.name: next(iter(report.methods.values()))}))
    trained = [str(run.config.out) for run in training_runs(reproduction, row, table)]
    skipped = [*report.skipped, *(f"{each} is left out: too few photos to train on." for each in left_out)]
    path = _row_file(reproduction, row)
    write_files(path.parent, {path.name: json_text({**facts, "skipped": skipped, "trainings": trained})})


def _write_table(reproduction: Reproduction) -> tuple[list[str], dict[str, Any]]:
    """Write the table of the rows that are asked for, and of those that earlier commands have finished."""
    rows = [(row, finished_row(reproduction, row)) for row in ROWS]
    return write_table(
        reproduction, {row: found for row, found in rows if row in reproduction.rows or found is not None}
    )


def _row_file(reproduction: Reproduction, row: TableRow) -> Path:
    return reproduction.out / "rows" / f"{file_name(row.name)}.json"
