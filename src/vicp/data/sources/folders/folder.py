"""A folder of photos -> the photo table: what its folders mean is read from their names and depth, and said."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import pandas as pd

from vicp.data.records import PhotoTable, usable_table
from vicp.data.sources.folders.disk import list_photos
from vicp.data.sources.folders.layout import (
    Place,
    listed,
    mixed_question,
    places_of,
    repeated_names,
    repeated_question,
    without_wrappers,
)
from vicp.data.sources.folders.names import Role, value_of
from vicp.data.sources.options import DEFAULTS, ReadOptions
from vicp.errors import ConfigError, DataError

LAYOUTS = {
    0: "photo",
    1: "identity/photo",
    2: "category/identity/photo",
}  # folders that name neither split nor side -> path
ROLES = ("category", "identity", "split", "fold", "viewpoint", "camera", "sequence", "date", "-")  # "-" is passed over
_PASSED_OVER: tuple[Role, ...] = ("period", "attribute")


def read_folder(
    root: str | os.PathLike[str],
    options: ReadOptions = DEFAULTS,
) -> PhotoTable:
    """Return the photos of `category/identity/photo`, `identity/photo` or, without identities, `photo`.

    Folders anywhere between may name splits (train, test), sides (left, right), cameras (cam1) and moments (2024-05-01,
    session2): they fill those columns. Photos come in natural order (2 before 10). Hidden files are passed over, other
    files too but logged.

    Args:
        root: The folder.
        options: The category is that of an `identity/photo` folder ("photos" if None), or the one to keep. `folders` is
            what each folder above a photo is, such as "identity/viewpoint" or "category/identity/-"; None reads it from
            their names. Photos at another depth than most are bad.

    Raises:
        ConfigError: `folders` names something else than ROLES.
        DataError: No photos, photos at several depths or too deep, identities missing, or folders whose names repeat
            under every other, so that they may not be individuals.
    """
    root = Path(root)
    photos = list_photos(root)
    if not photos:
        raise DataError(f"no photos in {root}: expected files such as .jpg .png .webp .avif .heic .tif{_tables(root)}")
    if options.folders is not None:
        return _read_given(root, photos, options.folders, options)
    paths = [tuple(photo.split("/")[:-1]) for photo in photos]
    places = without_wrappers(places_of(paths))
    depth = _depth(root, photos, places, options.need_identity)
    question = mixed_question(paths) or ("" if depth < 2 else repeated_question(places))
    if question and options.need_identity:
        raise DataError(f"{root}: {question}")
    return _table(root, photos, places, depth, options)


def _table(root: Path, photos: Sequence[str], places: Sequence[Place], depth: int, options: ReadOptions) -> PhotoTable:
    """Return the table of photos whose folders leave as many names as `depth`; the others are bad."""
    category = options.category
    misplaced = f"not placed as most photos here are ({LAYOUTS[depth]})"
    frame = pd.DataFrame({"path": photos}, dtype=object)
    frame["category"] = [
        place.names[0] if depth == 2 and len(place.names) == 2 else category or "photos" for place in places
    ]
    named = [place.names[-1] if len(place.names) == depth > 0 else None for place in places]
    frame["identity"] = pd.Series(named, dtype=object)
    roles = [role for role in get_args(Role) if any(role in place.columns for place in places)]
    for role in roles:
        frame[role] = [place.columns.get(role, "") for place in places]
    notes = _notes(frame, roles, depth)
    reasons = ["" if len(place.names) == depth else misplaced for place in places]
    table = usable_table(
        root,
        frame.drop(columns=list(_PASSED_OVER), errors="ignore"),
        reasons,
        root=root,
        skip_bad=options.skip_bad,
        need_identity=options.need_identity,
        notes=notes,
    )
    return table.of_category(category) if depth == 2 and category is not None else table


def _read_given(root: Path, photos: Sequence[str], folders: str, options: ReadOptions) -> PhotoTable:
    """Return the table of a folder whose layout the user gives."""
    roles = [role.strip() for role in folders.strip("/").split("/") if role.strip() != "photo"]
    wrong = [role for role in roles if role not in ROLES]
    if wrong or len(set(roles) - {"-"}) < len([role for role in roles if role != "-"]):
        raise ConfigError(
            f"--folders {folders}: expected some of {', '.join(ROLES)}, each once, such as identity/viewpoint"
        )
    places = []
    for photo in photos:
        names = photo.split("/")[:-1]
        if len(names) != len(roles):
            places.append(Place({}, ("", "", "")))  # as deep as no photo may be
            continue
        given = dict(zip(roles, names, strict=True))
        columns = {role: value_of(role, given[role]) for role in get_args(Role) if role in given}
        places.append(Place(columns, tuple(given[role] for role in ("category", "identity") if role in given)))
    depth = sum(role in roles for role in ("category", "identity"))
    if all(len(place.names) == 3 for place in places):
        raise DataError(f"{root}: no photo lies as {folders}/photo, the first one is {photos[0]}")
    return _table(root, photos, places, depth, options)


def _depth(root: Path, photos: Sequence[str], places: Sequence[Place], need_identity: bool) -> int:
    """Return how many names most photos have, if that is a layout we read."""
    depth = Counter(len(place.names) for place in places).most_common(1)[0][0]
    expected = " or ".join(f"{root.name}/{layout}" for at, layout in LAYOUTS.items() if at > 0)
    if depth == 0 and need_identity:
        said = sorted({role for place in places for role in place.columns})
        reason = f", for their folders are read as {', '.join(said)}" if said else ""
        otherwise = ", or say --folders identity where they are individuals" if said else ""
        have = "one photo has" if len(photos) == 1 else f"{len(photos):,} photos have"
        raise DataError(
            f"{root}: the {have} no identities{reason}, expected {expected}: make a folder per "
            f"identity, or a CSV with the columns path and identity{otherwise}"
        )
    if depth not in LAYOUTS:
        raise DataError(
            f"{root}: photos lie {photos[0].count('/')} folders deep ({photos[0]}), expected {expected}: say what the "
            "folders are with --folders, such as --folders -/category/identity"
        )
    return depth


def _notes(frame: pd.DataFrame, roles: Sequence[str], depth: int) -> tuple[str, ...]:
    """Return what was understood of the folders, where it is more than individuals, and what may be meant otherwise."""
    notes = []
    if roles:
        parts = [f"{role} ({listed(sorted(set(frame[role]) - {''}))})" for role in roles]
        parts = [f"{part}, which is passed over," if part.startswith(_PASSED_OVER) else part for part in parts]
        notes.append(f"read the folders as {', '.join(parts)} and {LAYOUTS[depth].removesuffix('/photo')}")
    if depth == 2:
        under = {str(name): set(rows["identity"].dropna()) for name, rows in frame.groupby("category")}
        if not roles:
            notes.append(_categories_note(under))
        if common := repeated_names(under):
            notes.append(
                f"{listed(common)} repeat under {listed(sorted(under))}, and are read as individuals of each: if they "
                "are moments of one individual, say --folders identity/sequence"
            )
    if "split" in roles:
        sides = [set(rows["identity"].dropna()) for _, rows in frame.groupby("split")]
        if len(sides) > 1 and (shared := set.intersection(*sides)):
            notes.append(f"{listed(sorted(shared))} lie in every split and are read as the same individuals there")
    return tuple(notes)


def _categories_note(under: Mapping[str, set[str]]) -> str:
    """Return how two levels of folders were read, from the individuals of each category."""
    categories = f"category {next(iter(under))}" if len(under) == 1 else f"{len(under)} categories ({listed([*under])})"
    count = sum(map(len, under.values()))
    return f"read the folders as category/identity: {categories}, {count} individual{'' if count == 1 else 's'}"


def _tables(root: Path) -> str:
    """Return a hint at the tables that lie in a folder without photos."""
    from vicp.data.sources.tables.files import TABLE_SUFFIXES

    try:
        files = [*root.glob("*"), *root.glob("*/*")]
        found = sorted(str(path.relative_to(root)) for path in files if path.suffix.lower() in TABLE_SUFFIXES)
    except OSError:
        return ""
    return f"; there are tables, give one of them: {listed(found)}" if found else ""
