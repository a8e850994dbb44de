"""The server as a process of its own, and a browser that is timed."""

import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

_KEYS = 20
_PAINT = """async (root) => {
  const began = performance.now();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "n", bubbles: true }));
  await Promise.all([...root.querySelectorAll(".photo img")].map((image) => image.decode()));
  await new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));
  return performance.now() - began;
}"""


class Server:
    """`vicp serve` on a free port.

    Args:
        gallery: What it serves.
        model: Of a gallery that is made.
    """

    def __init__(self, gallery: Path, *, model: str) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        environment = {**os.environ, "VICP_CACHE": str(gallery.with_name("cache")), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "vicp", "serve", str(gallery), "--port", str(port), "--model", model]
        began = time.monotonic()
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        self._wait_for("/health/live")
        self.seconds_to_first_page = time.monotonic() - began
        self._wait_for("/health/ready")

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        self.process.terminate()
        self.process.wait(60)

    def _wait_for(self, address: str) -> None:
        for _ in range(2400):
            try:
                if httpx.get(self.url + address, timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise TimeoutError(f"{address} did not answer")


def time_to_next_pair(url: str) -> dict[str, Any]:
    """Return the median time in ms from a key to the next pair's picture, and how many faults axe-core finds."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)
        page.goto(f"{url}/g/herd/review")
        page.locator("#review").wait_for(state="visible")
        page.wait_for_load_state("networkidle")
        violations = Axe().run(page).violations_count
        times = []
        for _ in range(_KEYS):
            times.append(page.locator("#review").evaluate(_PAINT))
            page.wait_for_timeout(400)  # a person looks at the pair
        browser.close()
    return {
        "next_pair_ms": round(statistics.median(times), 1),
        "next_pair_p95_ms": round(sorted(times)[int(0.95 * len(times))], 1),
        "axe_violations": violations,
    }
