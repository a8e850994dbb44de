import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import write_photo
from vicp import __version__


def vicp(*arguments: object, cwd: Path, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "VICP_CACHE": str(cache or cwd / "cache"), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "vicp", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


def one_line_error(result: subprocess.CompletedProcess[str], *expected: str) -> None:
    assert result.returncode == 2, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.strip() and ": read the folders as " not in line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    for text in expected:
        assert text in lines[0]


def test_teach_identify_verify(photo_folder: Path, tmp_path: Path) -> None:
    taught = vicp("teach", "shoes", "--category", "shoe", "--pairs", 12, "--model", "tiny", "--json", cwd=tmp_path)
    facts = json.loads(taught.stdout)
    assert (facts["pairs"], facts["same_pairs"], facts["photos"], facts["skipped"]) == (12, 6, 15, 0)
    prompt = tmp_path / "shoe.prompt.safetensors"
    assert prompt.is_file()

    write_photo(tmp_path / "new photo é.jpg", (40, 205, 55), seed=9)
    unknown = "new photo é.jpg"
    found = vicp(
        "identify", "shoes", unknown, "--prompt", prompt, "--top", 3, "--model", "tiny", "--json", cwd=tmp_path
    )
    query = json.loads(found.stdout)["identifications"][0]
    assert query["photo"] == "new photo é.jpg"
    assert [len(query["candidates"]), query["candidates"][0]["identity"]] == [3, "green"]
    similarities = [c["similarity"] for c in query["candidates"]]
    assert similarities == sorted(similarities, reverse=True)

    both = vicp("verify", unknown, unknown, "--prompt", prompt, "--model", "tiny", "--json", cwd=tmp_path)
    verdict = json.loads(both.stdout)
    assert verdict["similarity"] == pytest.approx(1, abs=1e-5)
    assert (verdict["verdict"], verdict["promised"]) == ("same", False)
    assert 0.5 < verdict["probability"] < 1
    total = sum(c["probability"] for c in query["candidates"]) + query["probability_new"]
    assert total <= 1 + 1e-9
    assert query["prior_new"] == 0.5


def test_own_pairs(photo_folder: Path, tmp_path: Path) -> None:
    pairs = [
        ("red/0.jpg", "red/1.jpg", "same"),
        ("red/0.jpg", "blue/1.jpg", "different"),
        ("blue/0.jpg", "blue/2.jpg", 1),
    ]
    pd.DataFrame(pairs, columns=["left", "right", "same"]).to_csv(tmp_path / "pairs.csv", index=False)
    arguments = ("teach", "shoes", "--category", "shoe", "--support", "pairs.csv", "--model", "tiny", "--json")
    facts = json.loads(vicp(*arguments, cwd=tmp_path).stdout)
    assert (facts["pairs"], facts["same_pairs"], facts["seed"]) == (3, 2, None)

    (photo_folder / "red" / "1.jpg").write_bytes(b"\xff\xd8\xff broken")
    one_line_error(vicp(*arguments, cwd=tmp_path), "red/1.jpg", "--skip-bad")
    facts = json.loads(vicp(*arguments, "--skip-bad", cwd=tmp_path).stdout)
    assert (facts["pairs"], facts["same_pairs"], facts["skipped"]) == (2, 1, 1)


def test_bad_photos_stop_every_command_and_name_each(photo_folder: Path, tmp_path: Path) -> None:
    (photo_folder / "red" / "0.jpg").write_bytes(b"")
    (photo_folder / "blue" / "1.jpg").write_text("no photo")
    teach = ("teach", "shoes", "--category", "shoe", "--pairs", 8, "--model", "tiny")
    one_line_error(vicp(*teach, cwd=tmp_path), "blue/1.jpg", "red/0.jpg", "empty", "--skip-bad")
    assert not (tmp_path / "shoe.prompt.safetensors").exists()
    skipped = vicp(*teach, "--skip-bad", cwd=tmp_path)
    assert skipped.returncode == 0
    assert "Left out 2 photos" in skipped.stdout

    identify = ("identify", "shoes", "shoes/green/0.jpg", "--model", "tiny", "--no-cache")
    one_line_error(vicp(*identify, cwd=tmp_path), "blue/1.jpg", "red/0.jpg")
    assert "Left out 2 photos" in vicp(*identify, "--skip-bad", cwd=tmp_path).stdout

    check = vicp("data", "check", "shoes", "--json", cwd=tmp_path)
    assert check.returncode == 1
    assert {row["path"] for row in json.loads(check.stdout)["bad"]} == {"red/0.jpg", "blue/1.jpg"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("teach", "nowhere", "--category", "x", "--model", "tiny"), "no such file or folder: nowhere"),
        (("identify", "shoes", "nowhere.jpg", "--model", "tiny"), "nowhere.jpg"),
        (("identify", "shoes", "shoes/red/0.jpg", "--prompt", "none.safetensors", "--model", "tiny"), "vicp teach"),
        (("teach", "shoes", "--category", "x", "--model", "./nowhere"), "nowhere"),
        (("train", "train.learning_rat=1"), "did you mean 'train.learning_rate'"),
        (("train", "--config", "missing.yaml"), "missing.yaml"),
        (("data", "check", "shoes.txt"), "shoes.txt"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(photo_folder: Path, tmp_path: Path, arguments, expected: str) -> None:
    one_line_error(vicp(*arguments, cwd=tmp_path), expected)


def test_demo_on_a_small_world(tmp_path: Path) -> None:
    arguments = ("demo", "--model", "tiny", "--categories", 2, "--pairs", 8, "--out", "page", "--json")
    result = vicp(*arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "page" / "report.json").read_text())
    assert json.loads(result.stdout)["verdict"] == report["verdict"]
    assert [list(c["results"]) for c in report["categories"]] == [
        ["own", "other", "shuffled", "null", "frozen", "metric"]
    ] * 2
    for category in report["categories"]:
        assert category["queries"] == 72
        assert all(0 < row["map"] <= 1 for row in category["results"].values())
    page = (tmp_path / "page" / "report.html").read_text()
    pictures = 2 * (3 * 6 + 1) + 9 * (1 + 3)  # three rank lists of a query and five hits, and a match; nine answers
    assert page.count("data:image/") == pictures
    assert [answer["truth"] for answer in report["answers"]][-2:] == ["Hugo", None]


def test_help_needs_no_heavy_import(tmp_path: Path) -> None:
    code = "import sys, vicp.cli; print([m for m in ('torch', 'transformers', 'pandas', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
    for command in ("teach", "identify", "verify", "demo", "pretrain", "train"):
        assert vicp(command, "--help", cwd=tmp_path).returncode == 0


def test_bad_questions_are_all_named_before_the_gallery_is_read(photo_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no photo")
    arguments = ("identify", "shoes", "shoes/red/0.jpg", "broken.jpg", "text.jpg", "--model", "tiny", "--no-cache")
    one_line_error(vicp(*arguments, cwd=tmp_path), "broken.jpg", "text.jpg", "--skip-bad")
    found = json.loads(vicp(*arguments, "--skip-bad", "--json", cwd=tmp_path).stdout)
    assert (found["skipped"], [q["photo"] for q in found["identifications"]]) == (2, ["shoes/red/0.jpg"])


def test_teach_takes_one_category_of_several(photo_folder: Path, tmp_path: Path) -> None:
    photo_folder.rename(tmp_path / "shoe")
    (tmp_path / "all").mkdir()
    (tmp_path / "shoe").rename(tmp_path / "all" / "shoe")
    for name in ("x", "y"):
        for shot in range(2):
            write_photo(tmp_path / "all" / "hat" / name / f"{shot}.jpg", (99, 99, 30 * shot), seed=shot)
    teach = ("teach", "all", "--pairs", 4, "--model", "tiny", "--json")
    assert json.loads(vicp(*teach, "--category", "shoe", cwd=tmp_path).stdout)["photos"] == 15
    one_line_error(vicp(*teach, "--category", "shoo", cwd=tmp_path), "shoo", "shoe")


def test_verify_wants_two_photos(photo_folder: Path, tmp_path: Path) -> None:
    vicp("teach", "shoes", "--category", "shoe", "--pairs", 4, "--model", "tiny", cwd=tmp_path)
    arguments = ("verify", "shoes", "shoes/red/0.jpg", "--prompt", "shoe.prompt.safetensors", "--model", "tiny")
    one_line_error(vicp(*arguments, cwd=tmp_path), "expected two photos")


def test_version_is_that_of_the_package(tmp_path: Path) -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    assert vicp("--version", cwd=tmp_path).stdout == f"vicp {project['version']}\n"
    assert __version__ == project["version"]
