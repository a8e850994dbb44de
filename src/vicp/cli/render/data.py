"""Results of commands on photo tables, as lines for people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vicp.phrases import counted

if TYPE_CHECKING:
    from vicp.data.audit.check import CheckReport, GroupCounts
    from vicp.data.audit.leaks import Leaks
    from vicp.data.split import SplitReport

_MAX_LISTED = 20


def check_lines(report: "CheckReport") -> list[str]:
    """Return what a source of photos holds, and what is wrong with it."""
    lines = [counted(report.photos, "photo")]
    lines += [f"  {_counts_line(counts)}" for counts in report.categories]
    lines += [f"  split {_counts_line(counts)}" for counts in report.splits]
    if report.warning:
        lines.append(report.warning)
    if report.dates:
        lines.append(f"{report.dates}. Splits by time need dates that can be read.")
    num_usable = report.photos - len(report.bad)
    if report.moments < num_usable:
        lines.append(
            f"{num_usable} photos are of {counted(report.moments, 'moment')}: near-equal frames, photos of one "
            "sequence and photos less than a minute apart are one piece of evidence"
        )
    lines += leak_lines(report.leaks)
    remarks = [f"row {each.row} ({each.path}): {each.remark}" for each in report.remarks]
    lines += _listed(f"Look again at {counted(len(remarks), 'photo')}:", remarks, len(remarks))
    if not report.bad:
        return [*lines, "Every photo can be used."]
    lines.append(f"{counted(len(report.bad), 'photo')} cannot be used:")
    return lines + [f"  row {photo.row} ({photo.path}): {photo.reason}" for photo in report.bad]


def leak_lines(leaks: "Leaks") -> list[str]:
    """Return what splits and labels share but should not, the first twenty of each kind by name."""
    error = "an error: numbers measured on these splits would be too good"
    pairs = {
        why: [f"{leak.a} and {leak.b} ({leak.kind})" for leak in leaks.photos if leak.why == why]
        for why in ("splits", "identities")
    }
    return [
        *leaks.notes,
        *_listed(
            f"Identities in splits that should share none: {len(leaks.identities)} ({error})",
            [f"{leak.identity}: {', '.join(leak.splits)}" for leak in leaks.identities],
            len(leaks.identities),
        ),
        *_listed(
            f"Pairs of equal or near-equal photos in two splits: {leaks.in_two_splits} ({error})",
            pairs["splits"],
            leaks.in_two_splits,
        ),
        *_listed(
            f"Pairs of equal or near-equal photos under two identities: {leaks.two_identities} "
            "(a warning: probably a wrong label)",
            pairs["identities"],
            leaks.two_identities,
        ),
        *_listed(
            f"Other pairs of equal or near-equal photos: {leaks.duplicates}; in one gallery they find each other, so "
            "`vicp evaluate` leaves them out",
            [],
            leaks.duplicates,
        ),
    ]


def split_lines(report: "SplitReport") -> list[str]:
    """Return how many photos and identities each split and fold has."""
    lines = [f"{counted(report.photos, 'photo')} split by {report.by}"]
    for part in report.splits:
        lines.append(f"  {part.name or 'none'}: {_of_identities(part.photos, part.identities)}")
    for part in report.folds:
        counts = _of_identities(part.photos, part.identities)
        lines.append(f"  fold {part.name}: {counts} ({', '.join(part.categories)})")
    return [*lines, *report.notes]


def _of_identities(photos: int, identities: int) -> str:
    return f"{counted(photos, 'photo')} of {counted(identities, 'identity', 'identities')}"


def _counts_line(counts: "GroupCounts") -> str:
    if not counts.identities:
        return f"{counts.name}: {counted(counts.photos, 'photo')}, identities unknown"
    return (
        f"{counts.name}: {counted(counts.photos, 'photo')} of {counts.identities} identities, "
        f"{counts.min_photos} to {counts.max_photos} each (median {counts.median_photos:g})"
    )


def _listed(title: str, rows: Sequence[str], total: int) -> list[str]:
    """Return the title and the first rows under it; nothing if the total is 0."""
    if total == 0:
        return []
    more = [f"  and {total - _MAX_LISTED} more"] if rows and total > _MAX_LISTED else []
    return [title, *(f"  {row}" for row in rows[:_MAX_LISTED]), *more]
