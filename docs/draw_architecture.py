"""Draw which package of `src/vicp` imports which, and put the diagram into CONTRIBUTING.md: `make docs`."""

import ast
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "vicp"
PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- architecture -->\n", "<!-- end -->"


def imported_parts(file: Path) -> set[str]:
    """Return the parts of vicp, packages and single modules, that a file imports at its top or in a function."""
    parts: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "vicp":
            modules = [f"vicp.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            continue
        parts |= {module.split(".")[1] for module in modules if module.startswith("vicp.")}
    return parts


def import_graph(source: Path = SOURCE) -> dict[str, set[str]]:
    """Return part -> the parts that it imports; `__init__.py` and `__main__.py` of vicp itself are left out."""
    graph: dict[str, set[str]] = {}
    for file in sorted(source.rglob("*.py")):
        part = file.relative_to(source).with_suffix("").parts[0]
        if not part.startswith("_"):
            graph.setdefault(part, set()).update(imported_parts(file) - {part})
    return {part: targets & graph.keys() for part, targets in graph.items()}


def direct_only(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the graph without arrows that a longer way makes already (the transitive reduction)."""

    def reachable(part: str) -> set[str]:
        return set().union(*({target} | reachable(target) for target in graph[part]))

    return {
        part: {target for target in targets if not any(target in reachable(other) for other in targets)}
        for part, targets in graph.items()
    }


def draw(graph: Mapping[str, set[str]]) -> str:
    """Return the graph as a Mermaid block, which GitHub shows as a picture."""
    arrows = [f"    {part} --> {target}" for part in sorted(graph) for target in sorted(graph[part])]
    return "\n".join(["```mermaid", "graph TD", *arrows, "```", ""])


def with_diagram(page: str) -> str:
    """Return the page with the diagram of the present imports between its marks."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + draw(direct_only(import_graph())) + END + rest.split(END, 1)[1]


if __name__ == "__main__":
    PAGE.write_text(with_diagram(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
