"""Commands for labelled pairs: which to label next, and adding labels to those there are."""

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vicp.cli.render.gallery import add_pairs_lines, proposal_lines
from vicp.cli.shared.opening import load_prompt, open_model
from vicp.cli.shared.options import AnyModelOption, BackboneOption, CacheOption, JsonOption, SeedOption, SkipBadOption
from vicp.cli.shared.output import print_result
from vicp.cli.shared.paths import check_out_file
from vicp.cli.shared.sources import SourceOptions
from vicp.phrases import counted

if TYPE_CHECKING:
    from vicp.data.records import PhotoTable
    from vicp.gallery.labelling.proposals import PairProposals

PhotosArgument = Annotated[
    Path, typer.Argument(help="A folder of photos, or a CSV or Parquet table; nobody need be named.")
]
OutOption = Annotated[Path, typer.Option(help="The CSV to write: left, right and an empty column same.")]
SheetOption = Annotated[Path | None, typer.Option(help="An HTML page of these pairs to look at and label.")]
TasksOption = Annotated[
    Path | None, typer.Option("--label-studio", help="A task per pair for Label Studio, one .json.")
]
CountOption = Annotated[int, typer.Option(min=1, help="How many pairs.")]
PairsOption = Annotated[Path | None, typer.Option(help="The labelled pairs there are (left, right, same).")]
PromptOption = Annotated[Path | None, typer.Option(help="The category's prompt so far, from `vicp teach`.")]
CategoryOption = Annotated[str | None, typer.Option(help="Which of several categories.", show_default="the prompt's")]
StrategyOption = Annotated[
    Literal["balanced", "likely", "uncertain", "random"],
    typer.Option(help="Pairs that are likely the same, uncertain ones, or both in turn."),
]

NoNamesOption = Annotated[
    bool, typer.Option("--no-names", help="Folders and the column identity name no individuals: do not look at them.")
]


@dataclass(frozen=True)
class ProposalFiles:
    """Files that proposed pairs are written to."""

    out: OutOption = Path("next.csv")
    sheet: SheetOption = None
    label_studio: TasksOption = None

    def check(self) -> None:
        """Raises `ConfigError` where a file cannot be written, or has another ending than its kind has."""
        check_out_file(self.out, ".csv")
        check_out_file(self.sheet, option="--sheet")
        check_out_file(self.label_studio, ".json", option="--label-studio")

    def write(self, proposals: "PairProposals", table: "PhotoTable", photos: Path) -> list[str]:
        """Write the files that were asked for, and return a line for each with what comes next.

        Args:
            proposals: The pairs.
            table: Their photos.
            photos: Where these are.
        """
        from vicp.gallery.labelling.contact_sheet import write_sheet
        from vicp.gallery.labelling.label_studio_tasks import write_pair_tasks
        from vicp.gallery.labelling.proposals import write_proposals

        write_proposals(self.out, proposals.pairs)
        then = ["vicp", "pairs", "add", str(self.out), "--photos", str(photos)]
        lines = [f"Wrote {self.out}: fill in its column `same`, then `{shlex.join(then)}`."]
        if self.sheet is not None:
            title = f"{counted(len(proposals.pairs), 'pair')} of {photos.name}"
            write_sheet(self.sheet, proposals.pairs, table, title=title)
            lines.append(f"Wrote {self.sheet}: open it to label them by eye.")
        if self.label_studio is not None:
            interface = write_pair_tasks(self.label_studio, proposals.pairs, table)
            lines.append(
                f"Wrote {self.label_studio}, and {interface} for its labelling interface; add its export the same way."
            )
        return lines


def pairs_next(
    photos: PhotosArgument,
    *,
    files: ProposalFiles,
    count: CountOption = 16,
    pairs: PairsOption = None,
    prompt: PromptOption = None,
    category: CategoryOption = None,
    strategy: StrategyOption = "balanced",
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    seed: SeedOption = 0,
    no_names: NoNamesOption = False,
    source: SourceOptions,
    skip_bad: SkipBadOption = False,
    cache: CacheOption = True,
    as_json: JsonOption = False,
) -> None:
    """Propose the pairs most worth a label."""
    from vicp.gallery.labelling.pair_files import require_no_loss
    from vicp.gallery.labelling.proposals import propose_from

    require_no_loss(files.out, pairs)
    files.check()
    table = source.open(photos, need_identity=False, skip_bad=skip_bad)
    taught = load_prompt(prompt)
    with open_model(model, backbone, prompts=[taught], skip_bad=skip_bad, cache=cache, task="Embedding") as opened:
        proposals = propose_from(
            opened.encoder,
            table,
            count=count,
            prompt=taught,
            category=category,
            pairs_file=pairs,
            strategy=strategy,
            seed=seed,
            use_names=not no_names,
        )
    lines = [*proposal_lines(proposals), *files.write(proposals, table, photos)]
    if pairs is not None and not pairs.exists():
        lines.append(f"{pairs} is not there yet: no label was known.")
    written = {"csv": str(files.out), "sheet": None if files.sheet is None else str(files.sheet)}
    print_result({**asdict(proposals), **written}, lines, as_json)


def pairs_add(
    labelled: Annotated[Path, typer.Argument(help="A CSV with left, right and same, or an export of Label Studio.")],
    photos: Annotated[Path, typer.Option(help="The photos the pairs speak of: a folder or a table.")],
    *,
    to: Annotated[Path, typer.Option(help="The CSV of pairs to add to; made if absent.")] = Path("pairs.csv"),
    no_names: NoNamesOption = False,
    source: SourceOptions,
    skip_bad: SkipBadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add labelled pairs to a file of pairs.

    None is added twice, and contradictions are refused.
    """
    from vicp.gallery.labelling.pair_files import add_pairs

    table = source.open(photos, need_identity=False, skip_bad=skip_bad)
    result = add_pairs(labelled, to, table, skip_bad=skip_bad, use_names=not no_names)
    print_result({**asdict(result), "pairs": str(to)}, add_pairs_lines(result, to), as_json)
