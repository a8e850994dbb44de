"""What is in a gallery, in numbers; and its log."""

from dataclasses import dataclass
from typing import Any

from vicp.gallery.contents import gallery_categories, photos
from vicp.gallery.store.database import local_folder
from vicp.gallery.store.journal import Operation, operations
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import PAIRS


@dataclass(frozen=True)
class CategoryStats:
    """One category in numbers."""

    category: str
    photos: int
    identities: int
    unnamed: int
    embedded: int
    method: str
    space: str


@dataclass(frozen=True)
class Stats:
    """A gallery in numbers.

    Attributes:
        uri: where it is.
        categories: each one.
        pairs: labelled pairs.
        operations: commands that made it.
        megabytes: on disk, all versions together; None in object storage.
        model: what its photos are embedded with.
    """

    uri: str
    categories: tuple[CategoryStats, ...]
    pairs: int
    operations: int
    megabytes: float | None
    model: str

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {**self.__dict__, "categories": [category.__dict__ for category in self.categories]}

    def lines(self) -> list[str]:
        """The facts, for people."""
        disk = "" if self.megabytes is None else f", {self.megabytes:.1f} MB with all versions"
        lines = [f"{self.uri}: embedded with {self.model}, {self.operations} operations in the log{disk}."]
        for c in self.categories:
            unnamed = f", {c.unnamed} photos without a name" if c.unnamed else ""
            lines.append(f"  {c.category}: {c.photos} photos of {c.identities} individuals{unnamed}; {c.method}")
            if c.embedded != c.photos:
                lines.append(f"    {c.photos - c.embedded} of them are not embedded: `vicp gallery reindex`")
        if not self.categories:
            lines.append("  empty: `vicp gallery enroll` adds photos")
        return lines + ([f"  {self.pairs} labelled pairs"] if self.pairs else [])


def gallery_stats(snapshot: Snapshot) -> Stats:
    """Counts what is there."""
    frame = photos(snapshot, ("category", "identity"))
    rows = []
    for name, prompted in gallery_categories(snapshot).items():
        own = frame[frame["category"] == name]
        rows.append(
            CategoryStats(
                category=name,
                photos=len(own),
                identities=int(own["identity"].nunique()),
                unnamed=int(own["identity"].isna().sum()),
                embedded=snapshot.count(prompted.table),
                method=prompted.method,
                space=prompted.space,
            )
        )
    settings = snapshot.settings
    model = str(settings.get("backbone") or settings.get("model") or "mini")
    folder = local_folder(snapshot.uri)
    size = None if folder is None else sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6
    done = len(operations(snapshot.entries))
    return Stats(snapshot.uri, tuple(rows), snapshot.count(PAIRS), done, size, model)


def log_lines(snapshot: Snapshot) -> list[str]:
    """The log, newest first; the state that is shown is marked."""
    shown = snapshot.entries[snapshot.head.state - 1].operation
    return [_line(operation, shown == operation.number) for operation in reversed(operations(snapshot.entries))]


def log_summary(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The log for JSON, oldest first."""
    return [
        {
            "operation": operation.number,
            "command": operation.last.command,
            "summary": operation.last.summary,
            "by": operation.last.by,
            "at": operation.last.at.isoformat(),
            "why": operation.last.why,
            "steps": operation.entries,
            "versions": operation.last.versions,
        }
        for operation in operations(snapshot.entries)
    ]


def _line(operation: Operation, shown: bool) -> str:
    last = operation.last
    steps = f" [{operation.entries} steps, the last:]" if operation.entries > 1 else ""
    why = f" — {last.why}" if last.why else ""
    when = last.at.strftime("%Y-%m-%d %H:%M")
    return (
        f"{'*' if shown else ' '} {operation.number:>4}  {when}  {last.by}  {last.command}{steps}: {last.summary}{why}"
    )
