"""The page Ask: answers stay, decisions enter the gallery and can be taken back."""

import re
from io import BytesIO
from pathlib import Path

from fastapi.testclient import TestClient
from PIL import Image

from benchmarks.service.photos import photo_bytes
from tests.conftest import write_photo
from tests.service.conftest import photo, wait_for
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


def write_burst(folder: Path, individual: int, shot: int, frames: int) -> list[Path]:
    """Frames that differ in the quality of their JPEG alone."""
    folder.mkdir(parents=True, exist_ok=True)
    image = Image.open(BytesIO(photo_bytes(individual, shot=shot)))
    paths = [folder / f"{individual}-{shot}-{frame}.jpg" for frame in range(frames)]
    for frame, path in enumerate(paths):
        image.save(path, quality=95 - frame)
    return paths


def test_photos_of_a_moment_or_a_folder_are_one_question(client: TestClient, herd: Path, tmp_path: Path) -> None:
    burst, other = write_burst(tmp_path, 0, 7, 3), write_burst(tmp_path, 1, 8, 1)
    files = [*(photo(path, f"tour/a/{path.name}") for path in burst), photo(other[0], f"tour/b/{other[0].name}")]
    files.append(("photo", ("tour/b/bad.jpg", b"nonsense")))
    sizes = {"photo": [1, 1, 1, 1, 1], "moment": [3, 1, 1], "folder": [3, 1, 1]}
    for per, expected in sizes.items():
        answers = client.post("/api/v1/galleries/herd/identify", files=files, data={"per": per}).json()
        assert [len(each["photos"]) for each in answers] == expected
        assert answers[-1]["error"].startswith("not a JPEG, PNG")
    assert answers[0]["sentence"].endswith("from 3 photos of one moment")
    expected_answer = Gallery.open(herd).identify(burst, together=True).identifications[0]
    assert answers[0]["sentence"] == expected_answer.sentence
    wrong = client.post("/api/v1/galleries/herd/identify", files=files, data={"per": "week"})
    assert (wrong.status_code, wrong.json()["detail"]) == (422, "per 'week': expected photo, moment or folder")

    asked = client.post("/g/herd/ask", files=files, data={"per": "moment"}, headers=PAGE)
    page = asked.text
    for _ in range(200):
        if "to go" not in page:
            break
        page = client.get(asked.url.path, headers=PAGE).text
    assert page.count("<article") == 3
    assert "tour/a/0-7-0.jpg and 2 others" in page
    client.post(f"{asked.url.path}/0", data={"decision": "new", "identity": "ivy"}, headers=PAGE)
    assert names(herd)["ivy"] == 3, "all photos of the question"
    client.post(f"{asked.url.path}/0/undo", headers=PAGE)
    assert "ivy" not in names(herd)


def test_candidates_are_chosen_by_side_place_and_day(client: TestClient, herd: Path, tmp_path: Path) -> None:
    for number, facts in enumerate(({"camera": "gate", "viewpoint": "left"}, {"camera": "pond"})):
        paths = write_burst(tmp_path / facts["camera"], 20 + number, 1, 1)
        files = [photo(paths[0], f"shoes/{facts['camera']}-shoe/{paths[0].name}")]
        accepted = client.post("/api/v1/galleries/herd/photos", files=files, data={"category": "shoe", **facts})
        assert wait_for(client, accepted.headers["location"])["result"] == {"added": 1, "known": 0}
    asked = write_burst(tmp_path, 20, 9, 1)
    (found,) = client.post("/api/v1/galleries/herd/identify", files=[photo(asked[0])], data={"camera": "pond"}).json()
    assert [each["identity"] for each in found["candidates"]] == ["pond-shoe"]
    assert found["candidates"][0]["camera"] == "pond"
    assert "compared with 1 individual alone" in found["sentence"]
    bad = client.post("/api/v1/galleries/herd/identify", files=[photo(asked[0])], data={"since": "May"})
    assert (bad.status_code, bad.json()["detail"]) == (422, "'May' is no day: write it as 2025-04-01")

    address = ask(client, asked[0])
    everybody = client.get(address, headers=PAGE).text
    assert "gate" in everybody
    for _ in range(200):
        some = client.get(f"{address}?viewpoint=left", headers=PAGE).text
        if "to go" not in some:
            break
    assert re.findall(r'name="identity" value="([\w-]+)">\s*<button class="candidate"', some) == ["gate-shoe"]
    assert "none of these" in some or "Gate-shoe" in some or "gate-shoe" in some
    assert 'action="' + address + '/0?viewpoint=left"' in some
    client.post(f"{address}/0?viewpoint=left", data={"decision": "same", "identity": "gate-shoe"})
    assert "Kept as gate-shoe" in client.get(address, headers=PAGE).text, "a decision is one of all answers"

    api = "/api/v1/galleries/herd"
    assert len(client.get(f"{api}/photos?camera=gate").json()["photos"]) == 1
    at_the_pond = client.get(f"{api}/identities?camera=pond").json()["identities"]
    assert [each["identity"] for each in at_the_pond] == ["pond-shoe"]
    assert client.get(f"{api}/photos?since=2025-13-45").status_code == 422
    assert client.get(f"{api}/pairs/next?camera=gate").json() == []  # one photo makes no pair
    assert len(client.get(f"{api}/review/next?kind=pairs&category=shoe").json()["questions"]) > 0
    individuals = client.get("/g/herd/individuals?camera=gate", headers=PAGE).text
    assert "<h1>1 individual</h1>" in individuals
    assert "<option selected>gate</option>" in individuals
    review = client.get("/g/herd/review?kind=doubts&camera=gate", headers=PAGE).text
    assert 'data-chosen="camera=gate"' in review


def test_why_an_answer_is_given_stands_side_by_side(client: TestClient, herd: Path, tmp_path: Path) -> None:
    address = ask(client, *write_burst(tmp_path, 3, 7, 1))
    key = Gallery.open(herd).photos()["key"][0]
    part = client.get(f"{address}/0/why", params={"key": key}, headers={"hx-request": "1"}).text
    assert part.count("<img") == 4  # both photos, clean and marked
    assert part.count("<text") % 2 == 0
    assert "<h1>What looks alike</h1>" in client.get(f"{address}/0/why", params={"key": key}, headers=PAGE).text
    square = client.get(f"{address}/0/image?size=square")
    assert Image.open(BytesIO(square.content)).size == (512, 512)
    assert client.get(f"{address}/5/why", params={"key": key}).status_code == 404
    assert client.get(f"{address}/0/why", params={"key": "none"}).status_code == 404
