"""Commands for a gallery: edit names, look at the history and undo."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import vicp
from vicp.cli.gallery.opening import (
    AuthorOption,
    CategoryOption,
    ChangeOptions,
    GalleryArgument,
    WaitOption,
    open_for_changes,
)
from vicp.cli.render.gallery import change_lines, compaction_lines, label_lines, log_lines, stats_lines
from vicp.cli.shared.options import JsonOption
from vicp.cli.shared.output import print_result
from vicp.errors import ConfigError

if TYPE_CHECKING:
    from vicp.gallery.store.journal import LogEntry

ProposalOption = Annotated[
    Path | None, typer.Option("--from", help="A CSV with photo,identity, as `vicp gallery cluster` writes.")
]


def merge(
    gallery: GalleryArgument,
    into: Annotated[str, typer.Argument(help="The identity that stays.")],
    other: Annotated[list[str], typer.Argument(help="Identities that are the same individual.")],
    *,
    category: CategoryOption = None,
    change: ChangeOptions,
    as_json: JsonOption = False,
) -> None:
    """Make several identities one.

    Their photos become photos of the first.
    """
    opened = open_for_changes(gallery, change)
    print_change(opened, opened.merge(into, other, category=category, reason=change.reason), as_json)


def split(
    gallery: GalleryArgument,
    *,
    photo: Annotated[list[str] | None, typer.Argument(help="Photos, by key or by where they came from.")] = None,
    into: Annotated[str | None, typer.Option(help="The identity that these photos show, new or not.")] = None,
    source: ProposalOption = None,
    change: ChangeOptions,
    as_json: JsonOption = False,
) -> None:
    """Give photos another identity.

    They come out of one that was two, or as a proposal of `cluster` says.
    """
    from vicp.gallery.recognition.cluster_proposal import read_proposal

    given = photo or into is not None
    if (source is not None and given) or (source is None and (not photo or into is None)):
        raise ConfigError("give either photos and --into IDENTITY, or --from PROPOSAL.csv")
    photos_by_identity = read_proposal(source) if source is not None else {str(into): list(photo or [])}
    opened = open_for_changes(gallery, change)
    print_change(opened, opened.assign(photos_by_identity, reason=change.reason), as_json)


def label(
    gallery: GalleryArgument,
    pairs: Annotated[Path, typer.Argument(help="A CSV with left, right and same, as `vicp pairs next` writes it.")],
    *,
    change: ChangeOptions,
    as_json: JsonOption = False,
) -> None:
    """Keep labelled pairs in a gallery.

    Photos are named by key or by where they came from. No pair is kept twice, and contradictions are refused.
    """
    result = open_for_changes(gallery, change).label(pairs, reason=change.reason)
    print_result(asdict(result), label_lines(result), as_json)


def rename(
    gallery: GalleryArgument,
    old: Annotated[str, typer.Argument(help="The identity.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
    *,
    category: CategoryOption = None,
    change: ChangeOptions,
    as_json: JsonOption = False,
) -> None:
    """Give an identity another name."""
    opened = open_for_changes(gallery, change)
    print_change(opened, opened.rename(old, new, category=category, reason=change.reason), as_json)


def remove(
    gallery: GalleryArgument,
    *,
    identity: Annotated[str | None, typer.Argument(help="An identity, with all its photos.")] = None,
    photo: Annotated[list[str] | None, typer.Option(help="Or a photo, by key or by where it came from.")] = None,
    category: CategoryOption = None,
    change: ChangeOptions,
    as_json: JsonOption = False,
) -> None:
    """Take an identity or photos out.

    `undo` brings them back.
    """
    if (identity is None) == (not photo):
        raise ConfigError("give an identity, or --photo")
    if photo and category is not None:
        raise ConfigError("--category is of an identity, and --photo names photos: leave it out")
    opened = open_for_changes(gallery, change)
    if identity is not None:
        entry = opened.remove(identity, category=category, reason=change.reason)
    else:
        entry = opened.remove_photos(photo or [], reason=change.reason)
    print_change(opened, entry, as_json)


def stats(gallery: GalleryArgument, as_json: JsonOption = False) -> None:
    """Say what is in a gallery."""
    result = vicp.Gallery.open(gallery).stats()
    print_result(asdict(result), stats_lines(result), as_json)


def log(gallery: GalleryArgument, as_json: JsonOption = False) -> None:
    """List every change, newest first.

    An asterisk marks the state that is shown.
    """
    entries = vicp.Gallery.open(gallery).log()
    print_result({"operations": [asdict(entry) for entry in entries]}, log_lines(entries), as_json)


def undo(
    gallery: GalleryArgument,
    *,
    change: ChangeOptions,
    as_json: JsonOption = False,
) -> None:
    """Take back the last change.

    Given again, it takes back the one before.
    """
    opened = open_for_changes(gallery, change)
    print_change(opened, opened.undo(reason=change.reason), as_json)


def restore(
    gallery: GalleryArgument,
    operation: Annotated[int, typer.Argument(help="Its number in the log.")],
    *,
    change: ChangeOptions,
    as_json: JsonOption = False,
) -> None:
    """Bring an earlier state back.

    The gallery becomes what it was after a change of the log, undone ones included.
    """
    opened = open_for_changes(gallery, change)
    print_change(opened, opened.restore(operation, reason=change.reason), as_json)


def unlock(gallery: GalleryArgument, as_json: JsonOption = False) -> None:
    """Take away the lock of a killed writer.

    Only in object storage can it stay; a folder's lock frees itself.
    """
    holder = vicp.Gallery.unlock(gallery)
    said = f"Took away the lock of process {holder}." if holder else "There is no lock to take away."
    print_result({"holder": holder}, [said], as_json)


def compact(
    gallery: GalleryArgument,
    undo_depth: Annotated[
        int, typer.Option(min=0, help="How many changes can be undone afterwards.", show_default=True)
    ] = 1000,
    author: AuthorOption = None,
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Free disk space.

    It joins small files and removes states older than can be undone; nothing that is shown changes.
    """
    result = open_for_changes(gallery, ChangeOptions(author=author, wait=wait)).compact(undo_depth=undo_depth)
    print_result(asdict(result), compaction_lines(gallery, result), as_json)


def print_change(gallery: "vicp.Gallery", entry: "LogEntry", as_json: bool) -> None:
    """Print what a change did."""
    print_result(asdict(entry), change_lines(gallery.uri, entry), as_json)
