"""The README's tables are those that results/context.json gives."""

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_the_tables_are_what_was_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    program = importlib.import_module("readme_table")
    facts = json.loads((ROOT / "results" / "context.json").read_text())
    readme = (ROOT / "README.md").read_text()
    assert program.with_tables(readme, facts) == readme, "run `python benchmarks/readme_table.py`"
    own = facts["A"]["own"]["by_K"]["16"]
    assert f"| the category's own pairs | {own['map']:.1f} (" in readme
    assert set(facts["real"]) <= {line.split(" | ")[0].strip("| *") for line in readme.splitlines()}, "every set"
