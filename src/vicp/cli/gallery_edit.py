"""Commands for a gallery that lives: names, history, and the way out."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from vicp.cli.gallery import ByOption, CategoryOption, GalleryArgument, WaitOption, WhyOption, who
from vicp.cli.shared import JsonOption, print_result
from vicp.errors import ConfigError

ProposalOption = Annotated[
    Path | None, typer.Option("--from", help="A CSV with photo,identity, as `vicp gallery cluster` writes.")
]


def merge(
    gallery: GalleryArgument,
    into: Annotated[str, typer.Argument(help="The identity that stays.")],
    other: Annotated[list[str], typer.Argument(help="Identities that are the same individual.")],
    category: CategoryOption = None,
    by: ByOption = None,
    why: WhyOption = "",
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make several identities one: their photos become photos of the first."""
    from vicp.gallery.edit import merge_identities

    done = merge_identities(gallery, into, other, category=category, by=who(by), why=why, wait=wait)
    print_result({"done": done}, [done], as_json)


def split(
    gallery: GalleryArgument,
    photo: Annotated[list[str] | None, typer.Argument(help="Photos, by key or by where they came from.")] = None,
    into: Annotated[str | None, typer.Option(help="The identity that these photos show, new or not.")] = None,
    source: ProposalOption = None,
    by: ByOption = None,
    why: WhyOption = "",
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give photos another identity: out of one that was two, or out of a proposal of `cluster`."""
    from vicp.gallery.cluster import read_proposal
    from vicp.gallery.edit import assign_photos

    if (source is None) == (not photo or into is None):
        raise ConfigError("give either photos and --into IDENTITY, or --from PROPOSAL.csv")
    groups = read_proposal(source) if source is not None else {str(into): list(photo or [])}
    done = assign_photos(gallery, groups, by=who(by), why=why, wait=wait)
    print_result({"done": done}, [done], as_json)


def label(
    gallery: GalleryArgument,
    pairs: Annotated[Path, typer.Argument(help="A CSV with left, right and same, as `vicp pairs next` writes it.")],
    by: ByOption = None,
    why: WhyOption = "",
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Keep labelled pairs in a gallery: photos by key or by where they came from, none twice, no contradiction."""
    from vicp.gallery.labelling.labels import label_pairs

    done = label_pairs(gallery, pairs, by=who(by), why=why, wait=wait)
    print_result(done.summary(), done.lines(), as_json)


def rename(
    gallery: GalleryArgument,
    old: Annotated[str, typer.Argument(help="The identity.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
    category: CategoryOption = None,
    by: ByOption = None,
    why: WhyOption = "",
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give an identity another name."""
    from vicp.gallery.edit import rename_identity

    done = rename_identity(gallery, old, new, category=category, by=who(by), why=why, wait=wait)
    print_result({"done": done}, [done], as_json)


def remove(
    gallery: GalleryArgument,
    identity: Annotated[str | None, typer.Argument(help="An identity, with all its photos.")] = None,
    photo: Annotated[list[str] | None, typer.Option(help="Or a photo, by key or by where it came from.")] = None,
    category: CategoryOption = None,
    by: ByOption = None,
    why: WhyOption = "",
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take an identity or photos out; `undo` brings them back."""
    from vicp.gallery.edit import remove_identity, remove_photos

    if (identity is None) == (not photo):
        raise ConfigError("give an identity, or --photo")
    if identity is not None:
        done = remove_identity(gallery, identity, category=category, by=who(by), why=why, wait=wait)
    else:
        done = remove_photos(gallery, photo or [], by=who(by), why=why, wait=wait)
    print_result({"done": done}, [done], as_json)


def cluster(
    gallery: GalleryArgument,
    category: CategoryOption = None,
    method: Annotated[
        Literal["agglomerative", "hdbscan"], typer.Option(help="How photos are grouped.")
    ] = "agglomerative",
    cut: Annotated[
        float | None, typer.Option(help="P(same), or similarity, from which two are one.", show_default="0.5")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A CSV for the proposal.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Group the photos without a name into individuals: a proposal; the gallery stays as it is."""
    from vicp.gallery.cluster import cluster_photos, write_proposal
    from vicp.gallery.store.database import open_gallery

    proposal = cluster_photos(open_gallery(gallery), category=category, method=method, cut=cut)
    if out is not None:
        write_proposal(proposal, out)
    print_result(proposal.summary(), proposal.lines(out), as_json)


def stats(gallery: GalleryArgument, as_json: JsonOption = False) -> None:
    """Say what is in a gallery."""
    from vicp.gallery.stats import gallery_stats
    from vicp.gallery.store.database import open_gallery

    found = gallery_stats(open_gallery(gallery))
    print_result(found.summary(), found.lines(), as_json)


def export(
    gallery: GalleryArgument,
    out: Annotated[Path, typer.Argument(help="A .csv or .parquet file, or with --fiftyone a new folder.")],
    fiftyone: Annotated[
        bool, typer.Option("--fiftyone", help="A folder as FiftyOneImageClassificationDataset reads it.")
    ] = False,
    pairs: Annotated[bool, typer.Option("--pairs", help="The labelled pairs in place of the photos.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a gallery out: facts as CSV, everything as Parquet, photos with labels for FiftyOne, or labelled pairs."""
    from vicp.gallery.export import export_fiftyone, export_table
    from vicp.gallery.labelling.labels import export_pairs
    from vicp.gallery.store.database import open_gallery

    if pairs and fiftyone:
        raise ConfigError("give --pairs or --fiftyone, not both: FiftyOne's layout has no pairs")
    snapshot = open_gallery(gallery)
    if pairs:
        count = export_pairs(snapshot, out)
        print_result({"pairs": count, "out": str(out)}, [f"{out} holds {count} labelled pairs."], as_json)
        return
    count = export_fiftyone(snapshot, out) if fiftyone else export_table(snapshot, out)
    print_result({"photos": count, "out": str(out)}, [f"{out} holds {count} photos."], as_json)


def log(gallery: GalleryArgument, as_json: JsonOption = False) -> None:
    """List every change, newest first; * marks the state that is shown."""
    from vicp.gallery.stats import log_lines, log_summary
    from vicp.gallery.store.database import open_gallery

    snapshot = open_gallery(gallery)
    print_result({"operations": log_summary(snapshot)}, log_lines(snapshot), as_json)


def undo(
    gallery: GalleryArgument,
    by: ByOption = None,
    why: WhyOption = "",
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take back the last change; once more, the one before."""
    from vicp.gallery.store.database import undo as run

    entry = run(gallery, by=who(by), why=why, wait=wait)
    print_result({"operation": entry.number, "summary": entry.summary}, [f"{gallery}: {entry.summary}."], as_json)


def restore(
    gallery: GalleryArgument,
    operation: Annotated[int, typer.Argument(help="Its number in the log.")],
    by: ByOption = None,
    why: WhyOption = "",
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the gallery back as it was after an operation, undone ones included."""
    from vicp.gallery.store.database import restore as run

    entry = run(gallery, operation, by=who(by), why=why, wait=wait)
    print_result({"operation": entry.number, "summary": entry.summary}, [f"{gallery}: {entry.summary}."], as_json)


def unlock(gallery: GalleryArgument, as_json: JsonOption = False) -> None:
    """Take away the lock that a killed writer left in object storage; a folder's lock frees itself."""
    from vicp.gallery.store.database import unlock as run

    holder = run(gallery)
    said = f"Took away the lock of process {holder}." if holder else "There is no lock to take away."
    print_result({"holder": holder}, [said], as_json)
