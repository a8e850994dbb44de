"""Answers in words: what is believed, what is promised, and what both rest on."""

from collections.abc import Sequence

from vicp.decisions.outcome import Basis, ErrorTargets, InsufficientPairs

Range = tuple[float, float]

_HARDLY_MOVED = 0.1  # P(new) by less than this from what it was before the photo, ...
_FAINT = 0.1  # ... and everybody known less likely than this: the photo tells little


def percent(probability: float) -> str:
    """Return a probability in words, without more certainty than there is.

    >>> percent(0.814), percent(0.001), percent(0.9976)
    ('81 %', 'under 1 %', 'over 99 %')
    """
    if probability < 0.005:
        return "under 1 %"
    return "over 99 %" if probability >= 0.995 else f"{100 * probability:.0f} %"


def range_in_words(limits: Range) -> str:
    """Return a range of probabilities.

    >>> range_in_words((0.604, 0.931)), range_in_words((0.981, 0.9972))
    ('60 to 93 %', '98.1 to 99.7 %')
    """
    low, high = limits
    digits = 1 if low < 0.005 or high >= 0.995 else 0
    return f"{100 * low:.{digits}f} to {100 * high:.{digits}f} %"


def identification_sentence(
    candidates: Sequence[tuple[str, float, Range]],
    new: tuple[float, Range],
    *,
    category: str,
    of_category: bool,
    uncompared: tuple[int, float] = (0, 0.0),
    prior_new: float | None = None,
) -> str:
    """Return what is believed of a photo: the likeliest answer, the next, and always somebody new.

    >>> rex, bella = ("Rex", 0.81, (0.6, 0.93)), ("Bella", 0.11, (0.02, 0.3))
    >>> identification_sentence([rex, bella], (0.06, (0.01, 0.2)), category="dog", of_category=True)
    'probably Rex, 81 % (60 to 93 %); next Bella, 11 %; somebody new 6 %'
    >>> new = (0.53, (0.46, 0.61))
    >>> identification_sentence([("Rex", 0.04, (0, 0.1))], new, category="dog", of_category=True, prior_new=0.5)
    'probably somebody new, 53 % (46 to 61 %), but 50 % before the photo, which tells little; next Rex, 4 %'

    Args:
        candidates: Name, probability and range of the likeliest individuals, likeliest first.
        new: Probability and range of somebody new.
        category: What the photo was taken for.
        of_category: Whether it looks like that.
        uncompared: How many individuals are known by the other side alone, and the probability of all of them.
        prior_new: P(new) before the photo was seen; None where that is not to be compared.
    """
    first, *others = candidates
    if not of_category:
        return f"cannot say: this does not look like {_named(category)}; the most similar is {first[0]}"
    if new[0] > first[1]:
        answer = f"{likely(new[0])} somebody new, {percent(new[0])} ({range_in_words(new[1])})"
        if prior_new is not None and abs(new[0] - prior_new) < _HARDLY_MOVED and first[1] < _FAINT:
            answer += f", but {percent(prior_new)} before the photo, which tells little"
        return f"{answer}; next {first[0]}, {percent(first[1])}{_uncompared(*uncompared)}"
    answer = f"{likely(first[1])} {first[0]}, {percent(first[1])} ({range_in_words(first[2])})"
    following = "".join(f"; next {name}, {percent(p)}" for name, p, _ in others[:1])
    return f"{answer}{following}; somebody new {percent(new[0])}{_uncompared(*uncompared)}"


def other_side_sentence(side: str, num_individuals: int) -> str:
    """Return why nothing can be said of a photo whose side no individual is known by.

    >>> other_side_sentence("left", 5)
    'cannot say: it shows the left side, and all 5 individuals are known by the other side alone'
    """
    known = "the one individual is" if num_individuals == 1 else f"all {num_individuals:,} individuals are"
    return f"cannot say: it shows the {side} side, and {known} known by the other side alone"


def left_out_sentence(num_compared: int, num_left_out: int) -> str:
    """Return with how many individuals a photo was compared, where others were left out.

    >>> left_out_sentence(3, 1)
    'compared with 3 individuals alone: somebody new may be the one that was left out'
    """
    compared = f"{num_compared:,} individual{'' if num_compared == 1 else 's'} alone"
    others = "the one that was" if num_left_out == 1 else f"one of {num_left_out:,} that were"
    return f"compared with {compared}: somebody new may be {others} left out"


def approximate_sentence(recall: float) -> str:
    """Return how far a search by an index can be trusted.

    >>> approximate_sentence(0.9925)
    'searched by an index, which finds the closest photo for 99.2 % of photos'
    """
    return f"searched by an index, which finds the closest photo for {100 * recall:.1f} % of photos"


def two_sides_sentence(sides: tuple[str, str]) -> str:
    """Return why nothing can be said of two photos of two sides."""
    return f"cannot say: one shows the {sides[0]} side and the other the {sides[1]}, which tell nothing of each other"


def verification_sentence(probability: float, limits: Range, *, category: str, of_category: bool) -> str:
    """Return what is believed of a pair: same or different, and P(same).

    >>> verification_sentence(0.2, (0.05, 0.4), category="dog", of_category=True)
    'probably different individuals: 20 % that they are the same (5 to 40 %)'
    """
    if not of_category:
        return f"cannot say: a photo does not look like {_named(category)}"
    if probability >= 0.5:
        return f"{likely(probability)} the same individual, {percent(probability)} ({range_in_words(limits)})"
    number = f"{percent(probability)} that they are the same ({range_in_words(limits)})"
    return f"{likely(1 - probability)} different individuals: {number}"


def basis_sentence(basis: Basis) -> str:
    """Return what probabilities rest on, and how much of it is borrowed."""
    others = f"{basis.borrowed_categories} other categories"
    if not basis.individuals:
        return f"Borrowed from {others}: no individuals of this category were compared."
    own = f"{basis.individuals} individual{'s' if basis.individuals != 1 else ''} of this category"
    if basis.own_share < 0.5:
        return f"Borrowed from {others} for the most part: only {own} {_were(basis.individuals)} compared."
    return f"Calibrated on {own}, and on {others} for the rest."


def promise_sentence(
    promised: bool, *, new: bool, pair: bool, targets: ErrorTargets, shortage: InsufficientPairs | None
) -> str:
    """Return what is promised of an answer, or what it takes.

    Args:
        promised: Whether the answer keeps its error rate.
        new: Whether it is "new" or "different".
        pair: Whether it is about two photos.
        targets: The error rates.
        shortage: Why no name can be promised, if none can.
    """
    rate = percent(targets.false_new_rate if new else targets.false_match_rate)
    sure = f"(confidence {percent(targets.confidence)})"
    if promised and new:
        wrong = "called different" if pair else "called new"
        right = "pairs of one individual" if pair else "photos of known individuals"
        return f"Promised: at most {rate} of {right} are {wrong} {sure}."
    matched = "pairs of two individuals are called the same" if pair else "photos of somebody new get a name"
    if promised:
        return f"Promised: at most {rate} of {matched} {sure}."
    if shortage is not None:
        return f"No promise yet: {shortage_sentence(shortage)}."
    return f"No promise for this answer: it is too close for an error rate of {rate} {sure}."


def shortage_sentence(shortage: InsufficientPairs) -> str:
    """Return how many pairs are missing and for what, in words."""
    pairs = "different-pair" if shortage.missing == 1 else "different-pairs"
    individuals = "individual" if shortage.candidates == 1 else "individuals"
    least = "" if shortage.least_rate is None else f"; those taught allow {percent(shortage.least_rate)}"
    return (
        f"{shortage.missing:,} more {pairs}, each of two individuals not among those taught, are needed to promise "
        f"at most {percent(shortage.rate)} false matches in searches over {shortage.candidates:,} {individuals}{least}"
    )


def _uncompared(num_individuals: int, probability: float) -> str:
    if not num_individuals:
        return ""
    one = num_individuals == 1
    known = "one known" if one else f"any of {num_individuals:,} known"
    return f"; {known} by the other side alone, and so not compared, {percent(probability)}"


def likely(probability: float) -> str:
    """Return how likely something is, in words."""
    if probability >= 0.95:
        return "almost certainly"
    return "probably" if probability >= 0.5 else "perhaps"


def _named(category: str) -> str:
    return f"the photos of {category} that are known" if category else "the photos that are known"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
