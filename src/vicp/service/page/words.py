"""Answers in the page's words: a headline, then the number."""

from datetime import UTC, datetime
from typing import Any

from vicp.decisions.sentences import likely, percent, range_in_words

_DONE = {
    "create": "Made",
    "categories": "New category",
    "enroll": "Photos added",
    "label": "Labelled",
    "split": "Named",
    "merge": "Made one",
    "rename": "Renamed",
    "remove": "Taken out",
    "reindex": "Taught",
    "undo": "Undone",
    "restore": "Brought back",
}


def headline(answer: dict[str, Any], some: bool = False) -> str:
    """Return whom a photo shows, in a few words.

    >>> headline({"verdict": "same", "probability": 0.8, "candidates": [{"identity": "Tom"}], "sentence": ""})
    'Probably Tom'

    Args:
        answer: As the library gives it.
        some: Whether it was compared with some photos of the gallery alone.
    """
    match answer["verdict"]:
        case "same":
            return _capital(f"{likely(answer['probability'])} {answer['candidates'][0]['identity']}")
        case "new":
            return _capital(f"{likely(answer['probability'])} {'none of these' if some else 'somebody new'}")
        case "unsure":
            return f"Cannot say: this does not look like {answer['category']}"
    return _capital(str(answer["sentence"]))


def number(answer: dict[str, Any]) -> str:
    """Return the probability of the headline and its range; "" where there is none.

    >>> number({"verdict": "new", "probability": 0.8, "probability_range": (0.6, 0.9)})
    '80 % sure (60 to 90 %)'
    """
    if answer["verdict"] not in ("same", "new") or answer["probability"] is None:
        return ""
    limits = answer["probability_range"]
    return f"{percent(answer['probability'])} sure" + (f" ({range_in_words(limits)})" if limits else "")


def done(command: str) -> str:
    """Return what a command of the log did, for people.

    >>> done("enroll"), done("set aside")
    ('Photos added', 'Set aside')
    """
    return _DONE.get(command, _capital(command))


def when(at: datetime | str) -> str:
    """Return a time to the minute, UTC.

    >>> when("2026-11-30T14:05:09+00:00")
    '30 November 2026, 14:05 UTC'
    """
    time = datetime.fromisoformat(at) if isinstance(at, str) else at
    time = time.astimezone(UTC)
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


def taken(date: str) -> str:
    """Return when a photo was taken, as its table or its camera says it.

    >>> taken("2025-04-01T09:05:00"), taken("2025-04-01"), taken("in May")
    ('1 April 2025, 09:05', '1 April 2025', 'in May')
    """
    try:
        time = datetime.fromisoformat(date)
    except ValueError:
        return date
    day = f"{time.day} {time:%B %Y}"
    return day if len(date) <= len("2025-04-01") else f"{day}, {time:%H:%M}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
