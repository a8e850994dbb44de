"""The page Ask: answers stay, decisions enter the gallery and can be taken back."""

import re
from pathlib import Path

from fastapi.testclient import TestClient

from tests.conftest import write_photo
from tests.service.conftest import photo
from vicp.gallery.gallery import Gallery

PAGE = {"accept": "text/html"}


def ask(client: TestClient, *files: Path) -> str:
    """The address of the answers, when all are there."""
    answer = client.post("/g/herd/ask", files=[photo(file) for file in files], headers=PAGE)
    address = answer.url.path
    for _ in range(200):
        if "to go" not in client.get(address, headers=PAGE).text:
            return address
    raise AssertionError("no answers")


def names(herd: Path) -> dict[str, int]:
    return dict(Gallery.open(herd).photos()["identity"].fillna("").value_counts())


def test_words_first_then_the_number(client: TestClient, tmp_path: Path) -> None:
    address = ask(client, write_photo(tmp_path / "new.jpg", (220, 40, 40), seed=77))
    page = client.get(address, headers=PAGE).text
    heading = re.search(r'<article.*?<h2>(.*?)</h2>\s*<p class="number">(.*?)</p>', page, re.S)
    assert heading is not None
    assert re.fullmatch(r"(Almost certainly|Probably|Perhaps) (red|blue|green|yellow|somebody new)", heading[1])
    assert re.fullmatch(r"[\w ]+ % sure \([\d. to]+ %\)", heading[2])


def test_a_decision_enters_the_gallery_and_is_taken_back(client: TestClient, herd: Path, tmp_path: Path) -> None:
    address = ask(client, write_photo(tmp_path / "new.jpg", (220, 40, 40), seed=77))
    client.post(f"{address}/0", data={"decision": "same", "identity": "blue"}, headers=PAGE)
    assert names(herd)["blue"] == 4
    assert "Kept as blue" in client.get(address, headers=PAGE).text
    client.post(f"{address}/0/undo", headers=PAGE)
    assert names(herd)["blue"] == 3
    kept = client.post(f"{address}/0", data={"decision": "new", "identity": "</script>"}, headers={"hx-request": "1"})
    assert "Kept as somebody new: &lt;/script&gt;" in kept.text
    assert names(herd)["</script>"] == 1
    Gallery.open(herd, author="bob").rename("red", "crimson")
    late = client.post(f"{address}/0/undo", headers={"hx-request": "1"})
    assert late.status_code == 412
    assert names(herd)["</script>"] == 1


def test_names_that_are_not_there_are_refused(client: TestClient, tmp_path: Path) -> None:
    address = ask(client, write_photo(tmp_path / "new.jpg", (220, 40, 40), seed=77))
    nobody = client.post(f"{address}/0", data={"decision": "same", "identity": "nobody"})
    assert (nobody.status_code, nobody.json()["detail"]) == (404, "nobody called 'nobody' in shoe")
    assert client.post(f"{address}/7", data={"decision": "skip"}).status_code == 409
    assert client.post("/g/herd/ask/..%2F..%2Fherd/0", data={"decision": "skip"}).status_code == 404


def test_a_gallery_is_made_from_a_folder(client: TestClient, tmp_path: Path, shoe_folder: Path) -> None:
    assert "Make this gallery from photos" in client.get("/", headers=PAGE).text
    addition = client.post("/g/new/add").json()["id"]
    files = sorted(shoe_folder.rglob("*.jpg"))
    for start in (0, 6):
        sent = [photo(file, f"shoes/{file.parent.name}/{file.name}") for file in files[start : start + 6]]
        assert client.post(f"/g/new/add/{addition}", files=sent).json() == {"received": 6}
    address = client.post(f"/g/new/add/{addition}/done", data={"category": "shoe"}).json()["address"]
    for _ in range(400):
        page = client.get(address, headers=PAGE).text
        if "Done." in page or "did not work" in page:
            break
    assert "12 photos added, 4 new names" in page
    frame = Gallery.open(tmp_path / "new").photos()
    assert sorted(frame["identity"].unique()) == ["blue", "green", "red", "yellow"]
    assert not list((tmp_path / "new").glob("service/added/*"))
