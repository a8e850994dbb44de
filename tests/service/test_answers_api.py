"""REST: who is this, are these the same; and errors, each of one form."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.service.conftest import photo
from vicp.adapt.embedder import Embedder
from vicp.gallery.gallery import Gallery


def test_identify_says_what_the_library_says(client: TestClient, herd: Path, shoe_folder: Path) -> None:
    files = [shoe_folder / "red/0.jpg", shoe_folder / "blue/1.jpg"]
    answers = client.post("/api/v1/galleries/herd/identify", files=[photo(file) for file in files]).json()
    expected = Gallery.open(herd).identify(files).identifications
    assert [answer["sentence"] for answer in answers] == [each.sentence for each in expected]
    assert [answer["candidates"][0]["identity"] for answer in answers] == ["red", "blue"]
    assert answers[0]["candidates"][0]["probability"] == pytest.approx(expected[0].candidates[0].probability, abs=1e-4)
    assert answers[0]["missing_pairs"] == expected[0].shortage.missing
    assert Gallery.open(herd).stats().operations == 2  # create and enroll: asking changes nothing


def test_a_bad_photo_is_named_and_the_others_are_answered(client: TestClient, shoe_folder: Path) -> None:
    files = [("photo", ("bad.jpg", b"nonsense")), photo(shoe_folder / "red/0.jpg")]
    bad, good = client.post("/api/v1/galleries/herd/identify", files=files).json()
    assert bad["error"].startswith("not a JPEG, PNG")
    assert (good["error"], good["category"]) == (None, "shoe")


def test_verify(client: TestClient, herd: Path, shoe_folder: Path) -> None:
    files = [shoe_folder / "red/0.jpg", shoe_folder / "red/1.jpg"]
    answer = client.post("/api/v1/galleries/herd/verify", files=[photo(file) for file in files]).json()
    assert answer["sentence"] == Gallery.open(herd).verify(*files).sentence
    three = client.post("/api/v1/galleries/herd/verify", files=[photo(files[0], f"{n}.jpg") for n in range(3)])
    assert (three.status_code, three.json()["detail"]) == (422, "3 photos, expected two")
    broken = client.post("/api/v1/galleries/herd/verify", files=[photo(files[0]), ("photo", ("b.jpg", b"x"))])
    assert broken.status_code == 400
    assert "b.jpg" in broken.json()["detail"]


def test_embeddings_are_those_of_the_model(client: TestClient, herd: Path, shoe_folder: Path) -> None:
    files = [photo(shoe_folder / "red/0.jpg")]
    answer = client.post("/api/v1/embed", files=files, data={"gallery": "herd"}).json()
    unclear = client.post("/api/v1/embed", files=files)
    assert (unclear.status_code, "herd, new" in unclear.json()["detail"]) == (422, True)
    gallery = Gallery.open(herd)
    assert answer["model"] == gallery.stats().model
    assert answer["fingerprint"] == gallery.encoder.fingerprint
    from vicp.api import Model

    expected = Model(gallery.encoder).encode(shoe_folder / "red/0.jpg")
    assert answer["embeddings"][0] == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/galleries/nobody", 404),
        ("DELETE", "/api/v1/info", 405),
        ("GET", "/api/v1/galleries/herd/photos/abc/image", 404),
        ("GET", "/api/v1/galleries/herd/photos/abc/image?size=huge", 422),
        ("POST", "/api/v1/galleries/herd/identify", 415),
    ],
)
def test_errors_are_problems(client: TestClient, method: str, address: str, status: int) -> None:
    answer = client.request(method, address)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["instance"] == address.split("?")[0]


def test_a_damaged_form_is_a_bad_request_and_leaves_nothing(client: TestClient, tmp_path: Path) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    body = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\nabc'
    answer = client.post("/api/v1/galleries/herd/identify", content=body, headers=headers)
    assert (answer.status_code, answer.json()["detail"][:19]) == (400, "the form is damaged")


def test_the_version_is_the_etag(client: TestClient) -> None:
    answer = client.get("/api/v1/galleries/herd")
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
    assert client.get("/api/v1/galleries/herd", headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    made = {gallery["name"]: gallery["made"] for gallery in client.get("/api/v1/galleries").json()}
    assert made == {"herd": True, "new": False}


def test_limits_and_metrics_are_said(client: TestClient, herd: Path, shoe_folder: Path, embedder: Embedder) -> None:
    info = client.get("/api/v1/info").json()
    assert (info["limits"]["photos"], [each["name"] for each in info["galleries"]]) == (20, ["herd", "new"])
    assert info["galleries"][0]["model_fingerprint"] == embedder.fingerprint
    assert info["galleries"][0]["categories"][0]["fingerprint"] == Gallery.open(herd).categories()["shoe"].space
    client.post("/api/v1/galleries/herd/identify", files=[photo(shoe_folder / "red/0.jpg")])
    text = client.get("/metrics").text
    assert "vicp_photos_embedded_total 1.0" in text
    assert 'vicp_gallery_photos{gallery="herd"} 12.0' in text
    assert 'route="/api/v1/galleries/{gallery}/identify"' in text


def test_pictures_are_immutable_jpegs(client: TestClient, herd: Path) -> None:
    key = Gallery.open(herd).photos()["key"][0]
    for size in ("thumb", "view", "full"):
        answer = client.get(f"/api/v1/galleries/herd/photos/{key}/image", params={"size": size})
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.content[:3] == b"\xff\xd8\xff"
        assert "immutable" in answer.headers["cache-control"]
