"""The command reproduce."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from vicp.cli.shared.opening import quiet_loading
from vicp.cli.shared.options import JsonOption, OverridesArgument, SeedOption, split_names
from vicp.cli.shared.output import print_result
from vicp.cli.shared.paths import check_out_folder

DatasetArgument = Annotated[Literal["petface", "shopid10k"], typer.Argument(help="Whose table of the paper.")]
DataOption = Annotated[Path, typer.Option(help="The data set's folder, as its authors lay it out.")]
RowsOption = Annotated[
    str | None,
    typer.Option(
        help="Rows with commas between: CLIP, DINOv2, ArcFace, AdaFace, SCL, Triplet, Triplet+, VICP, Supervised, "
        "loss-ablation.",
        show_default="all",
    ),
]
UnseenOption = Annotated[
    str | None,
    typer.Option(help="Families of PetFace to keep from training.", show_default="chimp,ferret,javasparrow"),
]
ClipOption = Annotated[str, typer.Option(help="The frozen CLIP: a hub name or a folder.")]


def reproduce(
    dataset: DatasetArgument,
    data: DataOption,
    overrides: OverridesArgument = None,
    rows: RowsOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it takes, and do nothing.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of it all.", show_default="runs/reproduce/DATASET")] = None,
    unseen: UnseenOption = None,
    clip: ClipOption = "openai/clip-vit-base-patch16",
    pairs: Annotated[int, typer.Option(min=2, help="Labelled pairs per support.")] = 64,
    support_draws: Annotated[int, typer.Option(min=1, help="Supports per category.")] = 5,
    processes: Annotated[int, typer.Option(min=1, help="How many share a training: one per GPU, say.")] = 1,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Make a table of the paper again.

    Its printed numbers stand beside. The same command goes on where it was stopped.
    """
    from vicp.reproduction.plan import plan_facts, plan_lines
    from vicp.reproduction.rows import DATASETS, find_rows
    from vicp.reproduction.run import open_dataset, plan_reproduction
    from vicp.reproduction.run import reproduce as run
    from vicp.reproduction.settings import Reproduction

    reproduction = Reproduction(
        DATASETS[dataset],
        data,
        out or Path("runs/reproduce") / dataset,
        find_rows(split_names(rows)),
        overrides=tuple(overrides or ()),
        unseen=tuple(split_names(unseen)),
        clip=clip,
        num_pairs=pairs,
        num_draws=support_draws,
        processes=processes,
        seed=seed,
    )
    check_out_folder(reproduction.out)
    quiet_loading()
    table = open_dataset(reproduction)
    plan = plan_reproduction(reproduction, table)
    if dry_run:
        print_result(plan_facts(plan), plan_lines(reproduction, plan), as_json)
        return
    for line in plan_lines(reproduction, plan):
        typer.echo(line, err=True)
    lines, facts = run(reproduction, table, say=lambda line: typer.echo(line, err=True))
    print_result(facts, lines, as_json)
