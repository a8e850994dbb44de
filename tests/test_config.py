"""The settings of a run: defaults, YAML, overrides, and messages that name the full key."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from vicp.config import ModelConfig, PartConfig, RunConfig, TrainConfig
from vicp.config_files import config_from_dict, dump_config, load_config
from vicp.errors import ConfigError

SHIPPED = sorted((Path(__file__).parent.parent / "configs").rglob("*.yaml"))


def test_defaults_are_the_papers() -> None:
    """arXiv 2508.21222; where it is silent, the authors' code."""
    run = load_config(RunConfig)
    assert run == RunConfig()
    assert run.model == ModelConfig(
        backbone=PartConfig(source="facebook/dinov2-small"),
        reasoner=PartConfig(source="Qwen/Qwen3-0.6B"),
        qformer={},
        num_latents=32,
        num_prompts=32,
        prompts_per_layer=False,
        head_norm=False,
        compare_in_context=False,
        freeze_reasoner=True,
        latents_of="image",
        qformer_input="all",
        head="mlp",
        head_zero_init=False,
        generator="llm",
        random_reasoner=False,
        label_embeddings="words",
        label_words=("different", "same"),
        pooling="cls",
        image_size=224,
    )
    assert (run.train.learning_rate, run.train.margin, run.train.mining) == (1e-4, 0.1, "batch_hard")
    assert (run.train.icl_weight, run.train.align_weight, run.train.pair_weight) == (1.0, 0.01, 0.0)


def test_a_file_and_then_overrides(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("seed: 3\nmodel:\n  num_latents: 4\n  backbone:\n    source: null\n    sizes: {hidden_size: 8}\n")
    run = load_config(
        RunConfig,
        file,
        [
            "seed=5",
            "model.backbone.sizes.patch_size=2",
            "train.learning_rate=3e-4",
            "episodes.pairs=[0,8]",
            "model.reasoner.source=/models/a b",
        ],
    )
    assert (run.seed, run.model.num_latents, run.model.backbone.source) == (5, 4, None)
    assert run.model.backbone.sizes == {"hidden_size": 8, "patch_size": 2}
    assert run.model.reasoner.source == "/models/a b"
    assert run.train == TrainConfig(learning_rate=3e-4)
    assert run.episodes.pairs == (0, 8)


def test_configs_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_config(RunConfig).seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.num_latent=3", "unknown key 'model.num_latent', did you mean 'model.num_latents'?"),
        ("sed=3", "unknown key 'sed', did you mean 'seed'?"),
        ("train.lr=3", "unknown key 'train.lr'"),
        ("model.backbone.sourc=x", "unknown key 'model.backbone.sourc', did you mean 'model.backbone.source'?"),
        ("model.num_latents=many", "model.num_latents: Value 'many'"),
        ("model.num_latents.x=3", "model.num_latents: "),
        ("model.num_latents=", "model.num_latents: "),
        ("model.pooling=max", "model.pooling: Invalid value 'max', expected one of ['cls', 'mean', 'both']"),
        ("model.backbone=dinov2", "model.backbone: "),
        ("model.image_mean=[0.5,0.5]", "model.image_mean: "),
        ("model.image_mean=[0.5,0.5,x]", "model.image_mean: "),
        ("model.label_words={a: b}", "model.label_words: "),
        ("model.label_words=[no,maybe,yes]", "model.label_words: "),
        ("episodes.pairs=[few]", "episodes.pairs: "),
        ("out=${nowhere}", "out: Interpolation key 'nowhere' not found"),
        ("seed", "'seed': an override is written key=value, such as seed=1"),
        ("=3", "'=3': an override is written key=value"),
        ("seed=[1", "cannot read the overrides ['seed=[1']"),
    ],
)
def test_messages_name_the_key(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        load_config(RunConfig, None, [override])
    assert "\n" not in str(caught.value)
    assert "$VALUE" not in str(caught.value)


def test_messages_name_the_file_only_where_it_is_to_blame(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("model: {image_mean: [1, 2]}")
    with pytest.raises(ConfigError, match=r"run\.yaml: model\.image_mean: "):
        load_config(RunConfig, file, ["seed=1"])
    file.write_text("seed: 2")
    with pytest.raises(ConfigError, match=r"^train\.margin: "):
        load_config(RunConfig, file, ["train.margin=wide"])


@pytest.mark.parametrize("content", ["[1, 2]", "a: [", "", "\x00", b"\xff\xfe"])
def test_files_that_hold_no_config(content: str | bytes, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=r"run\.yaml: ") as caught:
        load_config(RunConfig, file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot read this config"):
        load_config(RunConfig, tmp_path / "none.yaml")


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_file_parses(file: Path) -> None:
    run = load_config(RunConfig, file)
    assert run != RunConfig()
    assert run.out.startswith("runs/")


def test_there_are_shipped_files() -> None:
    assert {file.stem for file in SHIPPED} >= {"first-backbone", "backbone", "reader", "joint"}


@pytest.mark.parametrize("file", [None, *SHIPPED], ids=lambda file: file.stem if file else "defaults")
def test_round_trip(file: Path | None, tmp_path: Path) -> None:
    run = load_config(RunConfig, file, ["model.label_words=[other,'1']", "train.backbone=~"])
    dump_config(run, tmp_path / "resolved.yaml")
    assert load_config(RunConfig, tmp_path / "resolved.yaml") == run
    assert yaml.safe_load((tmp_path / "resolved.yaml").read_text())["model"]["label_words"] == ["other", "1"]


def test_from_plain_values() -> None:
    config = config_from_dict(ModelConfig, dataclasses.asdict(ModelConfig(num_latents=3)), where="here")
    assert config == ModelConfig(num_latents=3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_latent": 3}, "config.json: unknown key 'num_latent', did you mean 'num_latents'?"),
        ({"num_latents": "x"}, "config.json: num_latents: "),
        ({"image_std": [1]}, "config.json: image_std: "),
        ([1], "config.json: a config is a mapping of keys to values, got list"),
    ],
)
def test_plain_values_that_do_not_fit(values: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        config_from_dict(ModelConfig, values, where="config.json")


def test_the_shipped_config_and_checkpoint_are_the_preset() -> None:
    import json

    from vicp.model.build import PRESETS

    root = Path(__file__).parent.parent
    assert load_config(RunConfig, root / "configs" / "mini" / "refinement.yaml").model == PRESETS["mini"]
    saved = json.loads((root / "src" / "vicp" / "checkpoints" / "mini" / "config.json").read_text())
    assert config_from_dict(ModelConfig, saved["model"], where="mini") == PRESETS["mini"]
