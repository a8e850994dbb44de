"""Commands that group photos without a name: of a folder or table, and of a gallery."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import vicp
from vicp.cli.render.answers import cluster_lines, wrapped
from vicp.cli.shared.opening import load_prompt, open_model
from vicp.cli.shared.options import AnyModelOption, BackboneOption, CacheOption, EngineOption, JsonOption, SkipBadOption
from vicp.cli.shared.output import print_result
from vicp.cli.shared.paths import check_out_file
from vicp.cli.shared.sources import SourceOptions

if TYPE_CHECKING:
    from vicp.gallery.recognition.cluster_proposal import ClusterProposal

MethodOption = Annotated[Literal["agglomerative", "hdbscan"], typer.Option(help="How photos are grouped.")]
CutOption = Annotated[float, typer.Option(help="The P(same) from which two groups are one.")]
EstimatedPriorOption = Annotated[
    float | None,
    typer.Option(
        help="Probability beforehand that two photos show two individuals, and one photo nobody known.",
        show_default="estimated from the photos",
    ),
]
OutOption = Annotated[Path | None, typer.Option(help="A CSV for the proposal.")]


def cluster(
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or a table; those with a name are known.")],
    *,
    prompt: Annotated[Path | None, typer.Option(help="The category's prompt, from `vicp teach`.")] = None,
    ignore_names: Annotated[
        bool, typer.Option("--ignore-names", help="Group photos with a name too, whoever they are said to show.")
    ] = False,
    method: MethodOption = "agglomerative",
    cut: CutOption = 0.5,
    prior_new: EstimatedPriorOption = None,
    out: OutOption = None,
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    engine: EngineOption = "auto",
    source: SourceOptions,
    skip_bad: SkipBadOption = False,
    cache: CacheOption = True,
    as_json: JsonOption = False,
) -> None:
    """Group photos without a name into individuals.

    It goes by what `vicp verify` says of each two of them.
    """
    loaded = load_prompt(prompt)
    table = source.open(photos, need_identity=False, skip_bad=skip_bad)
    check_out_file(out, ".csv")
    with open_model(
        model, backbone, prompts=[loaded], skip_bad=skip_bad, cache=cache, task="Embedding", engine=engine
    ) as opened:
        proposal = opened.cluster(
            table, prompt=loaded, method=method, cut=cut, prior_new=prior_new, ignore_names=ignore_names
        )
    _finish(proposal, out, ", a table that `vicp teach` and `vicp gallery enroll` read: correct it first", as_json)


def cluster_gallery(
    gallery: Annotated[str, typer.Argument(help="The gallery: a folder, or a URI such as s3://bucket/gallery.")],
    category: Annotated[str | None, typer.Option(help="The category of the photos.")] = None,
    method: MethodOption = "agglomerative",
    cut: CutOption = 0.5,
    prior_new: EstimatedPriorOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose individuals for nameless photos.

    It groups the photos without a name. The gallery stays as it is.
    """
    check_out_file(out, ".csv")
    proposal = vicp.Gallery.open(gallery).cluster(category=category, method=method, cut=cut, prior_new=prior_new)
    _finish(proposal, out, f": correct it, then `vicp gallery split {gallery} --from {out}`", as_json)


def _finish(proposal: "ClusterProposal", out: Path | None, next_step: str, as_json: bool) -> None:
    """Write and print a proposal."""
    from vicp.gallery.recognition.cluster_proposal import write_proposal

    if out is not None:
        write_proposal(proposal, out)
    lines = cluster_lines(proposal)
    if out is not None and proposal.groups:
        lines += wrapped(f"{out} holds the proposal{next_step}.")
    print_result(asdict(proposal), lines, as_json)
