"""Commands for labelled pairs: which to label next, and adding labels to those there are."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from vicp.cli.shared import (
    AnyModelOption,
    BackboneOption,
    CacheOption,
    JsonOption,
    SeedOption,
    SkipBadOption,
    load_adaptation,
    open_embedder,
    print_result,
)


def pairs_next(
    photos: Annotated[
        Path, typer.Argument(help="A folder of photos, or a CSV or Parquet table; nobody need be named.")
    ],
    out: Annotated[Path, typer.Option(help="The CSV to write: left, right and an empty column same.")] = Path(
        "next.csv"
    ),
    sheet: Annotated[Path | None, typer.Option(help="An HTML page of these pairs to look at and label.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many pairs.")] = 16,
    pairs: Annotated[Path | None, typer.Option(help="The labelled pairs there are (left, right, same).")] = None,
    prompt: Annotated[Path | None, typer.Option(help="The category's prompt so far, from `vicp teach`.")] = None,
    category: Annotated[str | None, typer.Option(help="Which of several categories [the prompt's].")] = None,
    strategy: Annotated[
        Literal["balanced", "likely", "uncertain", "random"],
        typer.Option(help="Pairs that are likely the same, uncertain ones, or both in turn."),
    ] = "balanced",
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    seed: SeedOption = 0,
    skip_bad: SkipBadOption = False,
    cache: CacheOption = True,
    as_json: JsonOption = False,
) -> None:
    """Propose the pairs of photos whose labels would teach most."""
    from vicp.gallery.labelling.contact_sheet import write_sheet
    from vicp.gallery.labelling.pair_files import require_no_loss, write_proposals
    from vicp.gallery.labelling.proposals import propose_from

    require_no_loss(out, pairs)
    adaptation = load_adaptation(prompt)
    with open_embedder(model, backbone, skip_bad=skip_bad, cache=cache, task="Embedding") as embedder:
        found = propose_from(
            embedder,
            photos,
            count=count,
            prompt=adaptation,
            category=category,
            pairs_file=pairs,
            strategy=strategy,
            seed=seed,
        )
    write_proposals(out, found.pairs, found.names)
    then = ["vicp", "pairs", "add", str(out), "--photos", str(photos)]
    written = [f"Wrote {out}: fill in its column `same`, then `{shlex.join(then)}`."]
    if pairs is not None and not pairs.exists():
        written.append(f"{pairs} is not there yet: no label was known.")
    if sheet is not None:
        write_sheet(sheet, found.pairs, found.table, title=f"{len(found.pairs)} pairs of {photos.name}")
        written.append(f"Wrote {sheet}: open it to label them by eye.")
    files = {"csv": str(out), "sheet": None if sheet is None else str(sheet)}
    print_result({**found.summary(), **files}, [*found.lines(), *written], as_json)


def pairs_add(
    labelled: Annotated[Path, typer.Argument(help="A CSV with left, right and same; rows with an empty same wait.")],
    photos: Annotated[Path, typer.Option(help="The photos the pairs speak of: a folder or a table.")],
    to: Annotated[Path, typer.Option(help="The CSV of pairs to add to; made if absent.")] = Path("pairs.csv"),
    as_json: JsonOption = False,
) -> None:
    """Add labelled pairs to a file of pairs: none is added twice, and contradictions are refused."""
    from vicp.data.sources import open_photos
    from vicp.gallery.labelling.pair_files import add_pairs

    added = add_pairs(labelled, to, open_photos(photos, need_identity=False))
    print_result({**added.summary(), "pairs": str(to)}, [*added.lines(), f"{to} holds them."], as_json)
