"""A service over a small gallery of a tiny model, called as browsers and programs call it."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.gallery.conftest import embedder, made, shoe_folder, shoe_prompts, shoes
from vicp.service.app import make_app
from vicp.service.settings import Limits, ServiceSettings

__all__ = ["embedder", "made", "shoe_folder", "shoe_prompts", "shoes"]


def wait_until_ready(client: TestClient) -> None:
    for _ in range(200):
        if client.get("/health/ready").status_code == 200:
            return
        time.sleep(0.05)
    raise AssertionError("the galleries were not opened")


@pytest.fixture
def herd(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the gallery of twelve photos of four individuals."""
    monkeypatch.setenv("VICP_CACHE", str(tmp_path / "cache"))
    return shutil.copytree(made, tmp_path / "herd")


@pytest.fixture
def client(herd: Path, tmp_path: Path) -> Iterator[TestClient]:
    """The service of that gallery and of a place where none is yet."""
    settings = ServiceSettings(
        galleries=(str(herd), str(tmp_path / "new")),
        model="tiny",
        author="ann",
        limits=Limits(photo_bytes=40_000, photos=20, body_bytes=300_000),
    )
    with TestClient(make_app(settings), base_url="http://127.0.0.1") as client:
        wait_until_ready(client)
        yield client


def photo(path: Path, name: str | None = None, field: str = "photo") -> tuple[str, tuple[str, bytes, str]]:
    """A photo as a form holds it."""
    return field, (name or path.name, path.read_bytes(), "image/jpeg")


def wait_for(client: TestClient, location: str) -> dict[str, Any]:
    """A job when it has ended."""
    for _ in range(400):
        job: dict[str, Any] = client.get(location).json()
        if job["state"] != "running":
            return job
        time.sleep(0.05)
    raise AssertionError("the job did not end")
