"""Checkpoints of the tiny preset: out, in, and every way in which they do not fit."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.helpers.tiny_models import LANGUAGE_CONFIGS, VISION_CONFIGS, save_language_model
from torch import Tensor
from transformers import AutoModel, AutoModelForCausalLM

from vicp.config import ModelConfig, PartConfig, SetTransformerConfig
from vicp.config_files import config_from_dict
from vicp.errors import ConfigError, WeightsError
from vicp.model.build import PRESETS, TINY, build_model
from vicp.model.loading import weights as weights_module
from vicp.model.loading.checkpoint import load_pretrained, own_tensors, save_checkpoint
from vicp.model.loading.weights import fingerprint
from vicp.model.vicp import VICP


@pytest.fixture
def folder(tiny: VICP, tmp_path: Path) -> Path:
    save_checkpoint(tiny, tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


@pytest.fixture
def sourced(tmp_path: Path) -> ModelConfig:
    """A config whose backbone and LLM come from folders, as the paper preset's do."""
    AutoModel.from_config(VISION_CONFIGS["dinov2"]()).save_pretrained(tmp_path / "vit")
    llm = AutoModelForCausalLM.from_config(LANGUAGE_CONFIGS["llama"]())
    save_language_model(llm, tmp_path / "llm")
    return replace(
        TINY,
        backbone=PartConfig(source=str(tmp_path / "vit")),
        reasoner=PartConfig(source=str(tmp_path / "llm")),
        freeze_reasoner=True,
    )


@torch.no_grad()
def test_round_trip_gives_equal_outputs(
    tiny: VICP, photos: Tensor, support: tuple[Tensor, Tensor, Tensor], tmp_path: Path
) -> None:
    save_checkpoint(tiny, tmp_path / "saved")
    loaded = load_pretrained(tmp_path / "saved")
    assert not loaded.training
    assert loaded.config == tiny.config
    assert loaded.fingerprint == tiny.fingerprint
    prompts = [model.infer_prompt(*support, category="cat") for model in (tiny, loaded)]
    np.testing.assert_array_equal(prompts[0].tokens, prompts[1].tokens)
    embeddings = [
        model.embed(photos, model.backbone.prompt_states(torch.tensor(prompt.tokens)))
        for model, prompt in zip((tiny, loaded), reversed(prompts), strict=True)
    ]
    assert torch.equal(embeddings[0], embeddings[1])


def test_what_lies_in_the_folder(tiny: VICP, tmp_path: Path) -> None:
    save_checkpoint(tiny, tmp_path / "saved")
    saved = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert saved["format"] == 1
    assert config_from_dict(ModelConfig, saved["model"], where="here") == TINY
    assert saved["model"]["backbone"]["family"] == "dinov2"
    assert load_file(tmp_path / "saved" / "model.safetensors").keys() == tiny.state_dict().keys()
    assert sorted(p.name for p in (tmp_path / "saved").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]


def test_parts_with_a_source_stay_where_they_are(sourced: ModelConfig, tmp_path: Path) -> None:
    model = build_model(sourced, seed=3)
    save_checkpoint(model, tmp_path / "checkpoint")
    names = load_file(tmp_path / "checkpoint" / "model.safetensors").keys()
    assert {name.split(".")[0] for name in names} == {
        "comparison",
        "qformer",
        "head",
        "prompt_slots",
        "verifier",
    }
    loaded = load_pretrained(str(tmp_path / "checkpoint"))
    assert loaded.fingerprint == model.fingerprint


def test_an_llm_trained_after_loading_is_saved(sourced: ModelConfig, tmp_path: Path) -> None:
    model = build_model(replace(sourced, freeze_reasoner=False))
    with torch.no_grad():
        model.reasoner.llm.get_input_embeddings().weight.add_(1.0)
    save_checkpoint(model, tmp_path / "checkpoint")
    assert load_pretrained(tmp_path / "checkpoint").fingerprint == model.fingerprint
    assert not any(name.startswith("backbone.vit") for name in own_tensors(model))


def test_fingerprint_changes_with_any_weight() -> None:
    model = build_model(TINY)
    seen = {model.fingerprint}
    for tensor in model.state_dict().values():
        with torch.no_grad():
            tensor.view(-1)[-1] += 1.0
        seen.add(model.fingerprint)
    assert len(seen) == len(model.state_dict()) + 1
    assert all(len(digits) == 16 for digits in seen)


def test_fingerprint_reads_names_types_and_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_module, "SAMPLED_ELEMENTS", 4)
    layers = [
        torch.nn.Linear(4, 3, bias=False),
        torch.nn.Linear(3, 4, bias=False),
        torch.nn.Embedding(3, 4),
        torch.nn.LayerNorm(12, bias=False),
        torch.nn.Linear(4, 3, bias=False, dtype=torch.bfloat16),
        torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False)),
    ]
    for layer in layers:
        torch.nn.init.ones_(next(layer.parameters()))
    distinct = {fingerprint(layer) for layer in layers}
    assert len(distinct) == 5  # Linear(4, 3) and Embedding(3, 4) hold the same weight


def test_presets_without_a_checkpoint_need_no_network_and_say_loudly_that_they_are_untrained(
    photos: Tensor, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "paper", TINY)  # whose real parts come from the hub
    load_pretrained("paper")
    assert "'paper' ships without a checkpoint" in caplog.text
    assert "UNTRAINED" in caplog.text
    caplog.clear()
    model = load_pretrained("tiny")  # for tests, random by intent
    load_pretrained("mini")
    assert not caplog.records
    assert model.config == PRESETS["tiny"]
    assert not model.training
    assert model.fingerprint == build_model(TINY).fingerprint
    assert model.embed(photos).shape == (6, 32)


@pytest.mark.parametrize("name", ["no-such-model", "someone/no-such-model", "/no/such/folder"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(WeightsError, match=f"'{name}' is no preset, no folder, and cannot be fetched") as caught:
        load_pretrained(name, local_files_only=True)
    assert "\n" not in str(caught.value)


Tensors = dict[str, Tensor]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.pop("prompt_slots"), r"model\.safetensors: prompt_slots is missing$"),
        (lambda t: t.update(extra=torch.zeros(1)), r"extra is not of this model$"),
        (
            lambda t: t.update(prompt_slots=torch.zeros(5, 32)),
            r"prompt_slots is \(5, 32\), expected \(4, 32\)$",
        ),
        (lambda t: t.clear(), r"; .* and \d+ more$"),
    ],
)
def test_tensors_that_do_not_fit_are_named(damage: Callable[[Tensors], object], message: str, folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    damage(tensors)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(WeightsError, match=message):
        load_pretrained(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("model.safetensors", None, "no usable VICP checkpoint"),
        ("model.safetensors", "half a file", "no usable VICP checkpoint"),
        ("config.json", None, "no usable VICP checkpoint"),
        ("config.json", "{", "no usable VICP checkpoint"),
        ("config.json", "[]", "checkpoint format None, this version reads 1"),
        ("config.json", '{"format": 1}', "checkpoint format 1"),
        ("config.json", '{"format": 2, "model": {}}', "checkpoint format 2, this version reads 1"),
        (
            "config.json",
            '{"model_type": "dinov2"}',
            "a dinov2 of transformers, no VICP checkpoint: give it as a",
        ),
    ],
)
def test_folders_without_a_usable_checkpoint(file: str, content: str | None, message: str, folder: Path) -> None:
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    with pytest.raises(WeightsError, match=message):
        load_pretrained(folder)


@pytest.mark.parametrize("model", [{"num_latent": 3}, [1], "x"])
def test_a_config_of_another_version(model: object, folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"format": 1, "model": model}))
    with pytest.raises(ConfigError, match=r"config\.json"):
        load_pretrained(folder)


@pytest.mark.parametrize("settings", [{"image_size": 0}, {"image_size": -3}])
def test_a_config_that_no_photo_can_meet(settings: dict[str, object], folder: Path) -> None:
    saved = json.loads((folder / "config.json").read_text())
    saved["model"].update(settings)
    (folder / "config.json").write_text(json.dumps(saved))
    with pytest.raises(ConfigError, match=r"config\.json: image_size, .* make no sense"):
        load_pretrained(folder)


def test_a_config_of_sizes_that_cannot_be(folder: Path) -> None:
    saved = json.loads((folder / "config.json").read_text())
    saved["model"]["num_prompts"] = -1
    (folder / "config.json").write_text(json.dumps(saved))
    with pytest.raises(WeightsError, match=r"config\.json: no model of these sizes can be made"):
        load_pretrained(folder)


def test_a_place_that_cannot_be_written(tiny: VICP, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match="cannot write the checkpoint"):
        save_checkpoint(tiny, tmp_path / "file" / "checkpoint")


def test_fingerprint_counts_settings_but_not_where_parts_came_from() -> None:
    mini = load_pretrained("mini")
    assert mini.fingerprint == "d46bae016ebf6f13"  # the packaged static prompt has been saved with it
    layer = torch.nn.Linear(2, 2)
    others = replace(mini.config, set_transformer=SetTransformerConfig(heads=1))
    assert fingerprint(layer, others) != fingerprint(layer, mini.config)
    elsewhere = replace(mini.config, backbone=PartConfig(source="elsewhere"))
    assert fingerprint(layer, elsewhere) == fingerprint(layer, mini.config)


def test_fingerprint_changes_with_settings_that_add_no_weights() -> None:
    tiny = PRESETS["tiny"]
    mean = replace(tiny, image_mean=(0.5, 0.5, 0.5))
    plain = replace(tiny, compare_in_context=False)
    assert len({build_model(config).fingerprint for config in (tiny, mean, plain)}) == 3
