"""The paper's tables from imitations of its data sets and tiny checkpoints: planned, run, stopped and gone on with."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.adapt.checkpoints import save_vit
from tests.conftest import Run
from tests.helpers.killing import logged_steps, wait_for_step
from tests.helpers.paper_datasets import write_dataset
from tests.helpers.tiny_models import LANGUAGE_CONFIGS, VISION_CONFIGS, save_language_model
from transformers import CLIPVisionModel, LlamaForCausalLM

from vicp.errors import StoppedError
from vicp.image_transform import ImageTransform
from vicp.model.loading.backbone_checkpoint import save_backbone
from vicp.reproduction.rows import DATASETS, ROWS, file_name, find_rows
from vicp.reproduction.run import open_dataset, reproduce
from vicp.reproduction.settings import Reproduction, training_runs

INDIVIDUALS = {"train": 6, "val": 6, "test": 4}
TINY = (
    *("model.num_latents=2", "model.num_prompts=2", "model.image_size=32"),
    *(f"model.qformer.{key}=32" for key in ("hidden_size", "intermediate_size")),
    *("model.qformer.num_hidden_layers=2", "model.qformer.num_attention_heads=2"),
    *("episodes.identities=2", "episodes.photos=4", "episodes.pairs=[4]", "episodes.query_pairs=2"),
    *("episodes.validation_pairs=4", "episodes.validation_episodes=1"),
    *("train.epochs=0", "train.save_every=1", "train.trackers=[]"),
)


@pytest.fixture
def tiny(tmp_path: Path) -> list[str]:
    """Options for tiny checkpoints in folders, and settings for them."""
    clip = CLIPVisionModel(VISION_CONFIGS["clip_vision_model"]())
    save_backbone(clip, tmp_path / "clip", ImageTransform(32))
    llm = save_language_model(LlamaForCausalLM(LANGUAGE_CONFIGS["llama"]()), tmp_path / "llm")
    sources = [f"model.backbone.source={save_vit(tmp_path / 'vit')}", f"model.reasoner.source={llm}"]
    return [*TINY, *sources, "--clip", str(tmp_path / "clip"), "--pairs", "4", "--support-draws", "1"]


ONE_EACH, WITHOUT_VAL = {"train": 1, "test": 1}, {"train": 10, "test": 6}
VICP_ROWS = ("VICP", "VICP, a prompt per layer")


STEPS = 8  # of a training that is killed after a few


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_the_table_of_petface(tmp_path: Path, tiny: list[str], run: Run) -> None:
    """The process is killed in the middle of the second row, and the same command goes on."""
    data = write_dataset(tmp_path / "petface", dict.fromkeys(("cat", "chimp"), INDIVIDUALS))
    ask = ("reproduce", "petface", f"train.joint_steps={STEPS}", *tiny, "--data", str(data), "--out", "out")
    planned = run(*ask, "--dry-run")
    assert "petface: 13 of 13 rows to do" in planned
    assert "  downloads nothing\n" in planned
    assert (
        f" Triplet: 1 training, {STEPS} steps, about 0.0 GPU hours and 12 GB of its memory; evaluation about"
        in " ".join(planned.split())
    )
    assert "  Triplet+: no training; " in planned, "it starts from Triplet's"
    assert not (tmp_path / "out").exists()

    out = tmp_path / "out"
    log = out / "runs/triplet/train.jsonl"
    process = subprocess.Popen([sys.executable, "-m", "vicp", *ask, "--rows", "DINOv2,Triplet"], text=True)
    wait_for_step(process, log, 2)
    process.kill()
    process.wait()
    steps, dinov2 = logged_steps(log), (out / "rows/dinov2.json").stat().st_mtime_ns
    assert 2 <= max(steps) < STEPS, "it was to be killed in the middle of the training"
    assert not (out / "rows/triplet.json").exists()
    made = json.loads(run(*ask, "--json", "--rows", "CLIP,Triplet,Triplet+,VICP"))
    assert (out / "rows/dinov2.json").stat().st_mtime_ns == dinov2, "a finished row is not run again"
    assert set(logged_steps(log)) - {0} == set(range(1, STEPS + 1)), "it went on where it was"

    rows = {row["row"]: row for row in made["rows"]}
    assert list(rows) == ["CLIP", "DINOv2", "Triplet", "Triplet+", *VICP_ROWS], "an earlier command's row too"
    for name, row in rows.items():
        assert row["finished"]
        assert all(0 < row["measured"][metric] <= 1 for metric in ("auc", "acc", "map", "rank1")), name
        assert row["categories"] == ["cat", "chimp"]
    assert rows["VICP"]["paper"] == pytest.approx({"auc": 0.935, "acc": 0.86, "map": 0.512, "rank1": 0.497})
    assert rows["VICP, a prompt per layer"]["paper"] == {}, "the paper has one prompt for all layers"
    assert rows["Triplet+"]["paper"]["map"] == pytest.approx(0.498)
    assert rows["Triplet+"]["adaptation"] == "finetuned"
    assert rows["DINOv2"]["seen"]["map"] != rows["DINOv2"]["measured"]["map"]
    assert rows["CLIP"]["measured"]["map"] != rows["DINOv2"]["measured"]["map"]
    assert rows["VICP"]["context"]["verdict"].startswith("The context ")
    page = (out / "table.md").read_text()
    assert "Categories kept from training: chimp." in page
    assert "| VICP | generated |" in page
    assert "## Mean of seen categories" in page
    configs = [json.loads((out / "runs" / file_name(name) / "best/config.json").read_text()) for name in VICP_ROWS]
    assert [config["model"]["prompts_per_layer"] for config in configs] == [False, True]
    refused = run(*ask, "--seed", 1)
    assert "holds another evaluation (different: seed)" in refused


def test_the_table_of_shopid10k_and_a_stop(tmp_path: Path, tiny: list[str], run: Run) -> None:
    data = write_dataset(tmp_path / "shop", dict.fromkeys(("hat", "backpack"), WITHOUT_VAL), ending="jpg")
    ask = ("reproduce", "shopid10k", *tiny, "--data", data, "--out", "out", "--rows", "Triplet,Supervised")
    overrides = tuple(word for word in tiny[: tiny.index("--clip")])
    reproduction = Reproduction(
        DATASETS["shopid10k"],
        *(data, tmp_path / "out", find_rows(["Triplet", "Supervised"]), overrides, (), str(tmp_path / "clip"), 4, 1),
    )

    def stop(line: str) -> None:
        if line.startswith("Supervised"):
            raise KeyboardInterrupt

    with pytest.raises(StoppedError, match="stopped in row Supervised: the same command goes on where it was"):
        reproduce(reproduction, open_dataset(reproduction), say=stop)
    done = files(tmp_path / "out" / "rows")
    made: dict[str, Any] = json.loads(run(*ask, "--json"))
    assert {path: files(tmp_path / "out" / "rows")[path] for path in done} == done
    triplet, supervised = made["rows"]
    assert (triplet["categories"], supervised["categories"]) == (["backpack", "hat"], ["backpack", "hat"])
    assert supervised["paper"] == pytest.approx({"map": 0.626, "rank1": 0.712, "rank5": 0.898})
    runs = sorted(
        str(path.parent.relative_to(tmp_path / "out" / "runs")) for path in tmp_path.rglob("out/runs/**/last")
    )
    assert runs == ["supervised/backpack", "supervised/hat", "triplet/fold-1", "triplet/fold-2"]


def test_each_row_trains_with_what_its_name_says(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "petface", dict.fromkeys(("cat", "ferret", "pig"), ONE_EACH))
    reproduction = Reproduction(DATASETS["petface"], data, tmp_path / "out", ROWS)
    table = open_dataset(reproduction)
    configs = {row.name: [run.config for run in training_runs(reproduction, row, table)] for row in ROWS}
    assert [name for name, found in configs.items() if not found] == ["CLIP", "DINOv2"]
    trains = {name: found[0].train for name, found in configs.items() if found}
    assert {name: (train.method, train.loss) for name, train in trains.items() if train.method != "vicp"} == {
        "ArcFace": ("finetune", "arcface"),
        "AdaFace": ("finetune", "adaface"),
        "SCL": ("finetune", "supcon"),
        "Triplet": ("finetune", "triplet"),
        "Triplet+": ("finetune", "triplet"),
        "Supervised": ("finetune", "triplet"),
    }
    weights = {name: (t.icl_weight, t.align_weight) for name, t in trains.items() if t.method == "vicp"}
    assert list(weights.values()) == [(1.0, 0.01), (1.0, 0.01), (1.0, 0.0), (0.0, 0.01), (0.0, 0.0)]
    assert configs["VICP"][0].data.categories == ("cat", "pig")
    assert configs["Supervised"][0].data.categories == ("ferret",)
    assert configs["Triplet+"][0].out == configs["Triplet"][0].out


def test_what_cannot_be_reproduced_is_one_line(tmp_path: Path, run: Run, photo_folder: Path) -> None:
    assert "not the folder of petface" in run("reproduce", "petface", "--data", photo_folder)
    data = write_dataset(tmp_path / "petface", {"cat": INDIVIDUALS})
    assert "none would be kept from training" in run("reproduce", "petface", "--data", data)
    assert "--unseen: no category 'dog'" in run("reproduce", "petface", "--data", data, "--unseen", "dog")
    assert "--rows: no row 'Tripletz', did you mean 'Triplet'?" in run(
        "reproduce", "petface", "--data", data, "--rows", "Tripletz"
    )
