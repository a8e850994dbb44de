"""What the service takes: clients that ask and review while one adds photos, and the time from key to picture.

    python -m benchmarks.service.run [--seconds 600] [--clients 8] [--photos 500] [--large 10000]

Writes results/service.md and .json. The server is a process of its own on the loopback address; each client waits for
one answer before it sends the next question. The time from key to picture needs Chromium and is left out without it.
"""

import argparse
import os
import platform
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.lib.program import ROOT
from benchmarks.lib.results import write_results
from benchmarks.service.page import page
from benchmarks.service.photos import made_up_gallery, photo_bytes
from benchmarks.service.server import Server, time_to_next_pair

G = "/api/v1/galleries/herd"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--photos", type=int, default=500, help="in the gallery that is asked; as many are added")
    parser.add_argument("--large", type=int, default=10_000, help="photos of the gallery that is reviewed by keys")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--out", type=Path, default=ROOT / "results", help="folder of service.md and .json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        facts = measure_load(Path(folder) / "load", arguments)
        facts |= measure_keys(Path(folder) / "keys", arguments.large)
    write_results(arguments.out / "service", facts, page(facts))


def measure_load(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return times and errors of clients that ask and review while one adds photos."""
    folder.mkdir()
    server = Server(folder / "herd", model=arguments.model)
    try:
        with httpx.Client(base_url=server.url, timeout=120) as client:
            add_photos(client, range(arguments.photos), make=True)
            process = psutil.Process(server.process.pid)
            ask(client, 0)  # the model is open
            start_mb, calls = process.memory_info().rss / 1e6, run_clients(server.url, arguments)
            end_mb = process.memory_info().rss / 1e6
            added = client.get(G).json()["categories"][0]["photos"] - arguments.photos
    finally:
        server.stop()
    return {
        "about": about(arguments),
        "first_page_s": round(server.seconds_to_first_page, 2),
        "rss_start_mb": round(start_mb),
        "rss_end_mb": round(end_mb),
        "photos_added": added,
        **summary(calls),
    }


def about(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "seconds": arguments.seconds,
        "clients": arguments.clients,
        "photos": arguments.photos,
        "large": arguments.large,
        "model": arguments.model,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def run_clients(url: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return every call of the clients: what, seconds, status."""
    calls: list[dict[str, Any]] = []
    end = time.monotonic() + arguments.seconds
    photos = arguments.photos

    def work(number: int) -> None:
        with httpx.Client(base_url=url, timeout=120) as client:
            turn = 0
            while time.monotonic() < end:
                turn += 1
                task = ask if turn % 2 else review
                began = time.perf_counter()
                try:
                    status = task(client, photos + 1000 * number + turn)
                except httpx.TransportError:
                    status = 0
                calls.append({"task": task.__name__, "seconds": time.perf_counter() - began, "status": status})
                if status == 429:
                    time.sleep(2)

    def enroll() -> None:
        with httpx.Client(base_url=url, timeout=600) as client:
            for start in range(photos, 2 * photos, 20):
                if time.monotonic() > end:
                    return
                add_photos(client, range(start, min(start + 20, 2 * photos)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(arguments.clients)]
    threads.append(threading.Thread(target=enroll))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return calls


def ask(client: httpx.Client, number: int) -> int:
    """Ask who is on a photo."""
    answer = client.post(f"{G}/identify", files=[("photo", ("new.jpg", photo_bytes(number, shot=9)))])
    return answer.status_code


def review(client: httpx.Client, number: int) -> int:
    """Take the next pair, look at its pictures, and label it."""
    answer = client.get(f"{G}/pairs/next?limit=8")
    if answer.status_code != 200 or not answer.json():
        return answer.status_code
    pair = answer.json()[number % len(answer.json())]
    for side in ("left", "right"):
        client.get(f"{G}/photos/{pair[side]['key']}/image?size=view")
    same = pair["left"]["identity"] == pair["right"]["identity"]
    body = {"pairs": [{"left": pair["left"]["key"], "right": pair["right"]["key"], "same": same}]}
    status = client.post(f"{G}/pairs", json=body).status_code
    return 200 if status == 409 else status  # another client's labels tell this pair already


def add_photos(client: httpx.Client, numbers: range, *, make: bool = False) -> None:
    """Add photos, and wait until they are in."""
    if make:
        client.post("/g/herd/add")
    for start in range(0, len(numbers), 100):
        files = [
            ("photo", (f"{n // 5}/{n % 5}.jpg", photo_bytes(n // 5, shot=n % 5))) for n in numbers[start : start + 100]
        ]
        accepted = client.post(f"{G}/photos", files=files, data={"category": "thing"})
        accepted.raise_for_status()
        while client.get(accepted.headers["location"]).json()["state"] == "running":
            time.sleep(0.2)


def summary(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Return times of answers that came, and counts of those that did not."""
    good = {
        task: sorted(call["seconds"] * 1000 for call in calls if call["task"] == task and call["status"] == 200)
        for task in ("ask", "review")
    }
    times = sorted(good["ask"] + good["review"])
    return {
        "calls": len(calls),
        "p50_ms": round(statistics.median(times)),
        "p95_ms": round(times[int(0.95 * len(times))]),
        "by_task": {
            task: {"calls": len(ms), "p50_ms": round(statistics.median(ms)), "p95_ms": round(ms[int(0.95 * len(ms))])}
            for task, ms in good.items()
            if ms
        },
        "busy": sum(call["status"] == 429 for call in calls),
        "errors": sum(call["status"] not in (200, 429) for call in calls),
    }


def measure_keys(folder: Path, num_photos: int) -> dict[str, Any]:
    """Return the median time from a key to the next pair's picture, in a large gallery, and what axe-core finds."""
    if shutil.which("chromium") is None or not num_photos:
        return {"next_pair_ms": None, "axe_violations": None}
    folder.mkdir()
    made_up_gallery(folder / "herd", num_photos)
    server = Server(folder / "herd", model="mini")
    try:
        return time_to_next_pair(server.url)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
