"""Commands that train: pretrain, train, ablate."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from vicp.cli.shared.options import ConfigOption, JsonOption, OverridesArgument, ResumeOption, SkipBadOption
from vicp.cli.shared.output import print_result
from vicp.cli.shared.paths import check_out_file, check_out_folder


def pretrain(
    overrides: OverridesArgument = None,
    config: ConfigOption = None,
    resume: ResumeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Pretrain a small vision model.

    It learns from drawn objects and photos, or from what a teacher says of photos (distill.teacher=...).
    """
    from vicp.config import RunConfig
    from vicp.config_files import load_config
    from vicp.train.distillation.run import distill
    from vicp.train.pretraining.run import pretrain as run

    settings = load_config(RunConfig, config, overrides or [])
    check_out_folder(Path(settings.out), option="out")
    learn = run if settings.distill.teacher is None else distill
    folder = learn(settings, resume=resume, bar=True)
    print_result({"backbone": str(folder)}, [f"backbone saved to {folder}"], as_json)


def train(
    overrides: OverridesArgument = None,
    config: ConfigOption = None,
    resume: ResumeOption = False,
    processes: Annotated[int, typer.Option(min=1, help="How many share each batch: one per GPU, say.")] = 1,
    skip_bad: SkipBadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train VICP or a baseline.

    It learns from drawn objects, or from your photos (data.photos=...).
    """
    from vicp.config import RunConfig
    from vicp.config_files import load_config
    from vicp.train.launch import launch

    settings = load_config(RunConfig, config, [*(overrides or []), *(["data.skip_bad=true"] if skip_bad else [])])
    check_out_folder(Path(settings.out), option="out")
    folder = launch(settings, num_processes=processes, resume=resume, bar=True)
    print_result({"checkpoint": str(folder)}, [f"best checkpoint: {folder}"], as_json)


def ablate(
    overrides: OverridesArgument = None,
    config: ConfigOption = None,
    vary: Annotated[
        list[str] | None, typer.Option(help="A key and its values: key=a,b,c. Several give every combination.")
    ] = None,
    each: Annotated[
        list[str] | None,
        typer.Option(help="Settings of one variant, trained as well as the config itself: key=a, or 'key=a key=b'."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds to run each with.")] = 3,
    out: Annotated[Path, typer.Option(help="Stem of the table's files, OUT.md and OUT.json.")] = Path("ablation"),
    runs: Annotated[Path | None, typer.Option(help="Folder of the runs.", show_default="OUT")] = None,
    as_json: JsonOption = False,
) -> None:
    """Train one config with settings varied.

    Each variant is trained with several seeds, and one table compares them. It goes on where it was stopped.
    """
    from vicp.train.ablation.run import ablate as run
    from vicp.train.ablation.table import write_table

    check_out_file(out, option="--out")
    variants = run(config, overrides or [], vary or [], each=each or [], num_seeds=seeds, runs=runs or out)
    lines = write_table(variants, out, command=shlex.join(["vicp", *sys.argv[1:]]), num_seeds=seeds)
    print_result(
        {"table": f"{out}.md", "rows": [v.name for v in variants]}, [*lines, "", f"Wrote {out}.md and .json."], as_json
    )
