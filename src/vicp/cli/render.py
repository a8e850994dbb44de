"""Results as lines for people; what is printed with --json is the result itself."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vicp.decisions.outcome import Identification, IdentificationReport, Verification
    from vicp.gallery.cluster import ClusterProposal, GroupedPhoto

UNKNOWN_CATEGORY = "unknown"
_MOST_GROUPS, _MOST_PHOTOS = 20, 4


def report_lines(report: "IdentificationReport") -> list[str]:
    """Return who each photo shows, and what was left out."""
    lines = [line for identification in report.identifications for line in identification_lines(identification)]
    return lines + ([f"Left out {report.skipped} photos that cannot be used."] if report.skipped else [])


def identification_lines(identification: "Identification") -> list[str]:
    """Return the verdict on a photo, and a line for each candidate."""
    where = f" (looks like a {identification.category})" if _is_routed(identification) else ""
    lines = [f"{identification.photo}{where}: {identification.sentence}"]
    for rank, c in enumerate(identification.candidates, start=1):
        probability = "" if c.probability is None else f"P = {c.probability:.2f}, "
        lines.append(f"  {rank}. {c.identity}  {probability}similarity {c.similarity:.3f}  ({c.photo})")
    return lines


def verification_lines(verification: "Verification") -> list[str]:
    """Return the verdict on two photos, what the in-context verifier says, and where taught pairs separate."""
    similarity, category = verification.similarity, verification.category
    where = f" (looks like a {category})" if verification.routed else ""
    lines = [f"{verification.sentence[0].upper()}{verification.sentence[1:]}{where}."]
    if verification.verifier_probability is None:
        lines.append(f"Similarity {similarity:.3f}.")
    elif verification.labels_predictable is False:
        lines.append(
            f"Similarity {similarity:.3f}. What the model reads in context is left out: of the pairs taught for "
            f"'{category}' it did not predict clearly more labels than one answer for all does."
        )
    else:
        answer = "the same individual" if verification.verifier_probability >= 0.5 else "different individuals"
        lines.append(
            f"In context probably {answer}: P(same) = {verification.verifier_probability:.2f} by the pairs taught for "
            f"'{category}' (not calibrated), similarity {similarity:.3f}."
        )
    if verification.separating_similarity is not None and verification.separating_accuracy is not None:
        side = "above" if similarity > verification.separating_similarity else "not above"
        lines.append(
            f"That is {side} {verification.separating_similarity:.3f}, which told "
            f"{verification.separating_accuracy:.0%} of the pairs taught for '{category}' apart when they were held "
            "out."
        )
    return lines


def cluster_lines(proposal: "ClusterProposal", out: Path | None) -> list[str]:
    """Return the groups of a proposal, and where it was written; or that nothing can be grouped."""
    num_photos = len(proposal.photos)
    if not proposal.groups:
        some = "the one photo" if num_photos == 1 else f"none of the {num_photos} photos"
        return [
            f"Nothing can be grouped: {some} without a name is close enough to another or to a known individual, "
            f"by {proposal.criterion}.",
            "Teach the category with more pairs, or name photos with `vicp gallery new`. Nothing is changed.",
        ]
    groups: dict[tuple[str, str], list[GroupedPhoto]] = {}
    for photo in proposal.photos:
        groups.setdefault((photo.identity, photo.category), []).append(photo)
    shown = [one for one in groups.items() if len(one[1]) > 1 or one[1][0].known]
    shown.sort(key=lambda one: -len(one[1]))
    lines = [_cluster_summary(proposal, num_photos - proposal.alone)]
    for (identity, category), photos in shown[:_MOST_GROUPS]:
        more = ", ..." if len(photos) > _MOST_PHOTOS else ""
        sources = ", ".join(Path(photo.source).name for photo in photos[:_MOST_PHOTOS]) + more
        count = "1 photo" if len(photos) == 1 else f"{len(photos)} photos"
        confidence = photos[0].confidence
        stated = "" if confidence is None else f", confidence {confidence:.2f}"
        lines.append(f"  {identity} ({category}): {count}{stated} ({sources})")
    if len(shown) > _MOST_GROUPS:
        lines.append(f"  and {len(shown) - _MOST_GROUPS} more")
    if proposal.alone:
        one = proposal.alone == 1
        count, whom = ("1 photo stands", "it shows") if one else (f"{proposal.alone} photos stand", "they show")
        lines.append(f"{count} alone: nothing says whom {whom}.")
    lines.append("Nothing is changed.")
    if out is not None:
        lines.append(f"{out} holds the proposal: correct it, then `vicp gallery split GALLERY --from {out}`.")
    return lines


def _cluster_summary(proposal: "ClusterProposal", num_grouped: int) -> str:
    """Return how many groups there are, and how many of them should show one individual."""
    groups = {(photo.identity, photo.category): photo.confidence for photo in proposal.photos}
    confidences = [confidence for confidence in groups.values() if confidence is not None]
    noun = "1 group" if proposal.groups == 1 else f"{proposal.groups} groups"
    pure = f"; about {sum(confidences):.0f} of them should be right" if confidences and proposal.groups > 1 else ""
    return f"{num_grouped} photos without a name are in {noun}, by {proposal.criterion}{pure}."


def _is_routed(identification: "Identification") -> bool:
    return identification.routed and identification.category != UNKNOWN_CATEGORY
