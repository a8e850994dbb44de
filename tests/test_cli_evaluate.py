"""`vicp evaluate` as it is typed: killed, stopped, resumed, and given what it cannot use."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.test_cli import one_line_error, vicp
from vicp.data.sources.world import world_photos

COMMON = ("--adapt", "null,generated", "--support-draws", "1", "--pairs", "8")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two categories of ten individuals with four photos each."""
    path = tmp_path_factory.mktemp("photos") / "world.parquet"
    frame = world_photos(num_categories=2, num_identities=10, photos_per_identity=4, size=96, seed=3)
    frame[["path", "image", "category", "identity"]].to_parquet(path)
    return path


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """An evaluation that nobody disturbed: its folder, and what it printed with --json."""
    out = tmp_path_factory.mktemp("whole")
    result = vicp(
        "evaluate", "mini", "frozen:mini", "--photos", str(photos), "--out", str(out), *COMMON, "--json", cwd=out
    )
    assert result.returncode == 0, result.stderr
    return out, json.loads(result.stdout)


def start(photos: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "vicp", "evaluate", "mini", "frozen:mini", "--photos", str(photos)]
    command += ["--out", str(out), *COMMON, "--no-diagnose"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait_for_part(process: subprocess.Popen[str], out: Path) -> Path:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        parts = sorted(out.rglob("*.npz"))
        if parts:
            return parts[0]
        time.sleep(0.02)
    raise AssertionError(f"no part was finished: {process.communicate()}")


def rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in report["rows"]]


def test_the_report_holds_what_is_promised(whole: tuple[Path, dict[str, Any]]) -> None:
    out, printed = whole
    promised = {"method", "adaptation", "protocol", "category", "map", "rank1", "rank5", "auc", "acc", "interval"}
    assert all(promised | {"seconds", "context"} <= set(row) for row in printed["rows"])
    assert json.loads((out / "report.json").read_text()) == printed
    page = (out / "report.html").read_text()
    assert page.count("data:image/") > 10
    assert all(row["category"] in page for row in printed["rows"])
    assert "The context" in (out / "report.md").read_text().split("##")[0]


def test_a_killed_evaluation_goes_on(photos: Path, whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    process = start(photos, tmp_path)
    part = wait_for_part(process, tmp_path)
    process.kill()
    process.communicate()
    assert not (tmp_path / "report.json").exists()
    before = part.stat().st_mtime_ns
    again = start(photos, tmp_path)
    _, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    assert part.stat().st_mtime_ns == before
    assert rows(json.loads((tmp_path / "report.json").read_text())) == rows(whole[1])
    assert not list(tmp_path.rglob("*.part"))


def test_ctrl_c_is_one_line(photos: Path, tmp_path: Path) -> None:
    process = start(photos, tmp_path)
    wait_for_part(process, tmp_path)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert errors.strip().splitlines()[-1] == "error: stopped: the same command goes on where it was"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mini", "--protocol", "vicp-retrival"), "did you mean 'vicp-retrieval'?"),
        (("minni",), "did you mean 'mini'?"),
        (("mini", "--adapt", "metrik"), "did you mean 'metric'?"),
        (("mini", "--rerank", "verifyer"), "did you mean 'verifier'?"),
        (("frozen:mini", "--adapt", "generated"), "adaptation generated needs a VICP model"),
        (("frozen:mini", "--exclude", "camera"), "photos cannot be left out by 'camera'"),
        (("frozen:mini", "--protocol", "petface-verification"), "petface-verification needs"),
        (("frozen:mini", "--published", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_wrong_input_is_one_line(photos: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    out = tmp_path / "out"
    one_line_error(vicp("evaluate", *arguments, "--photos", photos, "--out", out, cwd=tmp_path), message)
    assert not (out / "report.json").exists()


def test_another_evaluation_in_the_folder_is_refused(photos: Path, whole: tuple[Path, dict[str, Any]]) -> None:
    out, _ = whole
    before = (out / "report.json").read_bytes()
    result = vicp("evaluate", "mini", "--photos", photos, "--out", out, *COMMON[:-1], "6", cwd=out)
    one_line_error(result, "holds another evaluation (different: pairs)")
    assert (out / "report.json").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_one_line(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    out = tmp_path / "file" / "out"
    result = vicp("evaluate", "frozen:mini", "--photos", photos, "--out", out, "--adapt", "null", cwd=tmp_path)
    one_line_error(result, str(out))


def test_a_truncated_photo_is_named_or_skipped(photo_folder: Path, tmp_path: Path) -> None:
    victim = sorted(photo_folder.rglob("*.jpg"))[0]
    victim.write_bytes(victim.read_bytes()[:300])
    arguments = ("evaluate", "frozen:mini", "--photos", str(photo_folder), "--adapt", "null", "--no-diagnose")
    one_line_error(vicp(*arguments, "--out", tmp_path / "out", cwd=tmp_path), victim.name)
    result = vicp(*arguments, "--out", tmp_path / "out", "--skip-bad", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
