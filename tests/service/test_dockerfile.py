"""The container's commands, run as plain ones: what it starts with answers what its health check asks."""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.service.story import ROOT, free_port, wait_for

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
WITHOUT_TORCH = {"torch", "transformers"}
HEIC = {"pillow-heif"}


def exec_form(instruction: str) -> list[str]:
    """The arguments of an instruction, at the beginning of a line."""
    (found,) = re.findall(rf"^{instruction} (\[.*\])$", DOCKERFILE, re.MULTILINE)
    command: list[str] = json.loads(found)
    return command


def test_it_starts_as_a_plain_command_and_is_healthy(tmp_path: Path) -> None:
    health = exec_form("  CMD")  # of HEALTHCHECK
    entry, command = exec_form("ENTRYPOINT"), exec_form("CMD")
    assert entry == ["vicp"]
    port = free_port()
    arguments = [str(tmp_path / "gallery") if part == "/data/gallery" else part for part in command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "VICP_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"}
    started = [sys.executable, "-m", *entry, *arguments, "--port", str(port)]
    refused = subprocess.run(started, env=environment, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert "can be reached from other machines: give --token" in " ".join(refused.stderr.split())
    process = subprocess.Popen(started, env={**environment, "VICP_TOKEN": "a-secret-of-16-letters"})
    try:
        wait_for(f"http://127.0.0.1:{port}/health/live", process)
        ask = [sys.executable, *health[1:-1], health[-1].replace(":8377/", f":{port}/")]
        assert subprocess.run(ask, timeout=60).returncode == 0
    finally:
        process.terminate()
        assert process.wait(60) in (0, -signal.SIGTERM)  # a server that has stopped hands the signal on
    assert subprocess.run(ask, timeout=60, stderr=subprocess.DEVNULL).returncode != 0


def test_what_it_installs_is_what_the_package_needs_but_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["service"]]
    names = {re.split(r"[\[>=<]", one)[0].lower() for one in needed}
    lines = (ROOT / "docker" / "runtime.txt").read_text(encoding="utf-8").splitlines()
    assert {line.lower() for line in lines if not line.startswith("#")} == (names - WITHOUT_TORCH) | HEIC


@pytest.mark.parametrize("wanted", ["USER vicp", "HEALTHCHECK", "VOLUME /data", "-p 127.0.0.1:8377:8377"])
def test_it_runs_as_nobody_in_particular_on_this_machine_alone(wanted: str) -> None:
    assert wanted in DOCKERFILE
