"""What the folders above photos mean together: which have a role, which are individuals, and what has to be asked."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vicp.data.sources.folders.names import Role, are_years, role_of, value_of

_WRAPPER = re.compile(
    r"(all[-_ ]?)?(images?|imgs?|photos?|pictures?|pics|data(set)?|crops?|cropped|raw|originals?|jpe?gs?|fotos?)",
    re.IGNORECASE,
)  # names of folders that say nothing
_MAX_LISTED = 4


@dataclass(frozen=True)
class Place:
    """What the folders above a photo say: columns by role, and the names that are left, the outermost first."""

    columns: Mapping[str, str]
    names: tuple[str, ...]


def _children(paths: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], set[str]]:
    """Return the names of the folders in each folder."""
    children: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for path in set(paths):
        for level, name in enumerate(path):
            children[path[:level]].add(name)
    return children


def mixed_question(paths: Sequence[tuple[str, ...]]) -> str:
    """Return a question where splits or sides lie next to folders that name something else; "" where not."""
    for names in _children(paths).values():
        for role, word in (("split", "splits"), ("viewpoint", "sides")):
            with_role = sorted(name for name in names if role_of([name]) == role)
            others = sorted(names - set(with_role))
            if len(with_role) > 1 and others and role_of(names) is None:
                return (
                    f"the folders {listed(with_role)} name {word}, and {listed(others)} next to them do not: move them "
                    "apart, or say what the folders are, such as --folders category/identity"
                )
    return ""


def places_of(paths: Sequence[tuple[str, ...]]) -> list[Place]:
    """Return what the folders above each photo say; a folder has a role where all its siblings have it."""
    children = _children(paths)
    role_under = {parent: role_of(names) for parent, names in children.items()} | _years(children)
    role_under = {parent: role for parent, role in role_under.items() if not _alone(parent, children, role_under)}
    places = {}
    for path in set(paths):
        columns: dict[str, str] = {}
        names = []
        for level, name in enumerate(path):
            role = role_under.get(path[:level])
            if role is None:
                names.append(name)
            else:
                _add(columns, role, name)
        places[path] = Place(columns, tuple(names))
    return [places[path] for path in paths]


def _alone(
    parent: tuple[str, ...],
    children: Mapping[tuple[str, ...], set[str]],
    role_under: Mapping[tuple[str, ...], Role | None],
) -> bool:
    """Return whether one folder alone has a role, while most others as deep do not: a cat may be called Left."""
    level = [role_under[other] for other in children if len(other) == len(parent)]
    return len(children[parent]) == 1 and 2 * level.count(role_under[parent]) <= len(level) > 1


def _add(columns: dict[str, str], role: Role, name: str) -> None:
    """Add what a folder says to the columns; of two moments both count."""
    value = value_of(role, name)
    joined = columns.get(role) and role in ("sequence", "period", "attribute")
    columns[role] = f"{columns[role]}/{value}" if joined else value


def _years(children: Mapping[tuple[str, ...], set[str]]) -> dict[tuple[str, ...], Role]:
    """Return the folders below which lie years: those with folders in them, or that repeat under other folders."""
    found: dict[tuple[str, ...], Role] = {}
    under = {parent: names for parent, names in children.items() if are_years(names)}
    for parent, names in under.items():
        others = [set(more) for other, more in under.items() if other != parent and len(other) == len(parent)]
        repeat = any(names & more for more in others)
        if repeat or any((*parent, name) in children for name in names):
            found[parent] = "period"
    return found


def without_wrappers(places: list[Place]) -> list[Place]:
    """Return the places without folders that say nothing, since all photos lie in one: `images/cat/tom`."""
    while True:
        depths = {len(place.names) for place in places}
        deep = max(depths)
        if len(depths) > 1 or deep < 1:
            return places
        if deep == 1 and len({place.names for place in places}) > 1:
            return places
        if deep == 1:
            is_wrapper = _WRAPPER.fullmatch(places[0].names[0]) is not None
            return [Place(place.columns, ()) for place in places] if is_wrapper else places
        distinct = [len({place.names[level] for place in places}) for level in range(deep)]
        first, last = places[0].names[0], places[0].names[-1]
        if distinct[0] == 1 and max(distinct[1:]) > 1 and (deep > 2 or _WRAPPER.fullmatch(first)):
            kept = slice(1, None)
        elif distinct[-1] == 1 and max(distinct[:-1]) > 1 and _WRAPPER.fullmatch(last):
            kept = slice(None, -1)
        else:
            return places
        places = [Place(place.columns, place.names[kept]) for place in places]


def repeated_question(places: Sequence[Place]) -> str:
    """Return a question where the same names lie under every folder, and so may not be individuals; "" where not."""
    under: dict[str, set[str]] = defaultdict(set)
    for place in places:
        if len(place.names) == 2:
            under[place.names[0]].add(place.names[1])
    common = repeated_names(under)
    if all(re.search(r"\d", name) for name in common):
        return ""
    return (
        f"the folders {listed(common)} repeat under {listed(sorted(under))}: are they individuals of these "
        "categories, or parts, sides or moments of these individuals? Say --folders category/identity, --folders "
        "identity/viewpoint or --folders identity/sequence"
    )


def repeated_names(under: Mapping[str, set[str]]) -> list[str]:
    """Return the names that lie under more than half of the folders, where they are at least half of all names."""
    counts = Counter(name for names in under.values() for name in names)
    common = sorted(name for name, count in counts.items() if count > max(len(under) / 2, 1))
    return common if 2 * len(common) >= len(counts) else []


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more
