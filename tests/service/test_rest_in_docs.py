"""The program of docs/page.md that uses the REST API, run against a server."""

import re
import threading
import time
from pathlib import Path

import httpx
import pytest
import uvicorn

from tests.conftest import write_photo
from vicp.gallery.gallery import Gallery
from vicp.service.app import make_app
from vicp.service.settings import ServiceSettings

PAGE = Path(__file__).parents[2] / "docs" / "page.md"


def test_the_program_of_the_page_runs(herd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = sorted(Gallery.open(herd).identities()["identity"])[0]
    app = make_app(ServiceSettings(galleries=(str(herd),), author="ann"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        for _ in range(600):
            if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                break
            time.sleep(0.05)
        (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.S | re.M)
        write_photo(tmp_path / "new.jpg", (215, 45, 42), seed=5)
        monkeypatch.chdir(tmp_path)
        here = program.replace("8377", str(port)).replace("/identities/Tom", f"/identities/{name}")
        assert here.count(str(port)) == 1
        assert name in here
        exec(compile(here, PAGE.name, "exec"), {})
    finally:
        server.should_exit = True
        thread.join(30)
    gallery = Gallery.open(herd)
    assert [entry.command for entry in gallery.log()][-2:] == ["rename", "undo"]
    assert name in set(gallery.identities()["identity"])
