"""Results as lines for people; what is printed with --json is the result itself."""

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from vicp.decisions.sentences import basis_sentence, percent, range_in_words
from vicp.phrases import are, counted

if TYPE_CHECKING:
    from vicp.decisions.outcome import Identification, IdentificationReport, Verification
    from vicp.gallery.recognition.cluster_proposal import ClusterProposal, GroupedPhoto

UNKNOWN_CATEGORY = "unknown"
WIDTH = 80
_UNBROKEN = "\ue000"  # stands for a blank at which no line ends
_MOST_GROUPS, _MOST_PHOTOS = 20, 4


def report_lines(report: "IdentificationReport") -> list[str]:
    """Return who each photo shows, what the answers rest on, and what was left out."""
    lines = [line for identification in report.identifications for line in identification_lines(identification)]
    lines += _footing_lines(report)
    return lines + ([f"Left out {counted(report.skipped, 'photo')} that cannot be used."] if report.skipped else [])


def identification_lines(identification: "Identification") -> list[str]:
    """Return what is believed of a photo, a line for each candidate and somebody new, and a promise that holds."""
    where = f" (looks like a {identification.category})" if _is_routed(identification) else ""
    lines = wrapped(f"{identification.photo}{where}: {identification.sentence}")
    width = max((len(c.identity) for c in identification.candidates), default=0)
    for rank, c in enumerate(identification.candidates, start=1):
        said = f"{percent(c.probability)} ({range_in_words(c.probability_range)})"
        lines.append(f"  {rank}. {c.identity:<{width}}  {said}, similarity {c.similarity:.3f}")
        lines.append(f"     {c.photo}")
    if identification.candidates and identification.probability_new is not None:
        said = percent(identification.probability_new)
        lines.append(f"  somebody new: {said}, {percent(identification.prior_new)} beforehand (--prior-new)")
    if identification.candidates and identification.uncompared:
        known = counted(identification.uncompared, "individual")
        said = percent(identification.probability_uncompared)
        lines.append(f"  {known} known by the other side alone, not compared: {said}")
    return lines + (wrapped(identification.promise, "  ") if identification.promised else [])


def verification_lines(verification: "Verification") -> list[str]:
    """Return what is believed of two photos, what it rests on, and what is promised."""
    where = f" (looks like a {verification.category})" if verification.routed else ""
    sentence = f"{verification.sentence[0].upper()}{verification.sentence[1:]}{where}."
    if verification.promise == "":  # of two sides: nothing was compared
        return wrapped(sentence)
    prior = "at even odds" if verification.prior_new == 0.5 else f"{percent(verification.prior_new)} different"
    lines = wrapped(f"{sentence} Similarity {verification.similarity:.3f}; {prior} beforehand (--prior-new).")
    if verification.basis is not None:
        lines += wrapped(basis_sentence(verification.basis))
    return lines + wrapped(verification.promise)


def wrapped(text: str, indent: str = "") -> list[str]:
    """Return a text in lines of at most 80 columns, its words and commands whole and no number without its "%"."""
    lines = textwrap.wrap(
        re.sub("`[^`]*`| %", lambda kept: kept[0].replace(" ", _UNBROKEN), text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_UNBROKEN, " ") for line in lines]


def fitted(line: str) -> list[str]:
    """Return a line as it is where it fits 80 columns, and else broken, what follows indented two more."""
    if len(line) <= WIDTH:
        return [line]
    bare = line.lstrip(" ")
    return wrapped(bare, line[: len(line) - len(bare)])


def _footing_lines(report: "IdentificationReport") -> list[str]:
    """Return what the answers rest on, and what it takes to promise more; each sentence once."""
    asked = [one for one in report.identifications if one.basis is not None]
    sentences = [basis_sentence(one.basis) for one in asked if one.basis is not None]
    sentences += [one.promise for one in asked if not one.promised]
    return [line for sentence in dict.fromkeys(sentences) for line in wrapped(sentence)]


def cluster_lines(proposal: "ClusterProposal") -> list[str]:
    """Return the groups of a proposal; or that nothing can be grouped."""
    num_photos = len(proposal.photos)
    if not proposal.groups:
        some = "the one photo" if num_photos == 1 else f"none of the {num_photos} photos"
        return [
            *wrapped(
                f"Nothing can be grouped: {some} without a name is close enough to another or to a known individual, "
                f"by {proposal.criterion}."
            ),
            *wrapped("Teach the category with more pairs, or name photos with `vicp gallery new`. Nothing is changed."),
        ]
    groups: dict[tuple[str, str], list[GroupedPhoto]] = {}
    for photo in proposal.photos:
        groups.setdefault((photo.identity, photo.category), []).append(photo)
    shown = [one for one in groups.items() if len(one[1]) > 1 or one[1][0].known]
    shown.sort(key=lambda one: -len(one[1]))
    lines = wrapped(_cluster_summary(proposal, num_photos - proposal.alone))
    for (identity, category), photos in shown[:_MOST_GROUPS]:
        more = ", ..." if len(photos) > _MOST_PHOTOS else ""
        sources = ", ".join(Path(photo.source).name for photo in photos[:_MOST_PHOTOS]) + more
        count = counted(len(photos), "photo")
        probability = photos[0].probability
        stated = "" if probability is None else f", {percent(probability)}"
        lines.append(f"  {identity} ({category}): {count}{stated} ({sources})")
    if len(shown) > _MOST_GROUPS:
        lines.append(f"  and {len(shown) - _MOST_GROUPS} more")
    if proposal.alone:
        one = proposal.alone == 1
        count, whom = ("1 photo stands", "it shows") if one else (f"{proposal.alone} photos stand", "they show")
        lines.append(f"{count} alone: nothing says whom {whom}.")
    lines.append("Nothing is changed.")
    return lines


def _cluster_summary(proposal: "ClusterProposal", num_grouped: int) -> str:
    """Return how many groups there are, and how many of them should show one individual."""
    groups = {(photo.identity, photo.category): photo.probability for photo in proposal.photos}
    stated = [probability for probability in groups.values() if probability is not None]
    pure = f"; about {sum(stated):.0f} of them should be right" if stated and proposal.groups > 1 else ""
    photos = f"{counted(num_grouped, 'photo')} without a name {are(num_grouped)}"
    return f"{photos} in {counted(proposal.groups, 'group')}, by {proposal.criterion}{pure}."


def _is_routed(identification: "Identification") -> bool:
    return identification.routed and identification.category != UNKNOWN_CATEGORY
