"""Labels of pairs, same or different, as people and spreadsheets write them."""

import re

import pandas as pd

from vicp.data.names import is_nobody
from vicp.errors import DataError

_WORDS_FOR_SAME = ("1", "true", "yes", "same")
_WORDS_FOR_DIFFERENT = ("0", "false", "no", "different")
_ALSO_SAME = ("y", "t", "ja", "oui", "si", "s\u00ed", "match", "same individual", "wahr", "vrai", "verdadero")
_ALSO_DIFFERENT = (
    *("n", "f", "nein", "non", "diff", "not same", "not the same", "different individual", "different individuals"),
    *("falsch", "faux", "falso"),
)


def read_same(word: str) -> bool:
    """Return the label that a word stands for: whether two photos show the same individual.

    Raises:
        DataError: It is none.
    """
    plain = re.sub(r"^([01])[.,]0+$", r"\1", word.strip().casefold())
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
    return bool(word.strip()) and not is_nobody(word) and word.strip().lower() not in ("na", "nan", "none")
