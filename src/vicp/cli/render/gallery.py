"""Results of commands on a gallery or on labelled pairs, as lines for people."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vicp.cli.render.answers import identification_lines
from vicp.phrases import counted

if TYPE_CHECKING:
    from vicp.gallery.enrollment.enroll import EnrollResult
    from vicp.gallery.enrollment.new_identity import NewIdentityResult
    from vicp.gallery.enrollment.reindex import ReindexResult
    from vicp.gallery.export.camtrap_fill import FillResult
    from vicp.gallery.export.captures import CaptureHistories
    from vicp.gallery.export.wildbook import WildbookExport
    from vicp.gallery.labelling.labels import LabelResult
    from vicp.gallery.labelling.pair_files import AddPairsResult
    from vicp.gallery.labelling.proposals import PairProposals
    from vicp.gallery.stats import GalleryStats
    from vicp.gallery.store.compaction import Compaction
    from vicp.gallery.store.journal import LogEntry

_MOST_NAMES = 5


def enroll_lines(result: "EnrollResult") -> list[str]:
    """Return what an enrolment did."""
    photos, identities = counted(result.added, "photo"), counted(result.identities, "new identity", "new identities")
    lines = [*result.index, *result.questions, f"Enrolled {photos}, {identities}."]
    if result.known:
        named = f"; {result.named} of them had no name and have one now" if result.named else ""
        were = "photo was" if result.known == 1 else "photos were"
        lines.append(f"{result.known} {were} there already, equal in every pixel{named}.")
    if others := result.other_names:
        listed = "; ".join(others[:_MOST_NAMES])
        lines.append(f"{len(others)} of them under another name, which they keep: {listed}.")
    if near := result.near_names:
        listed = "; ".join(near[:_MOST_NAMES])
        lines.append(f"{len(near)} of the new ones nearly equal a photo of another name, perhaps wrongly: {listed}.")
    if result.near:
        lines.append(f"{result.near} of the new ones nearly equal a photo of the same name, as frames of a burst do.")
    if result.bad:
        lines.append(f"Left out {counted(len(result.bad), 'photo')} that cannot be used.")
    return lines


def fill_lines(result: "FillResult") -> list[str]:
    """Return what became of the animals of a Camtrap DP package."""
    promised = f", of which {result.promised} with a promised error rate" if result.promised else ""
    individuals = counted(result.individuals, "individual")
    lines = [f"{result.out}: {counted(result.filled, 'observation')} of {individuals} filled in{promised}."]
    rest = [(result.named, "had an individual"), (result.new, "show somebody new"), (result.unsure, "cannot be told")]
    said = [f"{count} {what}" for count, what in rest if count]
    if said:
        lines.append(f"Left as they were: {', '.join(said)}.")
    if result.skipped:
        lines.append(f"Left out {counted(result.skipped, 'photo')} that cannot be used.")
    return lines


def capture_lines(histories: "CaptureHistories") -> list[str]:
    """Return what the capture histories hold, what is promised of the names, and the warning."""
    first, last = histories.occasions[0], histories.occasions[-1]
    occasions = counted(len(histories.occasions), "occasion")
    lines = [
        f"{histories.out}: {counted(histories.individuals, 'individual')} ({histories.category}) on {occasions}, "
        f"{first} to {last}; {counted(histories.sightings, 'sighting')}."
    ]
    counts = {"without a day": histories.undated, "on no occasion": histories.outside, "unnamed": histories.unnamed}
    left = [f"{count} {what}" for what, count in counts.items() if count]
    if left:
        lines.append(f"Photos left out: {', '.join(left)}.")
    return [*lines, *histories.promises, histories.warning]


def wildbook_lines(sheets: "WildbookExport", out: Path) -> list[str]:
    """Return what the sheets for Wildbook hold."""
    lines = [f"{out} holds {counted(sheets.rows, 'encounter')} in {', '.join(sheets.sheets)}, and the photos."]
    if sheets.nameless:
        lines.append(f"{sheets.nameless} of them have no individual.")
    if sheets.undated:
        lines.append(f"Left out {counted(sheets.undated, 'photo')} without a day, which Wildbook needs.")
    return lines


def new_identity_lines(result: "NewIdentityResult") -> list[str]:
    """Return whom the gallery took each photo for, and what the individual is called now."""
    lines = [line for one in result.identifications for line in identification_lines(one)[:2]]
    enrolled = f"Enrolled {counted(result.added, 'photo')} as {result.identity} ({result.category})."
    return [*lines, *result.questions, enrolled]


def reindex_lines(result: "ReindexResult") -> list[str]:
    """Return how many photos were embedded anew."""
    if not result.embedded:
        return ["Nothing is stale: every photo is embedded with the model and prompt of its category."]
    earlier = {name: f" ({count} more by an earlier run)" for name, count in result.embedded_before.items() if count}
    return [
        f"{name}: {counted(count, 'photo')} embedded anew{earlier.get(name, '')}."
        for name, count in result.embedded.items()
    ]


def change_lines(uri: str, entry: "LogEntry") -> list[str]:
    """Return what a change did to a gallery."""
    undo = " `vicp gallery undo` brings them back." if entry.command == "remove" else ""
    return [f"{uri}: {entry.command}: {entry.summary}.{undo}"]


def label_lines(result: "LabelResult") -> list[str]:
    """Return how many labelled pairs a gallery has got."""
    return [
        f"{counted(result.added, 'pair')} added, {result.known} were there.",
        f"{counted(result.total, 'labelled pair')} now: {result.same} same, {result.total - result.same} different.",
    ]


def stats_lines(stats: "GalleryStats") -> list[str]:
    """Return what is in a gallery."""
    disk = "" if stats.megabytes is None else f", {stats.megabytes:.1f} MB with all versions"
    lines = [f"{stats.uri}: embedded with {stats.model}, {counted(stats.operations, 'operation')} in the log{disk}."]
    for c in stats.categories:
        unnamed = f", {counted(c.unnamed, 'photo')} without a name" if c.unnamed else ""
        of = f"{counted(c.photos, 'photo')} of {counted(c.identities, 'individual')}"
        lines.append(f"  {c.category}: {of}{unnamed}; {c.method}")
        if c.embedded != c.photos:
            lines.append(f"    {c.photos - c.embedded} of them are not embedded: `vicp gallery reindex`")
    if not stats.categories:
        lines.append("  empty: `vicp gallery enroll` adds photos")
    return lines + ([f"  {counted(stats.pairs, 'labelled pair')}"] if stats.pairs else [])


def compaction_lines(gallery: str, result: "Compaction") -> list[str]:
    """Return what a compaction freed, and what it could not free yet."""
    before = f"{result.megabytes_before:.1f} MB in {result.files_before:,} files before"
    undo = counted(result.undo_depth, "change")
    lines = [f"{gallery}: {result.megabytes:.1f} MB in {result.files:,} files, {before}; {undo} can be undone at most."]
    if result.kept_for_readers:
        states = counted(result.kept_for_readers, "further state")
        lines.append(f"  {states} of the last ten minutes stay for whoever reads them: later, compact again")
    return lines


def log_lines(entries: "list[LogEntry]") -> list[str]:
    """Return the log, newest first; * marks the state that is shown."""
    return [_log_line(entry) for entry in reversed(entries)]


def _log_line(entry: "LogEntry") -> str:
    steps = f" [{entry.steps} steps, the last:]" if entry.steps > 1 else ""
    reason = f" — {entry.reason}" if entry.reason else ""
    at = datetime.fromisoformat(entry.at).strftime("%Y-%m-%d %H:%M")
    mark = "*" if entry.shown else " "
    return f"{mark} {entry.operation:>4}  {at}  {entry.author}  {entry.command}{steps}: {entry.summary}{reason}"


def proposal_lines(proposals: "PairProposals") -> list[str]:
    """Return the pairs that are worth a label."""
    lines = [f"{p.left}  {p.right}  ({p.why}, similarity {p.similarity:.3f})" for p in proposals.pairs]
    pairs, photos = counted(len(lines), "pair"), counted(proposals.photos, "photo")
    return [*lines, f"{pairs} of {photos}; {proposals.labelled} are labelled.", *proposals.notes]


def add_pairs_lines(result: "AddPairsResult", target: Path) -> list[str]:
    """Return what became of the rows of a file of labels."""
    rest = [f"{result.known} were there already"] if result.known else []
    rest += [f"{result.unlabelled} have no label yet"] if result.unlabelled else []
    rest += [f"{result.bad} cannot be used and were left out"] if result.bad else []
    return [
        f"Added {counted(result.new, 'pair')}" + (f"; {', '.join(rest)}" if rest else "") + ".",
        f"{counted(result.total, 'pair')} now: {result.same} same, {result.total - result.same} different.",
        f"{target} holds them.",
    ]
