"""The pages without a browser: review questions, individuals, teaching, history; and the process that serves them."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.conftest import write_photo
from vicp.gallery.gallery import Gallery

PAGE = {"accept": "text/html"}
G = "/api/v1/galleries/herd"


def keys(herd: Path, name: str) -> list[str]:
    return list(Gallery.open(herd).photos().query("identity == @name")["key"])


def names(herd: Path) -> dict[str, int]:
    return dict(Gallery.open(herd).photos()["identity"].dropna().value_counts())


@pytest.mark.parametrize("screen", ["ask", "review", "review?kind=doubts", "individuals", "teach", "history", "add"])
def test_every_screen_has_its_address(client: TestClient, screen: str) -> None:
    answer = client.get(f"/g/herd/{screen}", headers=PAGE)
    assert answer.status_code == 200
    assert "<h1" in answer.text
    assert client.get(f"/g/new/{screen}", headers=PAGE).status_code == (200 if screen == "add" else 404)


def test_an_empty_gallery_says_what_to_do(client: TestClient) -> None:
    client.post("/g/new/add")
    for screen in ("ask", "review", "individuals", "teach"):
        page = client.get(f"/g/new/{screen}", headers=PAGE).text
        assert "No photos are in this gallery yet." in page
        assert '<a class="button primary" href="/g/new/add">Add photos…</a>' in page


def test_the_start_page_says_what_waits(client: TestClient, herd: Path) -> None:
    Gallery.open(herd).assign({"blue": [keys(herd, "red")[0]]})
    assert 'hx-get="/g/herd/review/waiting"' in client.get("/", headers=PAGE).text
    for _ in range(100):
        part = client.get("/g/herd/review/waiting").text
        if "Looking" not in part:
            break
        time.sleep(0.1)
    assert re.search(r'<a href="/g/herd/review\?kind=pairs">\d+ pairs to label</a>', part)
    assert re.search(r'<a href="/g/herd/review\?kind=doubts">\d doubtful name', part)
    assert "guess" not in part  # every photo has a name


def test_a_doubtful_name_is_asked_about_and_given_away(client: TestClient, herd: Path) -> None:
    wrong = keys(herd, "red")[0]
    Gallery.open(herd).assign({"blue": [wrong]})
    questions = client.get(f"{G}/review/next?kind=doubts").json()["questions"]
    doubted = [each for each in questions if each["left"]["photos"][0]["key"] == wrong]
    assert doubted, "the photo that was moved looks more like the others of its own"
    assert (doubted[0]["question"], doubted[0]["note"]) == ("Is this really blue?", "It looks more like red.")
    sides = {side: [each["key"] for each in doubted[0][side]["photos"]] for side in ("left", "right")}
    answer = client.post(f"{G}/review", json={"kind": "doubts", **sides, "answer": "new", "name": "ruby"})
    assert answer.status_code == 200
    assert names(herd)["ruby"] == 1
    later = client.get(f"{G}/review/next?kind=doubts").json()["questions"]
    assert wrong not in {each["left"]["photos"][0]["key"] for each in later}


def test_photos_without_a_name_get_one_once(client: TestClient, herd: Path, tmp_path: Path) -> None:
    assert client.get(f"{G}/review/next?kind=groups").json()["questions"] == []  # every photo has a name
    paths = [write_photo(tmp_path / f"new{shot}.jpg", (40, 60, 210), seed=900 + shot) for shot in range(2)]
    Gallery.open(herd, author="bob").enroll(paths, category="shoe")
    loose = list(Gallery.open(herd).photos().query("identity.isna()")["key"])
    body = {"kind": "groups", "left": loose, "right": keys(herd, "blue"), "answer": "same"}
    told = client.post(f"{G}/review", json=body).json()
    assert names(herd)["blue"] == 5
    again = client.post(f"{G}/review", json=body).json()  # as a browser sends what a killed server may have
    assert (again["version"], again["undo"]) == (told["version"], None)
    assert client.post(f"{G}/undo", headers={"if-match": f'"{told["version"]}"'}).status_code == 200
    assert names(herd)["blue"] == 3


def test_individuals_are_merged_renamed_and_brought_back(client: TestClient, herd: Path) -> None:
    chosen = [keys(herd, "red")[0], keys(herd, "blue")[0]]
    assert client.post("/g/herd/merge", data={"individual": chosen[:1]}).status_code == 422
    client.post("/g/herd/merge", data={"individual": chosen})
    assert sorted(names(herd).values()) == [3, 3, 6]
    version = client.get(G).json()["version"]
    page = client.post("/g/herd/history/undo", data={"version": version, "back": "individuals"}, headers=PAGE)
    assert (page.url.path, sorted(names(herd).values())) == ("/g/herd/individuals", [3, 3, 3, 3])
    stale = client.post("/g/herd/history/undo", data={"version": version})
    assert stale.status_code == 412
    client.post("/g/herd/individual", data={"name": "red", "category": "shoe", "to": "</title>", "action": "rename"})
    page = client.get("/g/herd/individual", params={"name": "</title>", "category": "shoe"}, headers=PAGE)
    assert "<h1>&lt;/title&gt;</h1>" in page.text
    first = re.search(r'name="operation" value="(\d+)"', client.get("/g/herd/history", headers=PAGE).text)
    assert first is not None
    client.post("/g/herd/history/restore", data={"operation": 2})
    assert set(names(herd)) == {"red", "blue", "green", "yellow"}


def test_chosen_photos_are_moved_set_aside_and_taken_out(client: TestClient, herd: Path) -> None:
    red = keys(herd, "red")
    form = {"name": "red", "category": "shoe"}
    assert client.post("/g/herd/photos", data={**form, "action": "move"}).status_code == 422
    assert client.post("/g/herd/photos", data={**form, "action": "move", "photo": red[:1]}).status_code == 422
    client.post("/g/herd/photos", data={**form, "action": "new", "photo": red[:1]})
    assert names(herd)["shoe-1"] == 1
    client.post("/g/herd/photos", data={**form, "action": "aside", "photo": red[1:2]})
    assert "1 photo set aside" in client.get("/g/herd/individuals", headers=PAGE).text
    client.post("/g/herd/photos", data={**form, "action": "remove", "photo": red[2:]})
    assert len(Gallery.open(herd).photos()) == 11


def test_teaching_keeps_names_and_labels(client: TestClient, herd: Path) -> None:
    page = client.get("/g/herd/teach", headers=PAGE).text
    assert re.search(r'<strong class="countdown">\d+</strong> more pairs', page)
    pairs = [{"left": keys(herd, n)[0], "right": keys(herd, n)[1], "same": True} for n in ("red", "blue", "green")]
    pairs += [{"left": keys(herd, "red")[0], "right": keys(herd, n)[2], "same": False} for n in ("blue", "yellow")]
    assert client.post(f"{G}/pairs", json={"pairs": pairs}).status_code == 200
    before = Gallery.open(herd).categories()["shoe"].space
    address = client.post("/g/herd/teach", data={"category": "shoe", "source": "labels"}, headers=PAGE).url.path
    for _ in range(600):
        page = client.get(address, headers=PAGE).text
        if "Done." in page or "did not work" in page:
            break
    assert "Done. Taught by 5 pairs" in page
    gallery = Gallery.open(herd)
    assert (gallery.stats().pairs, set(names(herd).values())) == (5, {3})
    assert gallery.categories()["shoe"].space != before
    assert "Taught by 5 pairs." in client.get("/g/herd/teach", headers=PAGE).text


def test_the_command_refuses_what_is_not_safe(tmp_path: Path) -> None:
    for options, says in (
        (["--host", "0.0.0.0"], "can be reached from other machines: give --token"),
        (["--photo-root", "nowhere"], "no such folder"),
    ):
        command = [sys.executable, "-m", "vicp", "serve", "herd", *options]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 2
        assert ended.stderr.startswith("error: ")
        assert ended.stderr.count("\n") == 1
        assert says in ended.stderr
