"""`vicp evaluate` as it is typed: killed, stopped, resumed, and given what it cannot use."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.test_cli import vicp
from vicp.cli import main
from vicp.data.procedural.world import world_photos

Refused = Callable[..., str]
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
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a background job ignores it, and its children too
    try:
        return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)


def wait_for_part(process: subprocess.Popen[str], out: Path) -> Path:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        parts = sorted(out.rglob("*.npz"))
        if parts:
            return parts[0]
        time.sleep(0.02)
    raise AssertionError(f"no part was finished: {process.communicate()}")


def measured(value: Any) -> Any:
    """A report without what two runs of one evaluation differ in; the diagnoses, which only one of them made."""
    if isinstance(value, dict):
        return {key: measured(v) for key, v in value.items() if key not in ("seconds", "command", "diagnoses")}
    return [measured(v) for v in value] if isinstance(value, list) else value


def files(folder: Path) -> dict[Path, int]:
    """Every file and folder below, with when it was last written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def goes_on(photos: Path, out: Path, expected: dict[str, Any]) -> None:
    """The same command keeps every finished part and ends in the report of an undisturbed run."""
    kept = {path: written for path, written in files(out).items() if path.suffix == ".npz"}
    assert kept
    assert not (out / "report.json").exists()
    again = start(photos, out)
    _, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    after = files(out)
    assert {path: after[path] for path in kept} == kept
    assert measured(json.loads((out / "report.json").read_text())) == measured(expected)
    assert sorted(path.suffix for path in after if path.is_file()) == [".html", *[".json"] * 2, ".md", *[".npz"] * 4]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """The one line that `vicp evaluate` says before it writes anything; in this process, for time."""
    monkeypatch.chdir(tmp_path)

    def refused(*arguments: object) -> str:
        before = files(tmp_path)
        monkeypatch.setattr(sys, "argv", ["vicp", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert (ended.value.code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.strip().count("\n") == 0
        assert files(tmp_path) == before
        return err

    return refused


def test_the_report_holds_what_is_promised(whole: tuple[Path, dict[str, Any]]) -> None:
    out, printed = whole
    promised = {"method", "adaptation", "protocol", "category", "map", "rank1", "rank5", "auc", "acc", "interval"}
    assert all(promised | {"seconds", "context"} <= set(row) for row in printed["rows"])
    assert json.loads((out / "report.json").read_text()) == printed
    page = (out / "report.html").read_text()
    assert page.count("data:image/") > 10
    assert all(row["category"] in page for row in printed["rows"])
    title, verdict = (out / "report.md").read_text().splitlines()[:3:2]
    assert title.startswith("# Best of 5: mini (generated) with mAP ")
    assert "The context adds" in verdict


def test_unseen_and_seen_categories_have_a_mean_each(
    photos: Path, whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out = shutil.copytree(whole[0], tmp_path / "out")
    table = pd.read_parquet(photos)
    unseen, seen = sorted(set(table["category"]))
    result = vicp(
        *("evaluate", "mini", "frozen:mini", "--photos", str(photos), "--out", str(out), *COMMON, "--json"),
        *("--no-diagnose", "--unseen", unseen),
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    maps = {
        (row["method"], row["adaptation"], row["category"]): row["map"] for row in json.loads(result.stdout)["rows"]
    }
    own = {category: maps["frozen:mini", "null", category] for category in (unseen, seen)}
    assert own[unseen] < own[seen] - 0.1
    assert maps["frozen:mini", "null", "mean of unseen categories"] == own[unseen]
    assert maps["frozen:mini", "null", "mean of seen categories"] == own[seen]
    assert maps["frozen:mini", "null", "mean"] == pytest.approx(sum(own.values()) / 2)


def test_categories_are_all_that_is_evaluated(photos: Path, tmp_path: Path) -> None:
    first, second = sorted(set(pd.read_parquet(photos)["category"]))
    ask = ("frozen:mini", "--photos", str(photos), "--adapt", "null", "--no-diagnose", "--categories", second, "--json")
    result = vicp("evaluate", *ask, "--out", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert {row["category"] for row in json.loads(result.stdout)["rows"]} == {"mean", second}
    refused = vicp("evaluate", *ask, "--out", "other", "--unseen", first, cwd=tmp_path)
    assert f"unseen: no category '{first}' is evaluated" in refused.stderr
    assert f"(there are: {second})" in refused.stderr
    assert refused.returncode == 2


def test_a_killed_evaluation_goes_on(photos: Path, whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    process = start(photos, tmp_path)
    wait_for_part(process, tmp_path)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    goes_on(photos, tmp_path, whole[1])


def test_ctrl_c_is_one_line_and_it_goes_on(photos: Path, whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    process = start(photos, tmp_path)
    wait_for_part(process, tmp_path)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    *finished, last = errors.splitlines()
    assert all(line.endswith(" s") for line in finished), errors
    assert last == "error: stopped: the same command goes on where it was"
    goes_on(photos, tmp_path, whole[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mini", "--protocol", "vicp-retrival"), "did you mean 'vicp-retrieval'?"),
        (("minni",), "did you mean 'mini'?"),
        (("mini", "--adapt", "metrik"), "did you mean 'metric'?"),
        (("mini", "--rerank", "verifyer"), "did you mean 'verifier'?"),
        (
            ("frozen:mini", "--adapt", "generated"),
            "adaptation generated needs a VICP model; frozen:mini can do: null, ",
        ),
        (("mini", "frozen:mini", "--adapt", "generated"), "frozen:mini can do: null, metric, tuned, finetuned, auto"),
        (("frozen:mini", "--exclude", "camera"), "photos cannot be left out by 'camera'"),
        (("frozen:mini", "--published", "nowhere.csv"), "nowhere.csv"),
        (("frozen:mini", "--categories", "cat"), "categories: no category 'cat' is evaluated (there are: "),
    ],
)
def test_a_wrong_request_is_one_line(photos: Path, refused: Refused, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(*arguments, "--photos", photos, "--out", "out")


def test_photos_to_evaluate_nothing_on_are_one_line(
    photos: Path, photo_folder: Path, tmp_path: Path, refused: Refused
) -> None:
    assert "no such file or folder: nowhere" in refused("frozen:mini", "--photos", "nowhere")
    (tmp_path / "empty").mkdir()
    assert "empty" in refused("frozen:mini", "--photos", "empty")
    table = pd.read_parquet(photos)
    table[table["identity"] == table["identity"].iloc[0]].to_parquet(tmp_path / "one.parquet")
    assert table["category"].iloc[0] in refused("frozen:mini", "--photos", "one.parquet")
    verification = ("--photos", "shoes", "--protocol", "petface-verification")
    assert "petface-verification needs" in refused("frozen:mini", *verification)


def test_a_folder_that_cannot_be_used_is_one_line(
    photos: Path, whole: tuple[Path, dict[str, Any]], tmp_path: Path, refused: Refused
) -> None:
    ask = ("frozen:mini", "--photos", photos, "--adapt", "null", "--out")
    (tmp_path / "file").write_text("not a folder")
    assert "--out file: is a file, expected the name of a folder" in refused(*ask, "file")
    assert "file is a file, expected a folder" in refused(*ask, "file/out")
    before = files(whole[0])
    assert "holds another evaluation (different: pairs)" in refused(
        "mini", "--photos", photos, "--out", whole[0], *COMMON[:-1], "6"
    )
    assert files(whole[0]) == before


def test_a_truncated_photo_is_named_or_skipped(photo_folder: Path, tmp_path: Path, refused: Refused) -> None:
    victim = photo_folder / "green" / "1.jpg"
    victim.write_bytes(victim.read_bytes()[:300])
    ask = ("frozen:mini", "--photos", "shoes", "--adapt", "null", "--no-diagnose", "--out", "out")
    message = refused(*ask)
    assert "green/1.jpg" in message
    assert "--skip-bad" in message
    result = vicp("evaluate", *ask, "--skip-bad", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert {row["adaptation"] for row in json.loads(result.stdout)["rows"]} == {"null"}
