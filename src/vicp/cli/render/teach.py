"""The result of `vicp teach`, as JSON and as lines for people."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vicp.cli.render.answers import wrapped
from vicp.phrases import counted

if TYPE_CHECKING:
    from vicp.adapt.prompt import Usefulness
    from vicp.adapt.teach import SuspectPair, TeachResult

_MOST_SUSPECTS = 5
UNUSABLE, USABLE = 0.3, 0.7  # rank-1 below which a prompt is of no use, and from which its first answer may be used


def teach_facts(result: "TeachResult", target: Path) -> dict[str, Any]:
    """Return what was taught for JSON, with the file that the prompt was written to."""
    from vicp.adapt.recipe import recipe_to_dict

    prompt = result.prompt
    return {
        "prompt": str(target),
        "category": prompt.category,
        "photos": result.photos,
        "photos_in_pairs": result.photos_in_pairs,
        "skipped": result.skipped,
        "pairs": result.pairs,
        "same_pairs": result.same_pairs,
        "dropped_pairs": result.dropped_pairs,
        "moments": result.moments,
        "burst_pairs": result.burst_pairs,
        "label_accuracy": result.label_accuracy,
        "majority_rate": result.majority_rate,
        "labels_predictable": prompt.labels_predictable,
        "suspects": [asdict(pair) for pair in result.suspects],
        "model": prompt.fingerprint,
        "seed": prompt.seed,
        "adaptation": prompt.recipe.method,
        "recipe": recipe_to_dict(prompt.recipe),
        "choice": None if prompt.choice is None else asdict(prompt.choice),
        "usefulness": None if prompt.usefulness is None else asdict(prompt.usefulness),
    }


def teach_lines(result: "TeachResult", target: Path) -> list[str]:
    """Return what was read, how well its labels can be predicted, what was chosen, and where it was written."""
    num_different = result.pairs - result.same_pairs
    sentences = [
        f"Read {counted(result.pairs, 'pair')} ({result.same_pairs} same, {num_different} different) "
        f"of {result.photos_in_pairs} photos out of {result.photos}."
    ]
    if result.skipped:
        pairs = f", and {counted(result.dropped_pairs, 'pair')} with them" if result.dropped_pairs else ""
        sentences.append(f"Left out {counted(result.skipped, 'photo')} that cannot be used{pairs}.")
    sentences += _moment_sentences(result)
    if result.label_accuracy is not None and result.majority_rate is not None:
        sentences.append(
            f"Of pairs whose label it had not seen, the model got {100 * result.label_accuracy:.0f} % right "
            f"(always the same answer: {100 * result.majority_rate:.0f} %)."
        )
    if result.prompt.choice is not None:
        reason = result.prompt.choice.reason
        sentences.append(f"{reason[0].upper()}{reason[1:]}.")
    if result.prompt.usefulness is not None:
        sentences.append(usefulness_sentence(result.prompt.usefulness))
    sentences += _suspect_sentences(result.suspects)
    lines = [line for sentence in sentences for line in wrapped(sentence)]
    return [*lines, f"Wrote {target}."]


def _moment_sentences(result: "TeachResult") -> list[str]:
    """Return how many same-pairs are near-equal frames; nothing where every photo has a moment of its own."""
    if result.burst_pairs:
        frames = "is two frames" if result.burst_pairs == 1 else "are two frames each"
        return [
            f"{result.burst_pairs} of the {result.same_pairs} same-pairs {frames} of one moment (near-equal, of one "
            "sequence, or seconds apart): they promise nothing for another day, and nothing is calibrated on them. Add "
            "photos of other days."
        ]
    if result.moments < result.photos:
        moments = counted(result.moments, "moment")
        return [f"The {result.photos} photos are of {moments}: of each burst, one photo is evidence."]
    return []


def _suspect_sentences(suspects: "Sequence[SuspectPair]") -> list[str]:
    """Return the pairs whose labels the others contradict; results/mislabels.md has how many of them are wrong."""
    if not suspects:
        return []
    shown = [f"{pair.left} and {pair.right} ({'same' if pair.same else 'different'})" for pair in suspects]
    more = f"; and {len(shown) - _MOST_SUSPECTS} more" if len(shown) > _MOST_SUSPECTS else ""
    whose = "a label that the other pairs contradict" if len(shown) == 1 else "labels that the other pairs contradict"
    return [f"Look again at {whose}: {'; '.join(shown[:_MOST_SUSPECTS])}{more}."]


def usefulness_sentence(use: "Usefulness") -> str:
    """Return what a prompt is good for, in words."""
    if use.rank1 < UNUSABLE:
        verdict = "not usable for this category"
    elif use.rank1 < USABLE:
        verdict = "of some use: look at the first few answers, not at the first alone"
    else:
        verdict = "usable"
    curve = {
        True: "; more pairs will help, by the learning curve",
        False: "; more pairs will not help, by the learning curve",
        None: "",
    }[use.more_pairs_help]
    return (
        f"On individuals held out of the pairs it finds the right one first for {100 * use.rank1:.0f} of 100 photos, "
        f"among {use.individuals} individuals (mAP {100 * use.map:.0f} %): {verdict}{curve}."
    )
