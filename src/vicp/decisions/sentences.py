"""Verdicts in words: "the same as Tom, P = 0.97", "new individual", "cannot say with so few pairs"."""

from vicp.decisions.outcome import IdentificationVerdict, InsufficientPairs, VerificationVerdict

NO_PROMPT = "no probability: there is no prompt with held-out pairs (`vicp teach` writes one)"
NO_HELD_OUT_PAIRS = "no probability: the category's prompt carries no held-out pairs (`vicp teach` writes them)"


def identification_sentence(
    verdict: IdentificationVerdict,
    *,
    first: str,
    probability: float | None,
    shortage: InsufficientPairs | None,
) -> str:
    """Return the verdict on a photo in words.

    Args:
        verdict: What was decided.
        first: Name of the most similar individual.
        probability: Of what the verdict names.
        shortage: Why nothing can be called the same, if nothing can.
    """
    match verdict:
        case "same":
            return f"the same as {first}, {_probability(probability)}"
        case "new":
            return f"new individual, {_probability(probability)}"
        case "unsure" if shortage is not None:
            missing = shortage_sentence(shortage)
            return f"cannot say with so few pairs ({missing}); the most similar: {_probability(probability)}"
        case _:
            return (
                "cannot say: known and unknown individuals both look like this; the most similar: "
                f"{_probability(probability)}"
            )


def verification_sentence(
    verdict: VerificationVerdict, *, probability: float | None, shortage: InsufficientPairs | None
) -> str:
    """Return the verdict on a pair of photos in words; arguments as of `identification_sentence`."""
    match verdict:
        case "same":
            return f"same, {_probability(probability)}"
        case "different":
            return f"different individuals, {_probability(probability)} that they are the same"
        case "unsure" if shortage is not None:
            return f"cannot say with so few pairs ({shortage_sentence(shortage)}); {_probability(probability)}"
        case _:
            return f"cannot say: same- and different-pairs both look like this; {_probability(probability)}"


def shortage_sentence(shortage: InsufficientPairs) -> str:
    """Return how many pairs are missing, in words."""
    least = "" if shortage.least_rate is None else f"; the least they can promise is {shortage.least_rate:.2g}"
    pairs = "different-pair" if shortage.missing == 1 else "different-pairs"
    return (
        f"not enough pairs for that rate: {shortage.missing:,} more {pairs} needed, each of two individuals not among "
        f"them yet, to promise {shortage.rate:g} of searches over {shortage.candidates:,} candidates{least}"
    )


def _probability(probability: float | None) -> str:
    return "P unknown" if probability is None else f"P = {probability:.2f}"
