"""The study of the service: its summary of calls, its photos, and its page."""

from io import BytesIO

import pytest
from PIL import Image

from benchmarks.service.page import page
from benchmarks.service.photos import photo_bytes
from benchmarks.service.run import summary


def call(task: str, seconds: float, status: int) -> dict[str, object]:
    return {"task": task, "seconds": seconds, "status": status}


def test_times_are_those_of_answers_and_errors_are_counted() -> None:
    calls = [call("ask", 0.1 * n, 200) for n in range(1, 11)] + [call("review", 2.0, 200)]
    calls += [call("ask", 9.0, 429), call("review", 9.0, 500), call("ask", 9.0, 0)]
    found = summary(calls)
    assert (found["calls"], found["busy"], found["errors"]) == (14, 1, 2)
    assert (found["p50_ms"], found["p95_ms"]) == (600, 2000)
    assert found["by_task"]["ask"] == {"calls": 10, "p50_ms": 550, "p95_ms": 1000}


def test_photos_of_one_individual_differ_and_are_its_own() -> None:
    first, again, other = photo_bytes(1, shot=0), photo_bytes(1, shot=1), photo_bytes(2, shot=0)
    assert len({first, again, other}) == 3
    assert Image.open(BytesIO(first)).size == (240, 240)
    assert photo_bytes(1, shot=0) == first


@pytest.mark.parametrize("measured", [12.5, None])
def test_the_page_says_what_was_measured(measured: float | None) -> None:
    about = {
        "seconds": 60.0,
        "clients": 8,
        "photos": 60,
        "large": 10000,
        "model": "mini",
        "cores": 2,
        "load_before": 0.1,
    }
    task = {"calls": 3, "p50_ms": 5, "p95_ms": 6}
    facts = {
        "about": about,
        "by_task": {"ask": task},
        "photos_added": 7,
        "errors": 0,
        "busy": 1,
        "rss_start_mb": 300,
        "rss_end_mb": 301,
        "first_page_s": 1.2,
        "next_pair_ms": measured,
        "next_pair_p95_ms": measured,
        "axe_violations": 0,
    }
    text = page(facts)
    assert "| ask | 3 | 5 | 6 |" in text
    assert ("12.5 ms after the key" in text) == (measured is not None)
