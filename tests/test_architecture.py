"""Imports go downwards only and in no circle, `import vicp` is light, and no file is a drawer for odds and ends."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
LEVELS = (
    {"cli"},
    {"service"},
    {"estimators"},
    {"api", "reproduction"},
    {"gallery", "train", "evaluation"},
    {"runtime"},
    {"adapt"},
    {"decisions", "model", "losses", "metrics", "data"},
    {"config_files"},
    {"config", "io", "progress"},
    {"extras", "image_transform", "pretrain_config"},
    {"errors", "phrases"},
)
LEVEL = {part: depth for depth, parts in enumerate(LEVELS) for part in parts}
MODULES = sorted((SOURCE / "vicp").rglob("*.py"))
MOST_MODULES = 16
"""Of one folder; beyond that a package is missing."""


def part_of(module: str) -> str:
    """`vicp.model.build` belongs to `model`."""
    return [*module.split("."), ""][1]


def imported(file: Path, source: str) -> Iterator[str]:
    """Full names of the vicp modules that a file imports, at the top or inside a function."""
    package = file.relative_to(SOURCE).parent.parts
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "vicp")
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*start, *([node.module] if node.module else [])])
            if module == "vicp":  # from vicp import model
                yield from (f"vicp.{alias.name}" for alias in node.names)
            elif module.startswith("vicp."):
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)  # a module, or a name in one


def breaches(file: Path, source: str) -> list[str]:
    relative = file.relative_to(SOURCE).with_suffix("")
    here = part_of(".".join(relative.parts))
    if here not in LEVEL:  # vicp/__init__.py and __main__.py, which may name anything
        return []
    names = set(imported(file, source))
    there = {part_of(name) for name in names} & LEVEL.keys()
    whole = [f"{relative}: {here} imports vicp itself"] if "vicp" in names and here != "cli" else []
    return whole + [f"{relative}: {here} imports {p}" for p in sorted(there) if p != here and LEVEL[p] <= LEVEL[here]]


def test_imports_go_downwards_only() -> None:
    found = [line for file in MODULES for line in breaches(file, file.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    ("file", "source", "is_breach"),
    [
        ("model/build.py", "from vicp.train.loop import train", True),
        ("model/build.py", "import vicp.adapt", True),
        ("model/build.py", "import vicp", True),
        ("cli/__init__.py", "import vicp", False),
        ("model/build.py", "def f():\n    from vicp.losses import icl", True),
        ("model/build.py", "from vicp import data", True),
        ("model/build.py", "from ..data import records", True),
        ("model/build.py", "from .. import data", True),
        ("errors.py", "from .config import RunConfig", True),
        ("gallery/search.py", "from vicp.evaluation import metrics", True),
        ("model/build.py", "from vicp.config import ModelConfig\nfrom .backbone import Backbone", False),
        ("model/build.py", "from vicp.model.backbone import Backbone\nimport torch", False),
        ("cli/__init__.py", "from vicp.gallery import search\nfrom vicp.errors import VICPError", False),
        ("train/loop.py", "from vicp.adapt import tuned\nfrom vicp.model.build import build_model", False),
    ],
)
def test_the_walk_sees_a_breach(file: str, source: str, is_breach: bool) -> None:
    assert bool(breaches(SOURCE / "vicp" / file, source)) is is_breach


def import_graph(sources: Mapping[Path, str]) -> dict[str, set[str]]:
    """Module -> the modules it imports anywhere in its file; `vicp` itself, which may name anything, is left out."""
    names_of = {file: ".".join(file.relative_to(SOURCE).with_suffix("").parts) for file in sources}
    files = {name.removesuffix(".__init__"): file for file, name in names_of.items()}
    names = files.keys() - {"vicp"}
    return {name: set(imported(files[name], sources[files[name]])) & names - {name} for name in names}


def find_cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, the first one again at the end; none where there is no circle."""
    try:
        TopologicalSorter({name: sorted(graph[name]) for name in sorted(graph)}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Inside packages too, and where the import stands in a function."""
    assert find_cycle(import_graph({file: file.read_text(encoding="utf-8") for file in MODULES})) == []


@pytest.mark.parametrize(
    ("sources", "cycle"),
    [
        ({"a.py": "from vicp.model import b", "b.py": "from vicp.model.c import f", "c.py": "import torch"}, set()),
        ({"a.py": "from vicp.model.b import f", "b.py": "from vicp.model.a import g"}, {"a", "b"}),
        ({"a.py": "from vicp.model import b", "b.py": "def f():\n    from .a import g"}, {"a", "b"}),
        ({"a.py": "import vicp.model.b", "b.py": "from . import c", "c.py": "from .a import f"}, {"a", "b", "c"}),
    ],
)
def test_the_walk_sees_a_circle(sources: dict[str, str], cycle: set[str]) -> None:
    graph = import_graph({SOURCE / "vicp" / "model" / name: source for name, source in sources.items()})
    assert set(find_cycle(graph)) == {f"vicp.model.{name}" for name in cycle}


def test_every_part_has_its_level() -> None:
    parts = {part_of(".".join(file.relative_to(SOURCE).with_suffix("").parts)) for file in MODULES}
    assert parts - {"__init__", "__main__", "_version"} <= LEVEL.keys()


@pytest.mark.parametrize("module", ["vicp", "vicp.cli"])
def test_importing_is_light(module: str) -> None:
    script = f"import sys, {module}; print([m for m in ('torch', 'transformers', 'pandas') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_no_folder_is_crowded() -> None:
    modules = Counter(str(file.parent.relative_to(SOURCE)) for file in MODULES if file.name != "__init__.py")
    assert {folder: number for folder, number in modules.items() if number > MOST_MODULES} == {}


def test_no_drawers() -> None:
    drawers = {"utils.py", "helpers.py", "common.py", "misc.py", "tools.py"}
    assert [str(file) for file in MODULES if file.name in drawers] == []
