"""A real server over real files, and Debian's Chromium driven by Playwright."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
ROOT = Path(__file__).parent.parent.parent
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium brings the browser tests"
)


class Server:
    """`vicp serve` in a process of its own.

    Args:
        gallery: What it serves.
        cache: Its cache of embeddings.
        model: Of galleries that are made.
        options: Further ones.
    """

    def __init__(self, gallery: Path, cache: Path, *, model: str = "tiny", options: tuple[str, ...] = ()) -> None:
        self.gallery, self._cache, self._model, self._options = gallery, cache, model, options
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it, and wait for the first page."""
        environment = {
            **os.environ,
            "VICP_CACHE": str(self._cache),
            "PYTHONPATH": str(ROOT / "src"),
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "vicp", "serve", str(self.gallery), "--port", str(self.port)]
        command += ["--model", self._model, "--author", "ann", *self._options]
        log = self.gallery.with_name("serve.log")
        self._log = log.open("a")
        began = time.monotonic()
        self.process = subprocess.Popen(command, env=environment, stdout=self._log, stderr=self._log)
        wait_for(self.url + "/health/live", self.process, log)
        self.seconds_to_first_page = time.monotonic() - began
        wait_for(self.url + "/health/ready", self.process, log)

    def kill(self) -> None:
        """Kill it, as `kill -9` does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._log.close()

    def stop(self) -> int:
        """Stop it as Ctrl-C does, and returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self._log.close()
        return code


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path | None = None) -> None:
    """Wait until the address of a server answers."""
    for _ in range(1200):
        assert process.poll() is None, "" if log is None else log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} did not answer")


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


def open_page(browser: Any, *, width: int = 1280, height: int = 800, scheme: str = "light") -> Any:
    """A page that fails the test when the browser reports an error."""
    page = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
    page.set_default_timeout(180_000)  # the machine may be busy with other tests
    faults: list[str] = []
    page.faults = faults
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    return page


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
