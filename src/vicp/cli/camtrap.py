"""Commands for Camtrap DP packages: fill in the individuals, and write occurrences."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vicp.cli.gallery.opening import CategoryOption, embedding
from vicp.cli.render.gallery import fill_lines
from vicp.cli.shared.options import CacheOption, EngineOption, JsonOption, PriorOption, SkipBadOption, TargetOptions
from vicp.cli.shared.output import print_result
from vicp.cli.shared.paths import check_out_file

PackageArgument = Annotated[Path, typer.Argument(help="A Camtrap DP package: a folder, or a .zip.")]


def camtrap_fill(
    package: PackageArgument,
    gallery: Annotated[str, typer.Option(help="The gallery of the individuals: a folder or a URI.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="A new folder or .zip to write.", show_default="the package itself")
    ] = None,
    species: Annotated[
        str | None, typer.Option(help="The scientificName to look at, where the package has several.")
    ] = None,
    category: CategoryOption = None,
    promised_only: Annotated[
        bool, typer.Option("--promised-only", help="Leave out individuals whose error rate is not promised.")
    ] = False,
    prior_new: PriorOption = 0.5,
    targets: TargetOptions,
    skip_bad: SkipBadOption = False,
    engine: EngineOption = "auto",
    cache: CacheOption = True,
    as_json: JsonOption = False,
) -> None:
    """Write who each animal of a package is.

    It goes into individualID, which stays empty where nobody can say. All else stays as it is.
    """
    from vicp.data.camtrap.package import CamtrapPackage

    rates = targets.checked()
    CamtrapPackage.open(package)
    with embedding(gallery, "Identifying", skip_bad=skip_bad, cache=cache, engine=engine) as opened:
        result = opened.fill_camtrap(
            package,
            out=out,
            species=species,
            category=category,
            targets=rates,
            prior_new=prior_new,
            promised_only=promised_only,
        )
    print_result(asdict(result), fill_lines(result), as_json)


def camtrap_darwin_core(
    package: PackageArgument,
    out: Annotated[Path, typer.Argument(help="The CSV to write.")] = Path("occurrence.csv"),
    as_json: JsonOption = False,
) -> None:
    """Write a package's animals for Darwin Core.

    The table of occurrences has the individual as organismID.
    """
    from vicp.data.camtrap.darwin_core import write_occurrences

    check_out_file(out, ".csv")
    count = write_occurrences(package, out)
    print_result({"occurrences": count, "out": str(out)}, [f"{out} holds {count} occurrences."], as_json)
