"""Numbers with their nouns, as every sentence for people writes them."""


def counted(number: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun.

    >>> counted(1, "photo"), counted(2000, "photo"), counted(2, "identity", "identities")
    ('1 photo', '2,000 photos', '2 identities')
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def are(number: int) -> str:
    """Return the verb after a number of things.

    >>> are(1), are(2)
    ('is', 'are')
    """
    return "is" if number == 1 else "are"
