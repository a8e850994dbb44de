"""`vicp ablate`: every combination with every seed, one table, and nothing twice."""

import json
from pathlib import Path

import pytest
from tiny_runs import tiny_photo_run

from vicp.config import RunConfig
from vicp.config_files import dump_config, load_config
from vicp.errors import ConfigError, DataError
from vicp.train.ablation.run import ablate, best_check
from vicp.train.ablation.table import Variant, write_table


def test_a_table_of_two_settings_and_two_seeds(tmp_path: Path) -> None:
    dump_config(tiny_photo_run(tmp_path / "base", warmup_steps=0), tmp_path / "run.yaml")
    out, runs = tmp_path / "results" / "ablations" / "prompts", tmp_path / "runs"
    vary = ["model.num_prompts=1,4"]
    variants = ablate(tmp_path / "run.yaml", ["train.joint_steps=2"], vary, num_seeds=2, runs=runs)
    assert [v.name for v in variants] == ["model.num_prompts=1", "model.num_prompts=4"]
    assert [len(v.checks) for v in variants] == [2, 2]
    assert len({check["own"] for v in variants for check in v.checks}) == 4
    stamps = {path: path.stat().st_mtime_ns for path in runs.rglob("train.jsonl")}
    assert len(stamps) == 4
    again = ablate(tmp_path / "run.yaml", ["train.joint_steps=2"], vary, num_seeds=2, runs=runs)
    assert again == variants
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("train.jsonl")} == stamps, "no run is run twice"
    with pytest.raises(ConfigError, match=r"another train\.joint_steps"):
        ablate(tmp_path / "run.yaml", ["train.joint_steps=3"], vary, num_seeds=2, runs=runs)
    lines = write_table(variants, out, command="vicp ablate", num_seeds=2)
    assert lines[6].startswith("| setting | own | other | shuffled | null | frozen |")
    assert lines[8].startswith("| `model.num_prompts=1` | ")
    assert sorted(path.name for path in out.parent.iterdir()) == ["prompts.json", "prompts.md"], "no weights among them"
    facts = json.loads(out.with_name("prompts.json").read_text())
    assert (facts["command"], facts["seeds"]) == ("vicp ablate", 2)
    assert set(facts["rows"][0]) > {"own", "other", "shuffled", "null", "frozen", "flipped", "gain"}
    assert "Made by `vicp ablate`" in out.with_name("prompts.md").read_text()
    mean = sum(check["own"] for check in variants[1].checks) / 2
    assert facts["rows"][1]["own"]["mean"] == pytest.approx(mean, abs=1e-3)
    assert facts["rows"][1]["runs"][0]["own"] == variants[1].checks[0]["own"]


def test_each_variant_stands_by_itself_beside_the_config_as_it_is(tmp_path: Path) -> None:
    dump_config(tiny_photo_run(tmp_path / "base", warmup_steps=0), tmp_path / "run.yaml")
    each = ["model.num_prompts=1 train.pair_weight=0.5", "train.icl_weight=0"]
    variants = ablate(
        tmp_path / "run.yaml", ["train.joint_steps=1"], [], each=each, num_seeds=1, runs=tmp_path / "runs"
    )
    assert [variant.name for variant in variants] == ["as it is", *each]
    told = {
        path.parent.parent.name: load_config(RunConfig, path, []) for path in (tmp_path / "runs").rglob("train.yaml")
    }
    settings = {name: (c.model.num_prompts, c.train.pair_weight, c.train.icl_weight) for name, c in told.items()}
    plain = settings.pop("base")
    assert plain[0] != 1
    assert settings == {
        "model.num_prompts=1+train.pair_weight=0.5": (1, 0.5, plain[2]),
        "train.icl_weight=0": (*plain[:2], 0.0),
    }
    out = tmp_path / "each"
    lines = write_table(variants, out, command="vicp ablate", num_seeds=1)
    assert lines[6].endswith("| own - best other | own - as it is | own - shuffled, by seed |")
    check = variants[0].checks[0]
    assert lines[8].endswith(f"|  | {check['own'] - check['shuffled']:+.1f} |"), "beside itself there is nothing to say"
    facts = json.loads(out.with_name("each.json").read_text())["rows"]
    expected = variants[1].checks[0]["own"] - variants[0].checks[0]["own"]
    assert facts[1]["own_minus_as_it_is"]["mean"] == pytest.approx(expected, abs=1e-3)


def test_more_settings_than_a_file_name_holds(tmp_path: Path) -> None:
    dump_config(tiny_photo_run(tmp_path / "base", warmup_steps=0), tmp_path / "run.yaml")
    many = " ".join(f"train.{name}_weight=0" for name in ("icl", "pair", "agreement", "contrastive", "distil", "align"))
    each = [f"{many} train.weight_decay=0 train.accumulate=1 {many} train.margin={margin}" for margin in (0.1, 0.2)]
    ablate(tmp_path / "run.yaml", ["train.joint_steps=1"], [], each=each, num_seeds=1, runs=tmp_path / "runs")
    told = [load_config(RunConfig, path, []).train.margin for path in (tmp_path / "runs").rglob("train.yaml")]
    assert sorted(told) == [0.1, 0.1, 0.2], "a folder each, and the config as it is"


def test_intervals_by_hand() -> None:
    checks = [{"own": 10.0, "null": 4.0, "other": 5.0}, {"own": 12.0, "null": 6.0, "other": 6.0}]
    variant = Variant("x", checks)
    assert variant.interval("own") == pytest.approx((11.0, 12.706 * 2**0.5 / 2**0.5), abs=1e-3)  # t of 1 degree, 97.5 %
    assert variant.gain == pytest.approx((5.5, 12.706 * 0.5), abs=1e-3)  # over `other`, the better on average
    assert variant.interval("map") is None
    base = Variant("as it is", [{"own": 9.0}, {"own": 9.0}])
    assert variant.minus(base) == pytest.approx((2.0, 12.706 * 2**0.5 / 2**0.5), abs=1e-3)
    assert base.minus(base) is None


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ([], "nothing to vary"),
        (["model.num_prompts"], "--vary model.num_prompts: expected key=a,b,c"),
        (["model.num_promts=1,2"], "unknown key 'model.num_promts', did you mean 'model.num_prompts'"),
        (["model.num_prompts=1,x"], "model.num_prompts: "),
        (["out=a,b"], "--vary out: every run has its own"),
        (["model.num_prompts=1", "model.num_prompts=2"], "--vary model.num_prompts is given twice"),
        (["train.pair_weight=0,-1"], "train.pair_weight is -1.0; expected at least 0"),
    ],
)
def test_a_setting_that_makes_no_sense_is_known_before_any_run(tmp_path: Path, vary: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ablate(None, [], vary, num_seeds=1, runs=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_the_best_validation_counts(tmp_path: Path) -> None:
    rows = [
        {"step": 0, "own": 9.0, "score": 9.0},
        {"step": 2, "own": 3.0, "score": 3.0},
        {"step": 3, "total": 1.0},
        {"step": 4, "own": 2.0, "score": 2.0},
    ]
    log = tmp_path / "train.jsonl"
    log.write_text("\n".join(map(json.dumps, rows)))
    assert best_check(log)["own"] == 3.0
    log.write_text("")
    with pytest.raises(DataError, match=r"no validation in it"):
        best_check(log)
    log.write_text('{"own": 1.0}')
    with pytest.raises(DataError, match=r"cannot be read \(KeyError\('step'\)\)"):
        best_check(log)
