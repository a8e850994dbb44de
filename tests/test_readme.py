"""Tables of README, docs/trust.md and the model card are those of results/context.json; prose says what they say."""

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


def test_a_gain_is_bold_where_its_interval_is_clear_of_zero():
    facts = results("context")
    paired = {"map": -0.94, "low": -1.5, "high": -0.2}
    facts["real_differences"]["prompt - frozen, K = 64"] |= {"lion": paired, "eth80": paired | {"high": 0.1}}
    rows = {
        row.split(" | ")[0].strip("| "): row.strip("| ").split(" | ") for row in tables.gains_table(facts).splitlines()
    }
    assert rows.keys() - {"set", "---"} == {name for name, row in facts["real"].items() if not row["seen_in_training"]}
    column, lion = rows["set"].index("prompt tokens alone"), facts["real"]["lion"]
    assert (rows["lion"][column], rows["eth80"][column]) == ("**−0.9**", "−0.9")
    whitened = lion["metric"]["by_K"]["64"]["map"] - lion["frozen"]["by_K"]["64"]["map"]
    assert rows["lion"][rows["set"].index("whitening")] == f"{whitened:+.1f}", "no paired interval"
    assert rows["eth80"][-1] == "–", "not measured"


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
    """The sentences below the table of gains in docs/trust.md."""
    facts = results("context")
    unseen = [name for name, rows in facts["real"].items() if not rows["seen_in_training"]]
    chosen, shuffled, without_llm = (
        {name: found for name, found in facts["real_differences"][f"{each}, K = 64"].items() if name in unseen}
        for each in ("chosen_identities - frozen", "prompt - prompt_shuffled", "own - no_llm")
    )
    assert all(each["high"] > 0 for each in chosen.values()), "never makes it worse"
    assert sum(each["low"] <= 0 for each in shuffled.values()) == 4, "as good on four of six sets"
    assert len(shuffled) == 6
    assert all(each["low"] <= 0 for each in without_llm.values()), "without it ... as good or better"


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 150
