"""What a folder's name says other than an individual: a split, a fold, a side, a camera, a day, a sequence, a period.

Photos of one sequence are one moment. Those of a period (a year, a trip, a camera's card) are not: it fills no column.
Nor does an attribute: sex, age, light, or the program that a photo came from.
"""

import re
from collections.abc import Collection
from typing import Literal

from vicp.data.names import is_nobody

Role = Literal["split", "fold", "viewpoint", "camera", "date", "sequence", "period", "attribute"]

_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DAY = r"(19|20)\d\d([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])"
_OTHER_DAY = r"(0?[1-9]|[12]\d|3[01])([-_.])(0?[1-9]|[12]\d|3[01])\2(19|20)?\d\d"  # the month first, or the day
_SIDE_BEFORE = r"(lado|flanco|perfil|c[oô]t[eé]|flanc|seite)[-_ ]?"
_COUNT = r"[-_ #.]*(\d{1,6}|[a-d]|one|two|three|first|second|third)"
_RECORDING = r"((mvi|vid|mov|img|imag|dsc[fn]?|dji|pxl|pict|cimg|gopro?|rec|rcnx)[-_ ]?\d{4,}|g[hx]\d{6})([-_]\w+)?"
_FRAMES = r"([-_ ]?(frames?|images?|photos?|crops?))?"
_PATTERNS: tuple[tuple[Role, str], ...] = (
    (
        "split",
        r"(mask[-_ ])?(train(ing|val)?|val(id(ation)?)?|dev|test(ing)?|query|queries|gallery|probes?|database|holdout|"
        r"unlabell?ed)([-_ ]?(set|split|data|images|photos))?([-_ ]?v?\d)?",
    ),
    ("fold", r"(cv[-_ ]?)?(fold|split)[-_ #.]*\d{1,2}"),
    (
        "viewpoint",
        rf"({_SIDE_BEFORE})?(l|r|ls|rs|lhs|rhs|left|right|links|rechts|front|frontal|back|rear|top|dorsal|ventral|lateral|gauche|droite|izquierd[ao]|"
        r"derech[ao])([-_ ]?(side|flank|view|profile|lateral|face|ear|body))?|"
        r"(side|flank|view|face|ear|profile)[-_ ]?(left|right|l|r|front)",
    ),
    (
        "camera",
        r"(cam(era)?|cctv|ct|station|site|trap|camtrap|camera[-_ ]?trap|location|loc|plot)[-_ ]?"
        r"([a-z]|[a-z]{0,2}[-_ ]?\d{1,5}[a-z]?)",
    ),
    ("date", rf"{_DAY}([-_ T]\d{{2}}[-_:h]?\d{{2}}([-_:m]?\d{{2}}s?)?)?"),
    (
        "sequence",
        rf"((session|visit|burst|seq(uence)?|encounter|event|sighting|capture|shoot|clip|video|track(let)?|"
        rf"enc|obs(ervation)?|occurrence|scene|take){_COUNT}|{_RECORDING}){_FRAMES}",
    ),
    ("period", rf"{_OTHER_DAY}|\d{{1,2}}(st|nd|rd|th)?[-_. ]*{_MONTH}([-_. ]*(19|20)?\d\d)?"),
    ("period", rf"(trip|day|night|week|month|season|year|round|occasion|survey|series|date){_COUNT}"),
    (
        "period",
        r"\d{3}(media|msdcf|canon|nikon|nd\w{3}|_?pana|olymp|ek\d{3}|apple|gopro|reco?nx|_fuji|fuji|btcf|image|pho?to)|dcim",
    ),
    ("period", r"(photos|pictures|pics|images|fotos|bilder)[-_ ]((from|of|de|von|aus)[-_ ])?(19|20)\d\d"),
    ("period", rf"(19|20)\d\d[-_. ](0?[1-9]|1[0-2])|{_MONTH}[-_. ]?(19|20)\d\d|(19|20)\d\d[-_. ]?{_MONTH}"),
    (
        "period",
        r"(early |late )?(spring|summer|autumn|fall|winter|morning|noon|evening|night|dawn|dusk)([-_ ]?(19|20)?\d\d)?",
    ),
    ("attribute", r"(fe)?males?|unsexed|(sub|young )?adults?|juveniles?|young|old|cubs?|calves|pups?|babies"),
    (
        "attribute",
        r"day(light|time)?|night(time)?|infra[-_ ]?red|ir|flash|no[-_ ]?flash|colou?r|black[-_ ]and[-_ ]white|b&?w",
    ),
    (
        "attribute",
        r"(whatsapp|telegram|signal|instagram|facebook|messenger|viber|snapchat|saved)[-_ ](images?|photos?|pictures?)|"
        r"screenshots?|camera([-_ ](roll|uploads))?|downloads?|whatsapp|telegram|instagram",
    ),
)
_YEAR = re.compile(r"(19[5-9]|20[0-4])\d")


def role_of(names: Collection[str]) -> Role | None:
    """Return the role that the names of sibling folders have; None where some name something else."""
    names = [name for name in names if not is_nobody(name)] or list(names)
    for role, pattern in _PATTERNS:
        if all(re.fullmatch(pattern, name.strip(), re.IGNORECASE) for name in names):
            return role
    moments = [pattern for role, pattern in _PATTERNS if role in ("date", "sequence", "period")]
    if all(any(re.fullmatch(pattern, name.strip(), re.IGNORECASE) for pattern in moments) for name in names):
        return "period"
    return None


def are_years(names: Collection[str]) -> bool:
    """Return whether all these names are years; the names of individuals may look like that too."""
    return all(_YEAR.fullmatch(name) for name in names)


def value_of(role: Role, name: str) -> str:
    """Return what a folder's name puts into the column of its role."""
    plain = name.strip()
    if is_nobody(plain):
        return ""
    if role == "viewpoint":
        side = re.search(
            r"left|right|links|rechts|gauche|droite|izquierd|derech|^[lr](s|hs)?$|[-_ ][lr]$", plain, re.IGNORECASE
        )
        if side is None:
            return plain.lower()
        return "left" if side.group().strip("-_ ").lower().startswith(("l", "ga", "iz")) else "right"
    if role == "split":
        word = re.sub(r"^mask[-_ ]|([-_ ]?(set|split|data|images|photos))?([-_ ]?v?\d)?$", "", plain.lower())
        return {"training": "train", "testing": "test", "valid": "val", "validation": "val"}.get(word, word)
    if role == "date":
        match = re.match(r"(\d{4})[-_.]?(\d\d)[-_.]?(\d\d)", plain)
        return "-".join(match.groups()) if match else ""
    return plain
