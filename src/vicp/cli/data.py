"""Commands for photo tables: data check, data split."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from vicp.cli.render.data import check_lines, split_lines
from vicp.cli.shared.options import JsonOption, SeedOption, SkipBadOption
from vicp.cli.shared.output import print_result
from vicp.cli.shared.paths import check_out_file
from vicp.cli.shared.sources import SourceOptions
from vicp.progress import progress_bar


def data_check(
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or a table (CSV, TSV, XLSX, Parquet).")],
    *,
    source: SourceOptions,
    as_json: JsonOption = False,
) -> None:
    """Read every photo, and say what is wrong.

    It lists what is there, what cannot be used and what leaks between splits. Either of these gives exit status 1.
    """
    from vicp.data.audit.check import check_source

    with progress_bar("Checking") as progress:
        report = check_source(photos, source.of(photos), progress=progress)
    print_result(asdict(report), check_lines(report), as_json)
    if not report.passed:
        raise typer.Exit(1)


def data_split(
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or a table (CSV, TSV, XLSX, Parquet).")],
    out: Annotated[Path, typer.Option(help="The table to write (.csv, or .parquet, which can hold the photos).")],
    *,
    folds: Annotated[int, typer.Option(min=0, help="Number of folds that categories are divided into.")] = 5,
    val_share: Annotated[float, typer.Option(min=0, max=1, help="How much of each category is for validation.")] = 0.1,
    test_share: Annotated[float, typer.Option(min=0, max=1, help="How much of each category is for the test.")] = 0.5,
    by: Annotated[
        Literal["identity", "time", "camera"],
        typer.Option(help="What splits do not share; time: test photos are later."),
    ] = "identity",
    seed: SeedOption = 0,
    source: SourceOptions,
    skip_bad: SkipBadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Split photos into train, val and test.

    Categories go into folds. The table that it writes is for training and evaluation.
    """
    from vicp.data.split import split_photos
    from vicp.data.write import write_table

    check_out_file(out, ".csv", ".parquet", ".pq")
    table = source.open(photos, skip_bad=skip_bad)
    table, report = split_photos(table, folds=folds, val_share=val_share, test_share=test_share, by=by, seed=seed)
    write_table(table, out, source=photos)
    print_result({**asdict(report), "table": str(out)}, [*split_lines(report), f"{out} holds the table"], as_json)
