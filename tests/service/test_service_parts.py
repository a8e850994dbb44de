"""Workers, jobs, names of uploads, and the vendored script."""

import asyncio
import hashlib
import threading
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from vicp.gallery.stats import CategoryStats, GalleryStats
from vicp.service.jobs.jobs import CancelledError, Job, Jobs
from vicp.service.jobs.teaching import untaught_pairs
from vicp.service.jobs.workers import Worker
from vicp.service.page.start import next_step
from vicp.service.problems import BusyError, ProblemError
from vicp.service.uploads import safe_path

HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"  # dist/htmx.min.js of htmx.org 2.0.11 on npm


def test_the_vendored_script_is_htmx_as_published_and_has_its_licence() -> None:
    static = files("vicp.service").joinpath("static")
    assert hashlib.sha256(static.joinpath("htmx-2.0.11.min.js").read_bytes()).hexdigest() == HTMX
    assert "Zero-Clause BSD" in static.joinpath("htmx-LICENSE.txt").read_text()


def test_no_file_of_the_page_names_another_site() -> None:
    static = Path(str(files("vicp.service").joinpath("static")))
    own = [path for path in static.iterdir() if not path.name.startswith("htmx")]
    own += Path(str(files("vicp.service").joinpath("templates"))).iterdir()
    for path in own:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text
        assert "https:" not in text
        assert "style=" not in text, path  # the policy forbids it
        assert "onclick" not in text


def test_a_full_queue_says_come_again() -> None:
    worker, go = Worker("test", 1), threading.Event()
    first = worker.submit(go.wait)
    while worker.waiting:
        pass
    second = worker.submit(lambda: 7)
    with pytest.raises(BusyError) as busy:
        worker.submit(lambda: 8)
    assert (busy.value.status, busy.value.headers) == (429, {"Retry-After": "2"})
    go.set()
    assert first.result() is True
    assert second.result() == 7
    assert asyncio.run(worker.run(lambda: 9)) == 9
    worker.stop()
    with pytest.raises(BusyError):
        worker.submit(lambda: 8)


def test_a_job_reports_and_is_cancelled() -> None:
    jobs, reached = Jobs(), threading.Event()

    def work(job: Job) -> tuple[str, dict[str, object]]:
        job.report(1, 3)
        reached.set()
        job.cancelled.wait(10)
        job.report(2, 3)
        raise AssertionError("not reached")

    job = jobs.start("work", "herd", work)
    reached.wait(10)
    assert jobs.running("herd") == [job]
    with pytest.raises(ProblemError):
        jobs.find("other", job.id)
    jobs.stop(10)
    assert (job.state, job.done, [event["done"] for event in job.events]) == ("cancelled", 2, [1, 2, 2])
    assert issubclass(CancelledError, Exception)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("cats/Tom/1.jpg", "cats/Tom/1.jpg"),
        ("../../etc/passwd", "etc/passwd"),
        ("C:\\photos\\Tom\\1.jpg", "photos/Tom/1.jpg"),
        ("", "photo"),
        ("a/b/c/d/e.jpg", "c/d/e.jpg"),
        ("..", "photo"),
        ("x\0y\n.jpg", "x y .jpg"),
    ],
)
def test_names_cannot_leave_their_folder(name: str, path: str) -> None:
    assert safe_path(name).as_posix() == path


def test_long_names_fit_a_disk() -> None:
    assert len(safe_path("é" * 400 + ".jpeg").name.encode()) <= 125
    assert safe_path("é" * 400 + ".jpeg").suffix == ".jpeg"


@pytest.mark.parametrize(
    ("identities", "method", "pairs", "place"),
    [
        (0, "no prompt", 0, "review?kind=groups"),
        (4, "no prompt", 3, "review"),
        (4, "no prompt", 16, "teach"),
        (4, "generated", 16, None),
    ],
)
def test_the_start_page_says_what_helps_most(identities: int, method: str, pairs: int, place: str | None) -> None:
    category = CategoryStats("cat", 20, identities, 20, 20, method, "space")
    step = next_step(GalleryStats("herd", (category,), pairs, 2, None, "mini"))
    assert (None if step is None else step["place"]) == place


def test_the_count_of_missing_pairs_goes_down_with_labels() -> None:
    """A pair counts that is different, told since the teaching, and of photos that are in no pair before."""
    taught = datetime(2026, 1, 2, tzinfo=UTC)
    pairs = [
        {"left": left, "right": right, "same": same, "at": datetime(2026, 1, day, tzinfo=UTC)}
        for day, left, right, same in (
            (1, "a", "b", False),  # taught already
            (3, "c", "d", False),
            (3, "e", "f", None),
            (4, "d", "g", False),  # d is in a pair
            (5, "h", "i", True),
            (6, "j", "k", False),
            (7, "a", "l", False),  # a is in a pair
        )
    ]
    assert untaught_pairs(pairs, taught) == 2
    assert untaught_pairs(pairs, None) == 3
