"""Who may call the service, by which name and from which page, and with how much."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.service.conftest import photo, wait_until_ready
from vicp.errors import ConfigError
from vicp.service.app import make_app
from vicp.service.settings import ServiceSettings

PAGE = {"accept": "text/html"}


def test_only_names_of_the_service_are_answered(client: TestClient) -> None:
    for host in ("127.0.0.1:8377", "localhost", "[::1]:80"):
        assert client.get("/api/v1/info", headers={"host": host}).status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "", "192.168.1.4"):
        answer = client.get("/api/v1/info", headers={"host": host})
        assert answer.status_code == 403
        assert "evil" not in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin"}, 415),
        ({"origin": "http://127.0.0.1"}, 415),
        ({}, 415),
    ],
)
def test_other_sites_cannot_change_anything(client: TestClient, headers: dict[str, str], status: int) -> None:
    """415 is what a body that is no form gets, once it is let in."""
    answer = client.post("/api/v1/galleries/herd/identify", content=b"x", headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_answer_keeps_the_page_to_itself(client: TestClient) -> None:
    for address in ("/", "/api/v1/info", "/static/page.css", "/nothing/here"):
        policy = client.get(address, headers=PAGE).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


def test_other_machines_need_a_token(herd: Path) -> None:
    with pytest.raises(ConfigError, match="can be reached from other machines: give --token"):
        ServiceSettings(galleries=(str(herd),), host="0.0.0.0")
    with pytest.raises(ConfigError, match="expected at least 16"):
        ServiceSettings(galleries=(str(herd),), host="0.0.0.0", token="short")


def test_a_token_is_asked_for_and_the_first_address_works_once(herd: Path) -> None:
    settings = ServiceSettings(galleries=(str(herd),), host="0.0.0.0", token="0123456789abcdef")
    app = make_app(settings)
    with TestClient(app, base_url="http://192.168.1.4:8377", follow_redirects=False) as client:
        assert client.get("/api/v1/info").status_code == 401
        assert client.get("/", headers=PAGE).status_code == 401
        assert client.get("/api/v1/info", headers={"authorization": "Bearer 0123456789abcdef"}).status_code == 200
        assert client.get("/api/v1/info", headers={"authorization": "Bearer 0123456789abcdeX"}).status_code == 401
        key = app.state.service.sessions.one_time
        entered = client.get("/enter", params={"key": key})
        assert entered.status_code == 303
        assert {"HttpOnly", "SameSite=strict"} <= set(entered.headers["set-cookie"].split("; "))
        wait_until_ready(client)
        assert client.get("/", headers=PAGE).status_code == 200
        client.cookies.clear()
        assert client.get("/enter", params={"key": key}).status_code == 401
        assert client.post("/enter", data={"token": "0123456789abcdef"}).status_code == 303
        assert client.get("/", headers={**PAGE, "host": "evil.example"}).status_code == 403


def test_too_much_is_refused(client: TestClient, shoe_folder: Path) -> None:
    files = sorted(shoe_folder.rglob("*.jpg"))
    many = client.post("/api/v1/galleries/herd/identify", files=[photo(files[0], f"{n}.jpg") for n in range(21)])
    assert (many.status_code, many.json()["detail"][:25]) == (413, "more than 20 photos in on")
    large = client.post("/api/v1/galleries/herd/identify", files=[("photo", ("big.jpg", b"x" * 40_001))])
    assert (large.status_code, large.json()["detail"][:22]) == (413, "big.jpg is larger than")
    body = client.post("/api/v1/galleries/herd/identify", content=b"x" * 300_001)
    assert body.status_code == 413
    stream = client.post("/api/v1/galleries/herd/identify", content=(b"x" * 100_000 for _ in range(4)))
    assert stream.status_code in (413, 415)


def test_names_are_escaped_everywhere(client: TestClient, shoe_folder: Path) -> None:
    evil = "<img src=x onerror=alert(1)>.jpg"
    asked = client.post("/g/herd/ask", files=[photo(shoe_folder / "red/0.jpg", evil), ("photo", (evil, b"no photo"))])
    assert asked.status_code == 200  # after the redirect
    page = asked.text
    for _ in range(100):
        if "to go" not in page:
            break
        page = client.get(asked.url, headers=PAGE).text
    assert "&lt;img src=x onerror=alert(1)&gt;.jpg" in page
    assert "<img src=x" not in page
    assert "cannot be used" in page
    assert "<script>alert" not in client.get("/g/</script><script>alert(1)</script>/ask", headers=PAGE).text
