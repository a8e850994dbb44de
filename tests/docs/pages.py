"""The pages that people write, and what stands in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRITTEN_BY_PROGRAMS = ("cli.md", "python.md", "rest.md")
PAGES = [
    ROOT / "README.md",
    ROOT / "examples" / "README.md",
    *sorted(page for page in (ROOT / "docs").glob("*.md") if page.name not in WRITTEN_BY_PROGRAMS),
]


def blocks(page: Path, *languages: str) -> list[str]:
    """The code blocks of a page in these languages, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.S | re.M)
    return [body for language, body in found if language in languages]


def same_but_for_figures(printed: str, written: str) -> bool:
    """Whether a text is what a page says, up to the digits of figures; a line `...` stands for any lines."""
    figures = re.compile(r"\d+(?:\.\d+)?(?= %| to|\b(?=\)))|\d+\.\d+|under 1(?= %)|over 99(?= %)")
    parts = [re.escape(figures.sub("P", part)) for part in re.split(r"^\.\.\.\n?", written, flags=re.M)]
    return re.fullmatch(r"(?:.*\n)*".join(parts), figures.sub("P", printed)) is not None
