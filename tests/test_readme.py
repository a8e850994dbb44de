"""The README's tables are those that results/context.json gives, and its prose quotes what results/ holds."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.readme import tables
from vicp.data.procedural.world import world_photos

ROOT = Path(__file__).parent.parent
CARD = ROOT / "src" / "vicp" / "checkpoints" / "mini" / "README.md"


def results(name: str) -> Any:
    return json.loads((ROOT / "results" / f"{name}.json").read_text())


def test_the_tables_are_what_was_measured():
    facts = results("context")
    readme = (ROOT / "README.md").read_text()
    assert tables.with_tables(readme, facts) == readme, "run `python -m benchmarks.readme.tables`"
    own = facts["A"]["own"]["by_K"]["16"]
    assert f"| the category's own pairs | {own['map']:.1f} (" in readme
    assert set(facts["real"]) <= {line.split(" | ")[0].strip("| *") for line in readme.splitlines()}, "every set"


@pytest.mark.parametrize("k", ["64"])
def test_the_real_table_shows_whitening(k: str):
    facts = results("context")
    title = f"whitening (`metric`), identities of {k} pairs"
    header, _, *rows = [line.strip("| ").split(" | ") for line in tables.real_table(facts).splitlines()]
    column = header.index(title)
    for row in rows:
        measured = facts["real"][row[0].removesuffix(" *")]["metric"]["by_K"][k]
        assert row[column].startswith(f"{measured['map']:.1f} (")
    del facts["real"]["lion"]["metric"]
    rows = [line.strip("| ").split(" | ") for line in tables.real_table(facts).splitlines()]
    assert {row[0]: row[column] for row in rows}["lion"] == "–"


@pytest.mark.parametrize("page", [ROOT / "README.md", CARD], ids=["README", "model card"])
def test_the_prose_quotes_what_was_measured(page: Path):
    text = " ".join(page.read_text().split())
    facts = results("context")["A"]
    at = {name: row["by_K"].get("16", row["by_K"].get("0"))["map"] for name, row in facts.items()}
    layout = {name: results("ablations/generator")["rows"][-1][name]["mean"] for name in ("own", "shuffled", "frozen")}
    assert f"from {at['frozen']:.1f} to {at['prompt']:.1f} by prompt tokens alone" in text
    assert f"with the labels shuffled it is {at['prompt_shuffled']:.1f}" in text
    assert f"with another category's pairs {at['prompt_other']:.1f}" in text
    for name in layout:
        assert f"{layout[name]:.1f}" in text.split("conditions on nothing")[1][:120], name


def test_what_is_said_of_the_backbone_is_so():
    facts, text = results("backbone"), " ".join((ROOT / "README.md").read_text().split())
    first, taught = facts["mean"]["rank1_unseen"], facts["teacher"]["mean"]["rank1_unseen"]
    assert f"first for {first:.0f} % of photos" in text
    assert f"where the network that taught it does for {taught:.0f} %" in text


def test_what_is_said_of_real_photos_is_so():
    """Each gain that the sentences name, set by set, with its sign."""
    unseen = {name: rows for name, rows in results("context")["real"].items() if not rows["seen_in_training"]}
    text = " ".join((ROOT / "README.md").read_text().split())
    for name, rows in unseen.items():
        frozen, chosen, whitened, prompt = (
            rows[method]["by_K"]["64"]["map"] for method in ("frozen", "chosen_identities", "metric", "prompt")
        )
        assert f"{name} {chosen - frozen:+.1f}".replace("-", "−") in text, "chosen"
        assert f"{name} {prompt - frozen:+.1f}".replace("-", "−") in text, "prompt tokens"
        assert f"{name} {whitened - frozen:+.1f}".replace("-", "−") in text, "whitening"


def test_the_python_block_prints_what_the_readme_says(tmp_path: Path):
    """On drawn objects; figures may differ in their digits from one processor to the next."""
    frame = world_photos(num_categories=1, num_identities=24, photos_per_identity=4, size=64, seed=0)
    for number, (_, photos) in enumerate(frame.groupby("identity", sort=True)):
        name = "tom" if number == 0 else f"cat{number}"
        for shot, image in enumerate(photos["image"]):
            file = tmp_path / "photos" / name / f"{shot}.png" if shot < 3 else tmp_path / "new.png"
            if shot < 3 or name == "tom":
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(image)
    readme = (ROOT / "README.md").read_text()
    blocks = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", readme, re.S)
    assert blocks is not None
    program, printed = blocks.groups()
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    figures = re.compile(r"[\d.]+(?= %| to)|\d+\.\d+")
    assert figures.sub("P", result.stdout) == figures.sub("P", printed)
