"""`vicp pairs` and what identify and verify decide, from the command line, with a tiny backbone."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Run, write_photo


def test_propose_label_add_teach(photo_folder: Path, tmp_path: Path, vit: str, run: Run) -> None:
    ask = ("pairs", "next", "shoes", "--backbone", vit, "--count", 6, "--pairs", "pairs.csv", "--json")
    facts = json.loads(run(*ask, "--sheet", "next.html"))
    assert (facts["photos"], facts["labelled"], len(facts["pairs"]), facts["csv"]) == (15, 0, 6, "next.csv")
    assert {pair["why"] for pair in facts["pairs"]} == {"likely same", "uncertain"}
    page = (tmp_path / "next.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 12
    assert facts["pairs"][0]["left"] in page

    frame = pd.read_csv(tmp_path / "next.csv", dtype=str, keep_default_na=False)
    assert list(frame.columns) == ["left", "right", "same", "similarity", "why"]
    assert set(frame["same"]) == {""}
    same = frame["left"].str.split("/").str[0] == frame["right"].str.split("/").str[0]
    frame.assign(same=same.astype(int)).to_csv(tmp_path / "next.csv", index=False)
    assert "holds 6 labels that would be lost; add them with `vicp pairs add`" in run(*ask)
    add = ("pairs", "add", "next.csv", "--photos", "shoes")
    added = json.loads(run(*add, "--json"))
    assert (added["new"], added["known"], added["total"], added["same"]) == (6, 0, 6, int(same.sum()))
    assert run(*add).startswith("Added 0 pairs; 6 were there already.")

    again = json.loads(run(*ask))
    assert again["labelled"] == 6
    before = {(pair["left"], pair["right"]) for pair in facts["pairs"]}
    assert before.isdisjoint((pair["left"], pair["right"]) for pair in again["pairs"])
    kept = (tmp_path / "pairs.csv").read_text()
    assert "something else than proposals" in run(*ask, "--out", "pairs.csv")
    assert (tmp_path / "pairs.csv").read_text() == kept


def test_what_to_do_next_can_be_typed_as_it_stands(photo_folder: Path, tmp_path: Path, vit: str, run: Run) -> None:
    said = run("pairs", "next", "shoes", "--backbone", vit, "--count", 2, "--pairs", "none.csv", "--out", "my next.csv")
    assert "`vicp pairs add 'my next.csv' --photos shoes`" in said
    assert "none.csv is not there yet: no label was known." in said


def test_errors_are_one_line(photo_folder: Path, tmp_path: Path, vit: str, run: Run) -> None:
    shutil.copytree(photo_folder, tmp_path / "both" / "boot")
    shutil.copytree(photo_folder, tmp_path / "both" / "shoe")
    rows = [
        (f"both/{kind}/{n}/{i}.jpg", kind, "") for kind in ("boot", "shoe") for n in ("red", "blue") for i in (0, 1)
    ]
    pd.DataFrame(rows, columns=["path", "category", "identity"]).to_csv(tmp_path / "two.csv", index=False)
    use = ("--backbone", vit)
    assert "say which with --category" in run("pairs", "next", "two.csv", *use)
    assert "no category 'bot'" in run("pairs", "next", "two.csv", "--category", "bot", *use)
    assert json.loads(run("pairs", "next", "two.csv", "--category", "boot", "--json", *use))["photos"] == 4
    assert "no such file" in run("pairs", "next", "nowhere", *use).lower()
    (tmp_path / "file").write_text("")
    assert "file is a file, expected a folder" in run("pairs", "next", "shoes", *use, "--out", "file/next.csv")
    labelled = [(f"red/{i}.jpg", f"red/{i + 1}.jpg", 1) for i in range(2)]
    pd.DataFrame(labelled, columns=["left", "right", "same"]).to_csv(tmp_path / "pairs.csv", index=False)
    shutil.move(tmp_path / "shoes" / "red", tmp_path / "one" / "red")
    assert "nothing left to ask" in run("pairs", "next", "one", "--pairs", "pairs.csv", *use)


def many_individuals(root: Path, num: int) -> None:
    """Individuals told apart by colour, two photos each."""
    for i in range(num):
        colour = (40 + 29 * (i % 7), 40 + 29 * (i // 7 % 7), 60 + 120 * (i // 49))
        for shot in range(2):
            write_photo(root / f"i{i:02}" / f"{shot}.jpg", colour, seed=100 * i + shot)


def test_decisions_from_folders(tmp_path: Path, vit: str, run: Run) -> None:
    many_individuals(tmp_path / "herd", 50)
    facts = ("teach", "herd", "--category", "cow", "--pairs", 60, "--adapt", "null", "--backbone", vit, "--json")
    run(*facts)
    use = ("--prompt", "cow.prompt.safetensors", "--backbone", vit)
    strict = json.loads(run("identify", "herd", "herd/i03/0.jpg", *use, "--false-match-rate", 0.01, "--json"))
    decision = strict["identifications"][0]
    assert not decision["promised"]
    assert (decision["verdict"], decision["candidates"][0]["identity"]) == ("new", "i03")
    assert decision["candidates"][0]["probability"] < 0.5, "colours this close tell nothing"
    assert decision["probability_new"] == pytest.approx(0.5, abs=0.05), "and so the prior stays"
    # A hundredth takes 230 searches, hence 231 pairs of individuals, and 50 are 25 of them.
    assert decision["shortage"]["missing"] == 206
    assert "206 more different-pairs" in decision["promise"]

    loose = ("--false-match-rate", 0.1, "--confidence", 0.9)
    found = json.loads(run("identify", "herd", "herd/i03/0.jpg", *use, *loose, "--json"))["identifications"][0]
    assert found["threshold"]["candidates"] == 50
    assert found["candidates"][0]["identity"] == "i03"
    assert 0 < found["candidates"][0]["probability"] < 1
    told = run("identify", "herd", "herd/i03/0.jpg", *use, *loose)
    assert "herd/i03/0.jpg: " in told
    assert re.search(r"\d+ % \(\d+ to \d+ %\)", told), "a probability with its range"

    pair = json.loads(run("verify", "herd/i03/0.jpg", "herd/i40/0.jpg", *use, *loose, "--json"))
    assert pair["verdict"] in ("different", "unsure")
    assert pair["threshold"]["candidates"] == 1
    assert re.search(r"\d+ % \(\d+ to \d+ %\)", run("verify", "herd/i03/0.jpg", "herd/i03/1.jpg", *use, *loose))
    for option, bounds in (("--false-match-rate", "1e-06 to 0.5"), ("--confidence", "0.5 to 0.999")):
        for value in (0, 1, 1.5):
            said = run("identify", "herd", "herd/i03/0.jpg", *use, option, value)
            assert said == f"error: {option} {value:g}: expected a number from {bounds}\n"


def test_pairs_next_looks_at_names_and_sides_and_says_why_there_are_fewer(
    photo_folder: Path, tmp_path: Path, vit: str, run: Run
) -> None:
    rows = [
        (f"shoes/{name}/{i}.jpg", name if i < 2 else "", "left" if i else "right")
        for name in ("red", "green")
        for i in range(3)
    ]
    pd.DataFrame(rows, columns=["path", "identity", "viewpoint"]).to_csv(tmp_path / "some.csv", index=False)
    ask = ("pairs", "next", "some.csv", "--backbone", vit, "--count", 9, "--json", "--sheet", "next.html")
    facts = json.loads(run(*ask))
    named = {path for path, name, _ in rows if name}
    side = {path: side for path, _, side in rows}
    assert facts["pairs"]
    for pair in facts["pairs"]:
        assert not {pair["left"], pair["right"]} <= named, "names tell what these two are"
        assert side[pair["left"]] == side[pair["right"]]
    assert facts["notes"][0] == "4 photos have names, which tell what two of them are."
    assert facts["notes"][1].startswith(f"{len(facts['pairs'])} instead of 9: ")
    page = (tmp_path / "next.html").read_text()
    assert ">photo 1<" in page
    assert not any(f">{path}<" in page for path in side), "a path may tell the individual"
    said = run("pairs", "next", "shoes", "--backbone", vit, "--count", 2, "--out", "all.csv")
    assert "Every photo has a name already: these pairs check the names." in said
