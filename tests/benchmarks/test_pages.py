"""The pages in results/ are what their JSON renders."""

import pytest

from benchmarks.lib.program import ROOT
from benchmarks.render_pages import PAGES, render

ABLATE = {"ablations/generator", "ablations/joint", "ablations/tokens"}  # of `vicp ablate`, whose own test renders them


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_its_json_renders(name: str) -> None:
    page = (ROOT / "results" / f"{name}.md").read_text(encoding="utf-8")
    assert page == render(name), "run `python -m benchmarks.render_pages`"


def test_every_result_has_a_page_that_is_compared() -> None:
    results = ROOT / "results"
    stems = {str(path.relative_to(results).with_suffix("")) for path in results.rglob("*.json")}
    assert stems == PAGES.keys() | ABLATE
