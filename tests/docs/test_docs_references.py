import re
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_cli_reference_is_current(tmp_path: Path) -> None:
    made = tmp_path / "cli.md"
    command = [sys.executable, "-m", "typer", "vicp.cli", "utils", "docs", "--name", "vicp", "--output", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    assert made.read_text() == (ROOT / "docs" / "cli.md").read_text(), "run `make docs`"


def test_the_diagram_shows_the_imports_there_are() -> None:
    program = runpy.run_path(str(ROOT / "docs" / "draw_architecture.py"))
    page = (ROOT / "CONTRIBUTING.md").read_text()
    assert program["with_diagram"](page) == page, "run `make docs`"
    parts = program["import_graph"]()
    described = set(re.findall(r"^\| `(\w+)(?:/|\.py)` \| [A-Z`].*\. \|$", page, re.M))
    assert parts.keys() <= described


def test_the_diagram_leaves_out_implied_arrows_only() -> None:
    program = runpy.run_path(str(ROOT / "docs" / "draw_architecture.py"))
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert program["direct_only"](graph) == {"a": {"b"}, "b": {"c"}, "c": set()}
    assert program["draw"](program["direct_only"](graph)) == "```mermaid\ngraph TD\n    a --> b\n    b --> c\n```\n"


def test_the_python_page_has_every_public_name_and_argument() -> None:
    import vicp

    program = runpy.run_path(str(ROOT / "docs" / "write_python_page.py"))
    described = {name for names in program["SECTIONS"].values() for name in names}
    assert described | {"__version__"} == set(vicp.__all__)
    assert (ROOT / "docs" / "python.md").read_text() == program["page"](), "run `make docs`"


def test_the_rest_page_is_current() -> None:
    program = runpy.run_path(str(ROOT / "docs" / "write_rest_page.py"))
    assert (ROOT / "docs" / "rest.md").read_text() == program["page"](), "run `make docs`"


def test_the_page_says_which_printed_numbers_there_are() -> None:
    from vicp.evaluation.report.published import read_published
    from vicp.evaluation.results import METRICS
    from vicp.reproduction.rows import DATASETS, ROWS
    from vicp.reproduction.run import PRINTED

    printed = read_published(PRINTED)
    page = (ROOT / "docs" / "reproduce.md").read_text()
    written = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", page[page.index("## Printed numbers") :], re.M)[1:]
    expected = []
    for row in ROWS:
        cells = [row.name]
        for dataset in DATASETS.values():
            own = (printed["method"] == row.name) & (printed["protocol"] == dataset.protocol)
            metrics = [metric for metric in dataset.metrics if metric in set(printed[own]["metric"])]
            every = len(metrics) == len(dataset.metrics)
            cells.append("all" if every else ", ".join(METRICS[metric] for metric in metrics) or "none")
        expected.append(tuple(cells))
    assert written == expected
