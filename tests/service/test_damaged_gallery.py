"""A gallery that is damaged says so and what to do, on the page and to programs; the others stay usable."""

import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.service.conftest import photo, wait_until_ready
from vicp.service.app import make_app
from vicp.service.settings import ServiceSettings

PAGE = {"accept": "text/html"}


@pytest.mark.parametrize("part", ["journal.lance", "identities.lance", "photos.lance/data"])
def test_a_damaged_gallery_is_not_one_that_is_not_there(
    herd: Path, tmp_path: Path, shoe_folder: Path, part: str
) -> None:
    broken = shutil.copytree(herd, tmp_path / "broken")
    shutil.rmtree(broken / part)
    settings = ServiceSettings(galleries=(str(broken), str(herd)), author="ann")
    with TestClient(make_app(settings), base_url="http://127.0.0.1") as client:
        wait_until_ready(client)
        start = client.get("/", headers=PAGE).text
        assert "This gallery cannot be read." in start
        assert f"{broken}: half of it is gone" in start
        assert "bring the folder back from a copy" in start
        assert "Make this gallery" not in start
        listed = {each["name"]: each for each in client.get("/api/v1/galleries").json()}
        assert (listed["broken"]["made"], "half of it is gone" in listed["broken"]["fault"]) == (True, True)
        assert listed["herd"]["fault"] == ""
        for address in ("", "/photos", "/log", "/pairs/next"):
            answer = client.get(f"/api/v1/galleries/broken{address}")
            assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
            assert "bring the folder back from a copy" in answer.json()["detail"]
        for screen in ("ask", "review", "add", "history"):
            page = client.get(f"/g/broken/{screen}", headers=PAGE)
            assert (page.status_code, "bring the folder back from a copy" in page.text) == (409, True)
        assert client.post("/g/broken/add").status_code == 409
        asked = client.post("/api/v1/galleries/herd/identify", files=[photo(shoe_folder / "red/0.jpg")])
        assert asked.json()[0]["candidates"][0]["identity"] == "red"
        assert client.get("/metrics").status_code == 200
        shutil.copytree(herd, broken, dirs_exist_ok=True)
        assert "This gallery cannot be read." not in client.get("/", headers=PAGE).text


def test_a_folder_of_something_else_is_no_place_for_a_gallery(herd: Path, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/notes.txt").write_text("mine")
    settings = ServiceSettings(galleries=(str(tmp_path / "letters"), str(herd)))
    with TestClient(make_app(settings), base_url="http://127.0.0.1") as client:
        wait_until_ready(client)
        assert "holds something else (notes.txt): give a new or an empty folder" in client.get("/", headers=PAGE).text
        assert client.get("/api/v1/galleries/letters").status_code == 409
