"""Names of individuals as people write them: words for nobody, damage by spreadsheets, names that are nearly one."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

_MAX_LISTED = 5
_LONGEST_NAME = 200
_FILLERS = {"individual", "animal", "id", "identity", "name", "ind", "individuum", "tier", "individuals", "animals"}
_KINDS = {"male", "female", "adult", "subadult", "juvenile", "calf", "cub", "pup", "foal", "kitten", "sex", "age"}
_NOBODY_TEXT = """
    unknown; unkown; unknow; unk; unkn; unidentified; unidentifiable; undetermined; unnamed; noname; no name;
    nobody; no one; not identified; not known; not named; non identified; no id; noid; n a; nil; null; tbd; tba;
    todo; to be determined; missing; empty; blank; not applicable; not available; indet; indeterminate;
    undefined; unclear; uncertain; unsure; unassigned; unlabeled; unlabelled; unclassified; not assigned; not
    sure; background; negative; negatives; human; humans; person; persons; people; vehicle; vehicles;
    cannot tell; no match; unmatched; unsorted; to check; to review; to sort; to identify; needs id; discard;
    discarded; rejected; rejects; miscellaneous; various; multiple; several; mixed; other; others; none of the above;
    no tag; untagged; unmarked; tbc; to be confirmed; not visible; not in catalogue; not in catalog; no match found;
    cannot identify; unid; n n; n d; poor quality; new folder; untitled folder; neuer ordner; nouveau
    dossier; nueva carpeta; sonstige; unsortiert; unbekannt; unbenannt; nicht identifiziert; nicht bekannt; nicht
    benannt; kein name; ohne name; ohne namen; keine; keiner; niemand; unbestimmt; inconnu; inconnue; inconnus;
    inconnues; non identifie; non identifiee; indetermine; indeterminee; aucun; aucune; sans nom; desconocido;
    desconocida; no identificado; no identificada; sin identificar; sin nombre; ninguno; ninguna; indeterminado;
    indeterminada; desconhecido; desconhecida; nao identificado; nao identificada; sem nome; nenhum; nenhuma;
    sconosciuto; sconosciuta; non identificato; non identificata; ignoto; ignota; nessuno; onbekend; niet
    geidentificeerd; geen; okand; ukjent; ukendt; tuntematon; nieznany; nieznana; neznamy; neznama; bilinmeyen;
    bilinmiyor; tidak diketahui; haijulikani; неизвестно; неизвестен; неизвестный; неизвестная; невідомо; 未知;
    不明; 未確認; 미상; άγνωστο; άγνωστος; مجهول; غير معروف; לא ידוע
    """
_NOBODY_WORDS = frozenset(
    " ".join("".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c)).split())
    for word in _NOBODY_TEXT.split(";")
)
_NO_NUMBER = ("-1", "-9", "-99", "-999", "-9999")
_PERHAPS_NOBODY = ("na", "none", "nan")  # names too: of a single photo they stay
_SPREADSHEET_ERROR = re.compile(
    r"#(REF|VALUE|NAME|DIV/0|NUM|NULL|SPILL|CALC|ERROR|GETTING_DATA)[!?]*|#{3,}", re.IGNORECASE
)
_ROUNDED_NUMBER = re.compile(r"[-+]?\d([.,]\d+)?E\+?\d{2,}", re.IGNORECASE)
_DATE_FROM_NAME = re.compile(
    r"\d{1,2}-(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-\d{2,4})?|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"-\d{2,4}|\d{4}-\d{2}-\d{2} 00:00:00",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"[?!#*'\"\u2019`\u00b4]|\(\s*\)|(?<!\d)\.|\.(?!\d)")  # that people set beside a name
_DOUBT = re.compile(
    r"(cf|aff|prob|probably|maybe|possibly|perhaps|poss|likely|presumably|vermutlich|vielleicht|wohl)\.?\s+",
    re.IGNORECASE,
)
_COPY = re.compile(r"(.+?)[\s_-]*(\(\d{1,2}\)|\b(copy|kopie|copie|copia)\b[\s_]*(\(?\d{1,2}\)?)?)", re.IGNORECASE)
_SEPARATORS = re.compile(r"\s*[;,/&+|]\s*|\s+(?:and|und|et|y|e|og|och|en)\s+", re.IGNORECASE)
_LIKE_LATIN = str.maketrans("асеорхуіјѕһԁԛԝαορνικτ", "aceopxyijshdqwaopvikt")  # small letters of Cyrillic, Greek
_INVISIBLE = dict.fromkeys(
    [*map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)


def clean_name(name: str) -> str:
    """Return a name in Unicode's composed form, without blanks at its ends and without what cannot be seen."""
    return unicodedata.normalize("NFC", name.translate(_INVISIBLE).replace("\u00a0", " ")).strip()


def is_nobody(name: str) -> bool:
    """Return whether this is a word for an individual that nobody could name, in any spelling and language we know."""
    if name.strip() in _NO_NUMBER:
        return True
    plain = _plain(name)
    words = [word for word in re.split(r"[\W_]+", plain) if word]
    if not words:
        return bool(name.strip())  # "?", "-", "____"
    if plain.strip() in _PERHAPS_NOBODY:
        return False
    told = [word for word in words if word not in _FILLERS]
    without_kinds = [word for word in told if word not in _KINDS]  # "unknown adult male"
    if re.fullmatch(r"[(<\[{].*[)>\]}]", plain.strip()) and "".join(words) in _PERHAPS_NOBODY:
        return True
    texts = (" ".join(words), "".join(words), " ".join(told), " ".join(without_kinds))
    return any(text in _NOBODY_WORDS for text in texts)


def nobodies(names: Iterable[str | None]) -> Counter[str]:
    """Return the names of some photos that stand for nobody, with how many photos have each.

    "NA" and "None" are words for nobody where several photos have them, and a name where one has.
    """
    counts = Counter(name for name in names if name is not None)
    return Counter(
        {
            name: count
            for name, count in counts.items()
            if is_nobody(name) or (count > 1 and _plain(name).strip() in _PERHAPS_NOBODY)
        }
    )


def name_fault(name: str) -> str:
    """Return why a name cannot be meant: what a broken quote or a spreadsheet left; "" where nothing is wrong."""
    if any(letter in name for letter in "\r\n\u2028\u2029"):
        return "its name has a line break: a quote in the file is not closed"
    if len(name) > _LONGEST_NAME:
        return (
            f"its name has {len(name)} letters, at most {_LONGEST_NAME} are allowed: is a quote in the file not closed?"
        )
    if _SPREADSHEET_ERROR.fullmatch(name):
        return f"its name is a spreadsheet's error ({name}): correct the cell"
    if name.startswith("="):
        return f"its name is a spreadsheet's formula ({name}): save the values"
    if _ROUNDED_NUMBER.fullmatch(name) and ("+" in name or "." in name or "," in name):
        return f"its name is a number that a spreadsheet rounded ({name}): format the column as text"
    if len(name) > 2 and name[0] == name[-1] and name[0] in "'\"":
        return f"its name stands in quotes ({name}): write it without"
    if re.fullmatch(r"'[-+=@\d].*", name):
        return f"its name begins with a spreadsheet's mark of text ({name}): write it without"
    if "\ufffd" in name:
        return f"its name has lost letters ({name}): save the file as UTF-8 from where it was made"
    if (meant := _misread(name)) is not None:
        return f"its letters were read in another encoding ({name} for {meant}): save the file as UTF-8 again"
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        return f"its name has control characters ({name!r}): give it one that can be written down"
    return ""


def _misread(name: str) -> str | None:
    """Return what a name was before its UTF-8 was read as Windows-1252 or Latin-1; None where it was not."""
    for encoding in ("cp1252", "latin-1"):
        try:
            meant = name.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        if meant != name:
            return meant
    return None


def name_questions(names: Sequence[tuple[str, str]], known: Sequence[tuple[str, str]] = ()) -> tuple[str, ...]:
    """Return sentences that ask about names which may be one individual, or a date that a spreadsheet made of a name.

    Args:
        names: Pairs of category and identity.
        known: Such pairs that were there before; two of them alone are not asked about again.
    """
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for category, identity in (*names, *known):
        groups[category, _comparable(identity)].add(identity)
    for (category, _), group in list(groups.items()):
        for identity in sorted(group):
            copied = _COPY.fullmatch(identity)
            if copied and (category, _comparable(copied[1])) in groups:
                groups[category, _comparable(copied[1])].add(identity)
    new = set(names)
    alike = [
        (category, sorted(group))
        for (category, _), group in sorted(groups.items())
        if len(group) > 1 and any((category, name) in new for name in group)
    ]
    dates = sorted({name for _, name in new if _DATE_FROM_NAME.fullmatch(name)})
    several = _names_of_several(new, {*new, *known})
    questions = []
    if alike:
        listed = "; ".join(
            f"{', '.join(map(repr, group))} ({category}: {_difference(group)})"
            for category, group in alike[:_MAX_LISTED]
        )
        more = f"; and {len(alike) - _MAX_LISTED} more" if len(alike) > _MAX_LISTED else ""
        questions.append(f"One individual or several? {listed}{more}. Where it is one, write its name alike.")
    if dates:
        questions.append(f"Dates that a spreadsheet made of names? {', '.join(map(repr, dates[:_MAX_LISTED]))}.")
    if several:
        listed, ending = ", ".join(map(repr, several[:_MAX_LISTED])), "a row each, with a box each"
        questions.append(f"Several individuals in one name? {listed}. Where a photo shows several, give them {ending}.")
    return tuple(questions)


def _names_of_several(new: set[tuple[str, str]], every: set[tuple[str, str]]) -> list[str]:
    """Return the new names that list others, one of which is a name by itself."""
    single = {(category, _comparable(name)) for category, name in every}
    found = set()
    for category, name in new:
        parts = [part for part in _SEPARATORS.split(name) if part]
        if len(parts) > 1 and any((category, _comparable(part)) in single for part in parts):
            found.add(name)
    return sorted(found)


def nobody_note(counts: Mapping[str, int], *, left_out: bool) -> str:
    """Return the sentence on photos whose name stands for nobody."""
    number, words = sum(counts.values()), ", ".join(repr(name) for name in sorted(counts)[:_MAX_LISTED])
    photos, they = ("1 photo", "it is") if number == 1 else (f"{number} photos", "they are")
    end = f"{they} left out" if left_out else "nobody's name"
    return f"{photos} named {words}, a word for nobody: {end}"


def _plain(name: str) -> str:
    """Return a name in lower case and without accents."""
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()


def _comparable(name: str) -> str:
    """Return what two spellings of one name have in common.

    Case, blanks, accents, ".0", leading zeros, hyphens between letters and numbers, alphabets, words of doubt and signs
    such as "?" and "#" are left out.
    """
    plain = _without_signs(_without_doubt(_plain(name))).translate(_LIKE_LATIN)
    plain = re.sub(r"[\s_]+", "", plain)
    plain = re.sub(r"(?<=[^\W\d])[-\u2010-\u2014]|[-\u2010-\u2014](?=[^\W\d])", "", plain)
    number = re.fullmatch(r"0*(\d+)(\.0+)?", plain)
    return number.group(1) if number else plain


def _without_doubt(name: str) -> str:
    """Return a name without a word such as "probably" before it."""
    return _DOUBT.sub("", name, count=1) if _DOUBT.match(name) else name


def _without_signs(name: str) -> str:
    """Return a name without signs; one of signs alone stays."""
    return _SIGNS.sub("", _SIGNS.sub("", name)).strip() or name


def _difference(group: Sequence[str]) -> str:
    """Return in what the names of a group differ."""
    tests = (
        ("'.0'", lambda name: re.sub(r"\.0+$", "", name)),
        ("leading zeros", lambda name: name.lstrip("0")),
        ("case", str.casefold),
        ("blanks", lambda name: re.sub(r"[\s_]+", "", name)),
        ("blanks and hyphens", lambda name: re.sub(r"[\s_\u2010-\u2014-]+", "", name)),
        ("signs", _without_signs),
        ("a word of doubt", _without_doubt),
        ("letters of another alphabet", lambda name: name.casefold().translate(_LIKE_LATIN)),
        ("what a copy's name gets", lambda name: _COPY.sub(r"\1", name)),
        (
            "accents",
            lambda name: "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)),
        ),
    )
    return next((f"{what} alone" for what, same in tests if len({same(name) for name in group}) == 1), "spelling alone")
