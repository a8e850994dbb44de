"""The site builds without a warning and without a network, and its pages ask for nothing from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT

pytest.importorskip("sphinx", reason="the site needs the extra docs: pip install 'vicp[docs]'")
LOADED = re.compile(r"<(?:link|script|img|iframe|source)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, but for the examples, which `make docs` runs and tests/examples too."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "-c", str(ROOT / "docs")]
    command += ["-d", str(out / "doctrees"), "-D", "plot_gallery=0", str(ROOT), str(out / "html")]
    built = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    return out / "html"


def test_every_page_is_there_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    there = {page.relative_to(site).with_suffix(".md") for page in pages}
    assert {page.relative_to(ROOT) for page in PAGES if page.name != "README.md"} <= there
    for page in pages:
        for address in LOADED.findall(page.read_text(encoding="utf-8")):
            assert not re.match(r"https?:|//", address), f"{page.name} loads {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style.name


def test_links_of_the_built_pages_lead_to_built_pages(site: Path) -> None:
    for page in site.rglob("*.html"):
        for address in re.findall(r"href=\"([^\"#?]+)[\"#?]", page.read_text(encoding="utf-8")):
            if not re.match(r"\w+:", address):
                assert (page.parent / address).exists(), f"{page.relative_to(site)}: {address}"
