"""Take the pictures of docs/page.md anew, from a real server over photos of a table.

    python docs/take_pictures.py PHOTOS.parquet --category minifigure

Every individual's last photo is asked about, the others make the gallery. Needs Chromium and the extra `dev`.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

PICTURES = Path(__file__).parent / "pictures"
PORT = 8399
URL = f"http://127.0.0.1:{PORT}"
SHOWN = """(main) => Promise.all([...main.querySelectorAll("img")]
  .filter((image) => image.getBoundingClientRect().top < 720)
  .map((image) => { image.loading = "eager"; return image.decode(); }))"""
NAMES = ("Ada", "Ben", "Cleo", "Dora", "Emil", "Finn", "Gita", "Hugo", "Ines", "Jan")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="a Parquet table with the columns identity and image")
    parser.add_argument("--category", required=True)
    parser.add_argument("--model", default="distilled")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        asked = write_photos(pd.read_parquet(arguments.photos), place)
        command = [sys.executable, "-m", "vicp", "serve", str(place / "herd"), "--port", str(PORT), "--author", "ann"]
        server = subprocess.Popen([*command, "--model", arguments.model])
        try:
            wait_for("/health/ready")
            add_photos(place / "photos", arguments.category)
            take(asked)
        finally:
            server.terminate()
            server.wait(60)


def write_photos(frame: pd.DataFrame, place: Path) -> list[Path]:
    """Write a folder per individual, and returns the photos to ask about."""
    asked = []
    for number, (_, rows) in enumerate(frame.groupby("identity"), start=1):
        name = NAMES[number % len(NAMES)]
        for shot, image in enumerate(rows["image"]):
            is_asked = shot == len(rows) - 1 or number == frame["identity"].nunique()
            path = place / ("asked" if is_asked else "photos") / name / f"{shot}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(image)
            asked += [path] if is_asked else []
    return asked


def wait_for(address: str) -> None:
    """Wait until an address answers."""
    for _ in range(1200):
        try:
            if httpx.get(URL + address).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(address)


def add_photos(folder: Path, category: str) -> None:
    """Make the gallery."""
    with httpx.Client(base_url=URL, timeout=300) as client:
        addition = client.post("/g/herd/add").json()["id"]
        files = [("photo", (f"{p.parent.name}/{p.name}", p.read_bytes())) for p in sorted(folder.rglob("*.jpg"))]
        for start in range(0, len(files), 50):
            client.post(f"/g/herd/add/{addition}", files=files[start : start + 50]).raise_for_status()
        client.post(f"/g/herd/add/{addition}/done", data={"category": category}).raise_for_status()
        while not client.get("/api/v1/galleries/herd").json()["categories"]:
            time.sleep(0.3)


def take(asked: list[Path]) -> None:
    """Open the screens and take their pictures."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=OPTIONS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(120_000)
        page.goto(f"{URL}/g/herd/ask")
        page.set_input_files("[name=photo] >> nth=0", [asked[0], asked[2], asked[-1]])
        page.click("#ask button.primary")
        page.locator("#cards progress").wait_for(state="detached")
        page.reload()
        shoot(page, "answers")
        page.goto(f"{URL}/g/herd/review")
        page.keyboard.press("h")
        page.locator(".marks circle").first.wait_for(state="attached")
        page.wait_for_load_state("networkidle")
        shoot(page, "review")
        page.goto(f"{URL}/g/herd/individuals")
        page.wait_for_load_state("networkidle")
        shoot(page, "individuals")
        browser.close()


def shoot(page: Any, name: str) -> None:
    """Write the picture of a page."""
    PICTURES.mkdir(exist_ok=True)
    page.locator("main").evaluate(SHOWN)
    page.screenshot(path=PICTURES / f"{name}.jpg", type="jpeg", quality=82)


if __name__ == "__main__":
    main()
