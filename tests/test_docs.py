import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import write_photo
from tests.test_cli import vicp

ROOT = Path(__file__).parent.parent


def test_readme_commands_run(photo_folder: Path, tmp_path: Path) -> None:
    """The README's console block, on a folder of five individuals."""
    shutil.copytree(photo_folder, tmp_path / "photos")
    (tmp_path / "photos" / "red").rename(tmp_path / "photos" / "tom")
    write_photo(tmp_path / "new" / "unknown.jpg", (215, 45, 42), seed=5)
    block = re.search(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert block is not None
    commands = [line.removeprefix("$ vicp ").split() for line in block[1].splitlines()]
    assert len(commands) == 4
    for command in commands:
        result = vicp(*command, cwd=tmp_path)
        assert result.returncode == 0, (command, result.stderr)


@pytest.mark.parametrize(
    ("page", "prints"),
    [
        ("docs/evaluation.md", "1.0 1.0 1.0\n1.0\n"),
        ("docs/gallery.md", "12\nTrue\n['create', 'categories', 'enroll', 'merge', 'undo']\n"),
    ],
)
def test_python_in_the_docs_runs(page: str, prints: str) -> None:
    block = re.search(r"```python\n(.*?)```", (ROOT / page).read_text(), re.S)
    assert block is not None
    result = subprocess.run([sys.executable, "-c", block[1]], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, prints), result.stderr


def test_cli_reference_is_current(tmp_path: Path) -> None:
    made = tmp_path / "cli.md"
    command = [sys.executable, "-m", "typer", "vicp.cli", "utils", "docs", "--name", "vicp", "--output", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    assert made.read_text() == (ROOT / "docs" / "cli.md").read_text(), "run `make docs`"


def test_every_link_in_the_docs_leads_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


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
