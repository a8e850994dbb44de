"""REST in full: cursors, versions, jobs and their events, changes and undo; the description is the committed one."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from docs.write_openapi import PAGE as OPENAPI
from docs.write_openapi import openapi_text
from fastapi.testclient import TestClient

from benchmarks.service.photos import photo_bytes
from tests.service.conftest import photo, wait_for
from tests.service.story import Server
from vicp.gallery.gallery import Gallery
from vicp.service.app import make_app
from vicp.service.problems import BusyError
from vicp.service.settings import ServiceSettings

G = "/api/v1/galleries/herd"


def names(herd: Path) -> dict[str, int]:
    return dict(Gallery.open(herd).photos()["identity"].fillna("").value_counts())


def test_the_committed_description_is_that_of_the_program() -> None:
    assert OPENAPI.read_text(encoding="utf-8") == openapi_text(), "run `make docs`"


@pytest.mark.parametrize(("what", "key"), [("photos", "key"), ("identities", "identity")])
def test_cursors_go_through_all_rows_once(client: TestClient, herd: Path, what: str, key: str) -> None:
    address, found = f"{G}/{what}?limit=3", []
    while True:
        answer = client.get(address)
        found += [row[key] for row in answer.json()[what]]
        if answer.json()["next"] is None:
            assert "link" not in answer.headers
            break
        address = answer.links["next"]["url"]
    assert len(found) == len(set(found))
    assert set(found) == set(Gallery.open(herd).photos()[key])


def test_cursors_and_limits_that_cannot_be_are_refused(client: TestClient) -> None:
    for query in ("cursor=nonsense", "cursor=e30", "limit=0", "limit=201", "limit=x"):
        answer = client.get(f"{G}/photos?{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_changes_expect_a_version_and_are_undone(client: TestClient, herd: Path) -> None:
    version = client.get(G).headers["etag"]
    written = client.patch(f"{G}/identities/red", json={"identity": "a/b"}, headers={"if-match": version}).json()
    assert names(herd)["a/b"] == 3
    stale = client.patch(f"{G}/identities/blue", json={"identity": "x"}, headers={"if-match": version})
    assert (stale.status_code, stale.json()["status"]) == (412, 412)
    back = client.post(written["undo"], headers={"if-match": f'"{written["version"]}"'})
    assert back.status_code == 200
    assert names(herd)["red"] == 3
    assert client.post(f"{G}/undo", headers={"if-match": "soon"}).status_code == 422


def test_merge_split_name_remove_restore(client: TestClient, herd: Path) -> None:
    key = Gallery.open(herd).photos().query("identity == 'red'")["key"].iloc[0]
    assert client.post(f"{G}/identities/blue/merge", json={"others": ["green"]}).status_code == 200
    assert names(herd)["blue"] == 6
    assert client.post(f"{G}/identities/red/split", json={"photos": [key], "into": "ruby"}).status_code == 200
    assert client.post(f"{G}/photos/{key}/identity", json={"identity": "yellow"}).status_code == 200
    assert names(herd) == {"blue": 6, "red": 2, "yellow": 4}
    assert client.delete(f"{G}/identities/yellow").status_code == 200
    assert "yellow" not in names(herd)
    taken = client.patch(f"{G}/identities/red", json={"identity": "blue"})
    assert (taken.status_code, "there is a 'blue'" in taken.json()["detail"]) == (409, True)
    operations = client.get(f"{G}/log").json()["operations"]
    assert [entry["command"] for entry in operations[:4]] == ["remove", "split", "split", "merge"]
    assert client.post(f"{G}/restore", json={"operation": operations[4]["operation"]}).status_code == 200
    assert set(names(herd).values()) == {3}
    assert client.post(f"{G}/restore", json={"operation": 999}).status_code == 409


def test_photos_enter_once_and_the_job_says_how_far_it_is(client: TestClient, herd: Path, shoe_folder: Path) -> None:
    from tests.conftest import write_photo

    new = write_photo(shoe_folder.parent / "sent/violet/0.jpg", (150, 60, 190), seed=9)
    files = [photo(new, "violet/0.jpg"), photo(shoe_folder / "red/0.jpg", "red/0.jpg")]
    for expected in ({"added": 1, "known": 1}, {"added": 0, "known": 2}):
        accepted = client.post(f"{G}/photos", files=files, data={"category": "shoe"})
        assert accepted.status_code == 202
        job = wait_for(client, accepted.headers["location"])
        assert (job["state"], job["result"]) == ("done", expected)
    assert names(herd)["violet"] == 1
    again = {"headers": {"idempotency-key": "k1"}, "data": {"category": "shoe"}}
    first, second = (client.post(f"{G}/photos", files=files, **again).json() for _ in range(2))
    assert first == second
    other = client.post(f"{G}/photos", files=files[:1], **again)
    assert (other.status_code, "used for other photos" in other.json()["detail"]) == (422, True)
    assert wait_for(client, first["location"])["state"] == "done"
    stream = client.get(f"{accepted.headers['location']}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n") for block in stream.text.strip().split("\n\n")]
    assert [block[0] for block in blocks] == [f"id: {number}" for number in range(1, len(blocks) + 1)]
    assert json.loads(blocks[-1][2].removeprefix("data: "))["state"] == "done"
    rest = client.get(f"{accepted.headers['location']}/events", headers={"last-event-id": str(len(blocks) - 1)})
    assert rest.text.count("id: ") == 1
    assert client.post(f"{G}/photos", files=files).status_code == 422  # what do they show?
    assert client.get(f"{G}/jobs/none").status_code == 404


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A process of its own over a gallery that it makes; its model needs no PyTorch, so that it starts quickly."""
    place = tmp_path_factory.mktemp("real")
    server = Server(place / "herd", place / "cache", model="mini")
    yield server
    assert server.process.poll() is None
    assert server.stop() in (0, -15)


def test_a_key_begins_nothing_twice_though_the_server_is_killed(server: Server) -> None:
    """One job is done and one has just begun when the server is killed; both requests are sent again afterwards."""
    shots = [("photo", (f"violet/{shot}.jpg", photo_bytes(1, shot=shot))) for shot in range(6)]
    with httpx.Client(base_url=server.url, timeout=120) as client:

        def send(key: str, files: list[Any]) -> httpx.Response:
            headers = {"idempotency-key": key}
            return client.post(f"{G}/photos", files=files, data={"category": "thing"}, headers=headers)

        half_sent = client.post("/g/herd/add").json()["id"]  # makes the gallery
        done = send("done", shots[:2]).json()
        result = wait_for(client, done["location"])
        begun = send("begun", shots[2:]).json()
        server.kill()
        server.start()
        assert [send("done", shots[:2]).json(), send("begun", shots[2:]).json()] == [done, begun]
        assert wait_for(client, done["location"]) == result
        assert wait_for(client, begun["location"])["state"] == "done"
        assert send("done", shots).status_code == 422
    gallery = Gallery.open(server.gallery)
    assert dict(gallery.photos()["identity"].value_counts()) == {"violet": 6}
    summaries = [entry.summary for entry in gallery.log() if entry.command == "enroll"]
    assert summaries == ["2 photos, 1 new identity", "4 photos, 0 new identities"]
    assert [path.name for path in (server.gallery / "service/added").iterdir()] == [half_sent]


def test_a_busy_service_says_so_and_a_job_is_cancelled(client: TestClient, herd: Path, shoe_folder: Path) -> None:
    service = client.app.state.service  # type: ignore[attr-defined]
    begun, go = threading.Event(), threading.Event()
    files = [photo(path, f"new/{path.name}") for path in sorted((shoe_folder / "red").glob("*.jpg"))]
    service.model.submit(lambda: begun.set() or go.wait())
    begun.wait()
    try:
        accepted = client.post(
            f"{G}/photos", files=[("photo", ("new/x.jpg", photo_bytes(7, shot=1)))], data={"category": "shoe"}
        )
        while service.model.waiting < service.settings.limits.queue:
            with suppress(BusyError):
                service.model.submit(lambda: None)
        busy = client.post(f"{G}/identify", files=files)
        assert (busy.status_code, busy.headers["retry-after"], busy.json()["type"]) == (
            429,
            "2",
            "urn:vicp:problem:busy",
        )
        assert client.delete(accepted.headers["location"]).status_code == 204
    finally:
        go.set()
    assert wait_for(client, accepted.headers["location"])["state"] == "cancelled"
    assert names(herd) == {"red": 3, "green": 3, "blue": 3, "yellow": 3}
    assert not list((herd / "service/added").iterdir())


def test_before_the_galleries_are_open_it_is_not_ready(herd: Path) -> None:
    client = TestClient(make_app(ServiceSettings(galleries=(str(herd),))), base_url="http://127.0.0.1")
    assert client.get("/health/live").status_code == 200
    for address in ("/health/ready", G):
        early = client.get(address)
        assert (early.status_code, early.headers["retry-after"], early.json()["status"]) == (503, "2", 503)
    page = client.get("/", headers={"accept": "text/html"})
    assert (page.status_code, "Opening your galleries" in page.text) == (503, True)


def test_labels_are_kept_and_contradictions_refused(client: TestClient, herd: Path) -> None:
    pair = client.get(f"{G}/pairs/next?limit=1").json()[0]
    left, right = pair["left"]["key"], pair["right"]["key"]
    body = {"pairs": [{"left": left, "right": right, "same": True}]}
    for added in (1, 0):
        written = client.post(f"{G}/pairs", json=body).json()
        assert written["summary"] == f"{added} new labels, 0 that could not be told"
    body["pairs"][0]["same"] = False
    assert client.post(f"{G}/pairs", json=body).status_code == 409
    assert Gallery.open(herd).stats().pairs == 1
    asked = {(each["left"]["key"], each["right"]["key"]) for each in client.get(f"{G}/pairs/next?limit=24").json()}
    assert (left, right) not in asked


def test_an_answer_that_fits_no_question_is_refused(client: TestClient, herd: Path) -> None:
    keys = list(Gallery.open(herd).photos()["key"][:2])
    body = {"kind": "pairs", "left": keys[:1], "right": keys[1:], "answer": "new"}
    assert client.post(f"{G}/review", json=body).status_code == 422
    assert client.post(f"{G}/review", json={**body, "left": ["nobody"]}).status_code == 404
    assert client.post(f"{G}/review", json={**body, "left": []}).status_code == 422


def test_another_writer_is_said_and_waited_for(client: TestClient, herd: Path) -> None:
    from vicp.gallery.store.database import change

    with change(str(herd), "label", author="bob"):
        locked = client.post(f"{G}/undo")
    assert (locked.status_code, locked.headers["retry-after"]) == (423, "2")


def test_paths_below_the_photo_root_alone_are_read(tmp_path: Path, herd: Path, shoe_folder: Path) -> None:
    from tests.service.conftest import wait_until_ready

    settings = ServiceSettings(galleries=(str(herd),), photo_root=shoe_folder)
    with TestClient(make_app(settings), base_url="http://127.0.0.1") as client:
        wait_until_ready(client)
        good = client.post(f"{G}/identify", json={"paths": ["red/0.jpg"]})
        assert (good.status_code, good.json()[0]["photo"]) == (200, "red/0.jpg")
        for path in ("../x.jpg", "/etc/passwd", "red/../../x.jpg", "red"):
            bad = client.post(f"{G}/identify", json={"paths": [path]})
            assert bad.status_code == 404, path
            assert str(shoe_folder) not in bad.text


def test_no_request_that_the_description_allows_is_a_fault(server: Server, tmp_path: Path) -> None:
    """Schemathesis makes requests from the description, good and bad ones."""
    pytest.importorskip("schemathesis", reason="pip install schemathesis brings the test of requests made at random")
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/api/v1/openapi.json"]
    command += ["--request-timeout", "60"]  # the first one may wait for the model
    command += ["--checks", checks, "--max-examples", "6", "--seed", "7", "--phases", "examples,fuzzing", "--no-color"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout[:8000] + ended.stderr[-2000:]
    assert server.process.poll() is None
