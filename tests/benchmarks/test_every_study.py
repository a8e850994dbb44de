"""Every study whose program no other test runs, from its command to its page, with settings of seconds."""

import importlib
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.lib.program import ROOT
from benchmarks.training_speed.one_run import measure
from benchmarks.training_speed.run import METHODS
from vicp.data.procedural.world import world_photos
from vicp.model.build import PRESETS, build_model
from vicp.model.loading.checkpoint import save_checkpoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo set of sixteen individuals of one category, one of eight each of two, and a tiny checkpoint."""
    folder = tmp_path_factory.mktemp("studies")
    for name, num_categories in (("pots", 1), ("tools", 2)):
        drawn = world_photos(
            num_categories=num_categories, num_identities=16 // num_categories, photos_per_identity=4, size=48
        )
        pd.DataFrame(drawn[["path", "image", "category", "identity"]]).to_parquet(folder / f"{name}.parquet")
    save_checkpoint(build_model(PRESETS["tiny"]), folder / "small")
    return folder


@pytest.mark.parametrize(
    ("program", "arguments", "row"),
    [
        ("cluster.run", "pots.parquet --draws 1 --photos 16", "| pots | "),
        ("decisions.run", "pots.parquet --draws 2 --simulations 2 --workers 1", "| pots | "),
        ("embedding_speed.run", "--rounds 1 --batch 1 --photos 1", "| vit_s | "),
        ("gallery.run", "--sizes 1000 --methods ours numpy --runs searches", "## 1,000 photos"),
        ("pairs.run", "pots.parquet --seeds 1 --workers 1", "| pots | "),
        ("routing.run", "tools.parquet --draws 1 --photos 6 --categories 2", "| metric | "),
        ("sets.demo", "pots.parquet --pairs 4 --draws 2 --model tiny --categories 1", "| pots | "),
        (
            "when_prompts_pay.run",
            "--checkpoint small --kinds emblem --train 4 --test 4 --token-steps 2 --map-steps 2 --pairs 4 --runs kept",
            "# Prompts that an LLM emits",
        ),
        (
            "speed.run",
            "--rounds 1 --photos 2 --known 40 --parts commands stages --runs costs",
            "| `vicp verify` | onnx | ",
        ),
        ("sets.run", "pots.parquet --methods small --support-draws 1", "| small | null | "),
    ],
)
def test_the_program_writes_its_page(
    program: str, arguments: str, row: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "results").rglob("*.*")}
    monkeypatch.chdir(folder)
    out = tmp_path / ("." if program == "gallery.run" else "page")
    monkeypatch.setattr(sys, "argv", [program, *arguments.split(), "--out", str(out)])
    importlib.import_module(f"benchmarks.{program}").main()
    (written,) = tmp_path.glob("*.json")
    assert json.loads(written.read_text())
    page = written.with_suffix(".md").read_text()
    assert page.startswith("# ")
    assert row in page
    assert {path: path.stat().st_mtime_ns for path in (ROOT / "results").rglob("*.*")} == before


def test_a_line_of_training_speed_is_a_run_of_the_trainer(tmp_path: Path) -> None:
    request = {"photos": 8, "identities": 8, "depth": 1, "train": METHODS["Triplet"], "out": str(tmp_path)}
    found = measure(request, 1)
    assert found["trainable"] > 20e6, "a whole ViT-S"
    assert found["images_per_second"] == pytest.approx(8 / found["seconds"])
    assert 0 < found["shares"]["drawing"] < 1
