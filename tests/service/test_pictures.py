"""The pictures of docs/page.md: screens of a real server over the packaged photos.

`VICP_PICTURES=1 pytest tests/service/test_pictures.py` writes them into docs/pictures.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import vicp
from tests.service.story import ROOT, Server, chromium, needs_browser, open_page
from vicp.data.minifigures import CATEGORY, open_minifigures

pytestmark = [
    needs_browser,
    pytest.mark.skipif(
        "VICP_PICTURES" not in os.environ, reason="`make pictures` takes them; test_browser has the story"
    ),
]
PICTURES = ROOT / "docs" / "pictures"
WIDTH, HEIGHT = 1280, 720
SHOWN = """(main) => Promise.all([...main.querySelectorAll("img")]
  .filter((image) => image.getBoundingClientRect().top < 720)
  .map((image) => { image.loading = "eager"; return image.decode(); }))"""
ASKED = (3, 1, 8)  # of the questions: a sure answer, a doubtful one, a figure that the gallery does not have


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    """A page of a server over a gallery of eight toy figures."""
    known, _ = open_minifigures()
    gallery = vicp.Gallery.create(tmp_path / "herd", vicp.load("distilled"), author="ann")
    assert gallery.enroll(known, category=CATEGORY).added == 32
    server = Server(tmp_path / "herd", tmp_path / "cache")
    with chromium() as browser:
        page = open_page(browser, width=WIDTH, height=HEIGHT)
        page.goto(f"{server.url}/g/herd/ask")
        yield page
        assert page.faults == []
    assert server.stop() in (0, -15)


def test_the_pictures_show_what_the_page_says_of_them(page: Any, tmp_path: Path) -> None:
    _, questions = open_minifigures()
    files = [tmp_path / f"photo-{number}.jpg" for number in range(1, len(ASKED) + 1)]
    for path, number in zip(files, ASKED, strict=True):
        path.write_bytes(questions.photo_bytes(number))
    page.set_input_files("[name=photo] >> nth=0", files)
    page.click("#ask button.primary")
    page.wait_for_url("**/ask/2*")
    page.locator(".answer").nth(len(ASKED) - 1).wait_for()
    page.locator("#cards progress").wait_for(state="detached")
    page.reload()
    for words in ("Almost certainly Dora", "somebody new"):
        assert words in page.locator("main").inner_text()
    shoot(page, "answers")
    page.goto(page.url.split("/ask")[0] + "/review")
    page.keyboard.press("h")
    page.locator(".marks circle").first.wait_for(state="attached")
    shoot(page, "review")
    page.goto(page.url.split("/review")[0] + "/individuals")
    assert "Gita" in page.locator("main").inner_text()
    shoot(page, "individuals")


def shoot(page: Any, name: str) -> None:
    """Take the picture of a page that has loaded, and keep it where that is wanted."""
    page.wait_for_load_state("networkidle")
    page.locator("main").evaluate(SHOWN)
    picture = page.screenshot(type="jpeg", quality=82)
    assert Image.open(io.BytesIO(picture)).size == (WIDTH, HEIGHT)
    assert (PICTURES / f"{name}.jpg").exists(), "docs/page.md shows it"
    if os.environ.get("VICP_PICTURES"):
        (PICTURES / f"{name}.jpg").write_bytes(picture)
