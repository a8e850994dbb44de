"""The tables of README and docs/trust.md are those of results/context.json, and prose quotes what was measured."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.readme import tables

ROOT = Path(__file__).parent.parent
TRUST = ROOT / "docs" / "trust.md"
CARD = ROOT / "src" / "vicp" / "checkpoints" / "mini" / "README.md"


def results(name: str) -> Any:
    return json.loads((ROOT / "results" / f"{name}.json").read_text())


def test_the_tables_are_what_was_measured():
    facts = results("context")
    for name, made in tables.PAGES.items():
        page = (ROOT / name).read_text()
        assert tables.with_tables(page, facts, made) == page, "run `python -m benchmarks.readme.tables`"
    own = facts["A"]["own"]["by_K"]["16"]
    trust, readme = (ROOT / "docs" / "trust.md").read_text(), (ROOT / "README.md").read_text()
    assert f"| the category's own pairs | {own['map']:.1f} (" in trust
    assert set(facts["real"]) <= {line.split(" | ")[0].strip("| *") for line in trust.splitlines()}, "every set"
    lion = facts["real"]["lion"]
    cells = [f"{lion[method]['by_K']['64']['map']:.1f}" for method in ("frozen", "chosen_identities", "metric")]
    assert f"| lions (lion), 64 pairs | {' | '.join(cells)} |" in readme


def test_a_set_that_training_saw_and_a_method_not_measured_are_left_out_of_the_summary():
    facts = results("context")
    facts["real"]["lion"]["seen_in_training"] = True
    del facts["real"]["zebra_rapid"]["prompt"]
    shown = tables.summary_table(facts)
    assert "lion" not in shown
    assert re.search(r"zebra_rapid.*\| – \|", shown)


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


@pytest.mark.parametrize("page", [TRUST, CARD], ids=["trust.md", "model card"])
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
    facts, text = results("backbone"), " ".join(TRUST.read_text().split())
    first, taught = facts["mean"]["rank1_unseen"], facts["teacher"]["mean"]["rank1_unseen"]
    assert f"first for {first:.0f} % of photos" in text
    assert f"where the network that taught it does for {taught:.0f} %" in text


def test_what_is_said_of_real_photos_is_so():
    """Each gain that the sentences name, set by set, with its sign."""
    unseen = {name: rows for name, rows in results("context")["real"].items() if not rows["seen_in_training"]}
    text = " ".join(TRUST.read_text().split())
    for name, rows in unseen.items():
        frozen, chosen, whitened, prompt = (
            rows[method]["by_K"]["64"]["map"] for method in ("frozen", "chosen_identities", "metric", "prompt")
        )
        assert f"{name} {chosen - frozen:+.1f}".replace("-", "−") in text, "chosen"
        assert f"{name} {prompt - frozen:+.1f}".replace("-", "−") in text, "prompt tokens"
        assert f"{name} {whitened - frozen:+.1f}".replace("-", "−") in text, "whitening"


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 150
