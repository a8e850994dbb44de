"""Labels of pairs, same or different, as people and spreadsheets write them."""

import re
import unicodedata

import pandas as pd

from vicp.data.names import is_nobody
from vicp.errors import DataError

_WORDS_FOR_SAME = ("1", "true", "yes", "same")
_WORDS_FOR_DIFFERENT = ("0", "false", "no", "different")
_ALSO_SAME = (
    *("y", "t", "s", "identical", "s\u00ec", "ja", "oui", "si", "s\u00ed", "match", "positive", "wahr", "vrai"),
    *("verdadero", "igual", "mismo", "gleich"),
    *("\u2713", "\u2714", "\u2611", "\u662f", "\u0434\u0430"),  # ticks, and yes
)
_ALSO_DIFFERENT = (
    *("n", "f", "d", "nein", "non", "diff", "not same", "not the same", "nonmatch", "non match", "no match"),
    *("mismatch", "negative", "falsch", "faux", "falso", "diferente", "verschieden", "-1"),
    *("\u2717", "\u2718", "\u2612", "\u5426", "\u043d\u0435\u0442"),  # crosses, and no
)
_NO_LABEL = (
    *("", "-", "--", "?", "??", "???", "na", "nan", "none", "skip", "skipped"),
    *("dont know", "don't know", "idk", "can't tell"),
)
_WHOM = re.compile(r"(same|different|diff|not same|not the same) (individuals?|animals?|identit(y|ies)|cats?|dogs?)")


def read_same(word: str) -> bool:
    """Return the label that a word stands for: whether two photos show the same individual.

    Raises:
        DataError: It is none.
    """
    plain = _plain(word)
    if plain in (*_WORDS_FOR_SAME, *_ALSO_SAME):
        return True
    if plain in (*_WORDS_FOR_DIFFERENT, *_ALSO_DIFFERENT):
        return False
    expected = ", ".join(_WORDS_FOR_SAME + _WORDS_FOR_DIFFERENT)
    raise DataError(f"same is {word!r}, expected one of {expected}")


def has_label(words: "pd.Series[str]") -> "pd.Series[bool]":
    """Return which words of a column `same` are labels, right or wrong: not blank, and not "?" or "unsure"."""
    return words.map(_is_label).astype(bool)


def _is_label(word: str) -> bool:
    plain = _plain(word)
    if plain in _NO_LABEL:
        return False
    return plain in (*_ALSO_SAME, *_ALSO_DIFFERENT) or not is_nobody(word) or re.search(r"\w", word) is None


def _plain(word: str) -> str:
    """Return a word in lower case, "1.0" as 1, and "same cat" as same."""
    plain = unicodedata.normalize("NFKC", word).strip().casefold().rstrip(".!")
    plain = re.sub(r"(?<=[^\W\d])-(?=[^\W\d])", " ", plain)
    plain = re.sub(r"^(-?[01])[.,]0+$", r"\1", plain)
    found = _WHOM.fullmatch(plain)
    return plain if found is None else found[1]
