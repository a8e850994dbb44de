"""What a METHOD of `vicp evaluate` stands for, and what comes of it when it is opened."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from vicp.adapt.load import load_backbone_embedder, load_model, make_embedder
from vicp.config import RunConfig
from vicp.config_files import dump_config
from vicp.data.images import normalise
from vicp.errors import ConfigError
from vicp.evaluation.methods import Method, find_method, open_method, parse_method, supported_adaptations
from vicp.image_transform import ImageTransform
from vicp.model.backbone import Pooling
from vicp.model.build import PRESETS, build_model
from vicp.model.loading.backbone_checkpoint import save_backbone
from vicp.model.loading.checkpoint import save_checkpoint
from vicp.model.visual_prompt import VisualPrompt

BACKBONE = ("null", "metric", "tuned", "finetuned", "auto")
STATIC = ("null", "static", "metric", "tuned", "finetuned", "auto")
VICP = ("null", "prompt", "generated", "metric", "tuned", "finetuned", "auto")


def save_vit(folder: Path, *, seed: int = 0, static: bool = False, pooling: Pooling = "cls") -> Path:
    """A backbone as a baseline's training leaves it, with a static prompt if wanted."""
    torch.manual_seed(seed)
    vit = Dinov2Model(
        Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8)
    )
    save_backbone(vit, folder, ImageTransform(32, (0, 0, 0), (1, 1, 1)), pooling=pooling)
    if static:
        tokens, owner = torch.randn(4, 32), load_backbone_embedder(str(folder)).fingerprint
        VisualPrompt(tokens.numpy(), None, "any", 0, None, owner).save(folder / "static.prompt.safetensors")
    return folder


def save_tiny(folder: Path, *, seed: int = 0) -> str:
    """A VICP checkpoint; returns its fingerprint."""
    model = build_model(PRESETS["tiny"], seed=seed).eval()
    save_checkpoint(model, folder)
    return model.fingerprint


def write_config(file: Path, out: str) -> str:
    dump_config(RunConfig(out=out), file)
    return str(file)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, below which baselines are looked for."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_mini_is_the_packaged_model() -> None:
    method = parse_method("mini")
    assert method == Method("mini", ("null", "static", "prompt", "generated", "metric", "tuned", "finetuned", "auto"))
    embedder = open_method(method)
    assert embedder.fingerprint == load_model("mini").fingerprint
    assert embedder.model is not None


def test_frozen_mini_is_its_backbone_with_its_readout() -> None:
    method = parse_method("frozen:mini")
    assert method.adaptations == BACKBONE
    embedder, mini = open_method(method), load_model("mini")
    assert (embedder.model, embedder.static) == (None, None)
    photos = normalise(torch.randint(256, (2, 3, 96, 96), dtype=torch.uint8), mini.transform)
    assert embedder.backbone.embed(photos).shape == (2, 2 * 192)
    assert torch.equal(embedder.backbone.embed(photos), mini.backbone.embed(photos))


def test_parse_method_of_a_folder_depends_on_its_checkpoint() -> None:
    fingerprint = save_tiny(Path("tiny"))
    assert parse_method("tiny").adaptations == VICP
    assert open_method(parse_method("tiny")).fingerprint == fingerprint
    save_vit(Path("bare"))
    assert parse_method("bare").adaptations == BACKBONE
    assert open_method(parse_method("bare")).model is None
    save_vit(Path("prompted"), static=True)
    assert parse_method("prompted").adaptations == STATIC
    assert open_method(parse_method("prompted")).static.shape == (4, 32)
    assert parse_method("frozen:prompted").adaptations == BACKBONE
    assert open_method(parse_method("frozen:prompted")).static is None


def test_a_config_is_its_runs_best_checkpoint() -> None:
    config = write_config(Path("mine.yaml"), "runs/mine")
    with pytest.raises(
        ConfigError, match=r"^runs/mine/best has no checkpoint yet: train it with vicp train --config mine.yaml$"
    ):
        parse_method(config)
    fingerprint = save_tiny(Path("runs/mine/best"))
    assert open_method(parse_method(config)).fingerprint == fingerprint
    with pytest.raises(ConfigError, match=r"^mien.yaml: no such config, did you mean 'mine.yaml'\?"):
        parse_method("mien.yaml")


def test_a_baselines_name_is_its_run() -> None:
    plain = load_backbone_embedder(str(save_vit(Path("runs/baselines/triplet/best"), seed=1)))
    small = load_backbone_embedder(str(save_vit(Path("runs/mini-baselines/scl/best"), seed=2)))
    assert plain.fingerprint != small.fingerprint
    assert open_method(parse_method("triplet")).fingerprint == plain.fingerprint
    assert open_method(parse_method("scl")).fingerprint == small.fingerprint
    assert open_method(parse_method("runs/baselines/triplet/best")).fingerprint == plain.fingerprint
    save_vit(Path("runs/mini-baselines/triplet/best"))
    both = r"^'triplet' is both runs/baselines/triplet/best and runs/mini-baselines/triplet/best: give one"
    with pytest.raises(ConfigError, match=both):
        parse_method("triplet")


def test_a_baseline_is_read_out_as_it_was_trained() -> None:
    save_vit(Path("runs/baselines/scl/best"), pooling="both")
    assert open_method(parse_method("scl")).backbone.embedding_dim == 64
    assert open_method(parse_method("frozen:scl")).backbone.embedding_dim == 64


def test_a_checkpoint_for_each_fold() -> None:
    fingerprints = {}
    for number, fold in enumerate(("0", "1")):
        fingerprints[fold] = save_tiny(Path(f"runs/fold{fold}/best"), seed=number)
        write_config(Path(f"fold{fold}.yaml"), f"runs/fold{fold}")
        save_vit(Path(f"runs/baselines/triplet-{fold}-of-{fold}/best"), static=fold == "0")
    for name in ("runs/fold{fold}/best", "fold{fold}.yaml"):
        method = parse_method(name)
        assert method == Method(name, VICP)
        assert {fold: open_method(method, fold=fold).fingerprint for fold in ("0", "1")} == fingerprints
        with pytest.raises(ConfigError, match=r"these photos have no folds; name one checkpoint, without \{fold\}"):
            open_method(method)
        with pytest.raises(ConfigError, match=r"fold7"):
            find_method(method, fold="7")
    baseline = parse_method("triplet-{fold}-of-{fold}")
    assert baseline.adaptations == BACKBONE, "only one fold has a static prompt"
    assert find_method(baseline, fold="1").source == "runs/baselines/triplet-1-of-1/best"
    write_config(Path("fold2.yaml"), "runs/fold2")
    with pytest.raises(ConfigError, match=r"^runs/fold2/best has no checkpoint yet"):
        parse_method("fold{fold}.yaml")
    with pytest.raises(ConfigError, match=r"^'part\{fold\}': there is no file or folder for any \{fold\}$"):
        parse_method("part{fold}")


def test_a_checkpoint_for_each_category() -> None:
    fingerprints = {name: save_tiny(Path(f"runs/{name}/best"), seed=n) for n, name in enumerate(("cat", "dog"))}
    method = parse_method("runs/{category}/best")
    assert method == Method("runs/{category}/best", VICP)
    assert {name: open_method(method, category=name).fingerprint for name in fingerprints} == fingerprints
    with pytest.raises(ConfigError, match=r"runs/pig/best"):
        find_method(method, category="pig")
    with pytest.raises(ConfigError, match="a checkpoint per fold or per category, not both"):
        parse_method("runs/{category}-{fold}/best")


def test_parse_method_of_a_missing_name_says_what_was_looked_for() -> None:
    save_vit(Path("runs/baselines/triplet/best"))
    places = r"no checkpoint in runs/baselines/{0}/best or runs/mini-baselines/{0}/best"
    with pytest.raises(ConfigError, match="^'tripelt': " + places.format("tripelt") + r", did you mean 'triplet'\?"):
        parse_method("tripelt")
    write_config(Path("configs/baselines/arcface.yaml"), "runs/baselines/arcface")
    how = "; train it with vicp train --config configs/baselines/arcface.yaml$"
    with pytest.raises(ConfigError, match="^'arcface': " + places.format("arcface") + how):
        parse_method("arcface")
    with pytest.raises(
        ConfigError, match=r"^'runs/baselines/tripelt/best': .*, did you mean 'runs/baselines/triplet/best'\?"
    ):
        parse_method("runs/baselines/tripelt/best")
    with pytest.raises(ConfigError, match=r"^'runs/baselines/triplet': .*; see runs/baselines/triplet/best$"):
        parse_method("runs/baselines/triplet")
    with pytest.raises(ConfigError, match=r"^no-one/nothing is no folder here and cannot be had from the hub"):
        parse_method("frozen:no-one/nothing")
    Path("other").mkdir()
    Path("other/config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"^other: its config.json is neither"):
        parse_method("other")


def test_supported_adaptations_follow_from_model_and_static_prompt() -> None:
    model = make_embedder(build_model(PRESETS["tiny"]).eval())
    backbone = replace(model, model=None)
    prompted = replace(model, static=torch.zeros(4, 32))
    assert supported_adaptations(model, None) == ("null", "generated", "metric", "auto")
    assert supported_adaptations(backbone, None) == ("null", "metric", "auto")
    assert supported_adaptations(prompted, None) == ("null", "static", "generated", "metric", "auto")
    assert supported_adaptations(backbone, ["tuned", "null", "tuned"]) == ("tuned", "null")
    with pytest.raises(
        ConfigError, match=r"^adaptation generated needs a VICP model; .*: null, metric, tuned, finetuned, auto$"
    ):
        supported_adaptations(backbone, ["null", "generated"])
    with pytest.raises(ConfigError, match=r"^adaptation static needs a static prompt"):
        supported_adaptations(model, ["static"])
    with pytest.raises(ConfigError, match=r"^no adaptation 'genrated', did you mean 'generated'\?"):
        supported_adaptations(model, ["genrated"])
