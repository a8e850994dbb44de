"""Backbones from outside that are not what they should be: each is one line, and none is taught with random weights."""

import json
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from tests.helpers.tiny_models import VISION_CONFIGS
from transformers import AutoModel

from vicp.errors import WeightsError
from vicp.model.loading import hub
from vicp.model.loading.backbone_checkpoint import load_backbone

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    AutoModel.from_config(VISION_CONFIGS["dinov2"]()).save_pretrained(tmp_path / "m")
    return tmp_path / "m"


def change(folder: Path, edit: Callable[[Tensors], Tensors]) -> None:
    path = folder / "model.safetensors"
    save_file(edit(load_file(path)), path, metadata={"format": "pt"})


CHANGES: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "a prefix": (lambda all_: {f"module.{name}": each for name, each in all_.items()}, "it has module."),
    "another prefix": (lambda all_: {f"model.encoder.{name}": each for name, each in all_.items()}, "it has model."),
    "a layer missing": (lambda all_: {n: each for n, each in all_.items() if ".layer.2." not in n}, "layer.2."),
    "one tensor missing": (lambda all_: {n: t for n, t in all_.items() if n != "layernorm.weight"}, "layernorm.weight"),
    "all missing": (lambda all_: {"mask": torch.zeros(1)}, "it has mask"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_weights_that_would_be_random_are_refused(folder: Path, name: str) -> None:
    edit, said = CHANGES[name]
    change(folder, edit)
    with pytest.raises(WeightsError, match=r"lacks the weights .*: they would be random") as raised:
        load_backbone(str(folder))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_has_no_part_in_an_embedding_may_be_missing(tmp_path: Path) -> None:
    AutoModel.from_config(VISION_CONFIGS["vit"]()).save_pretrained(tmp_path / "m")
    before = load_backbone(str(tmp_path / "m"))[0]
    change(tmp_path / "m", lambda all_: {name: each for name, each in all_.items() if "pooler" not in name})
    photo = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(load_backbone(str(tmp_path / "m"))[0].embed(photo), before.embed(photo))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"architecture": "swin_tiny_patch4_window7_224", "num_classes": 0}, "give it as timm:"),
        ({"architectures": ["ResNet"]}, "names no model_type"),
        (["dinov2"], "holds no settings by name"),
        ({"model_type": "no-such-family"}, "no-such-family"),
        ({"model_type": "dinov2", "num_hidden_layers": 10**9}, "num_hidden_layers 1000000000"),
        ({"model_type": "dinov2", "hidden_size": -1}, "hidden_size -1"),
        ({"model_type": "dinov2", "hidden_size": 32, "num_attention_heads": "two"}, "num_attention_heads 'two'"),
    ],
)
def test_settings_of_other_checkpoints_are_one_line(folder: Path, config: object, said: str) -> None:
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=said) as raised:
        load_backbone(str(folder))
    assert "\n" not in str(raised.value)


def test_a_pickle_of_more_than_tensors_is_not_run_and_one_line(folder: Path, tmp_path: Path) -> None:
    class Touch:
        def __reduce__(self) -> tuple[object, tuple[object]]:
            return (Path.touch, (tmp_path / "run",))

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Touch(), protocol=2))
    with pytest.raises(WeightsError, match="hold more than tensors: save them as safetensors"):
        load_backbone(str(folder))
    assert not (tmp_path / "run").exists()


def test_a_folder_of_something_else_has_no_settings(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"it has no config\.json"):
        load_backbone(str(tmp_path))


def test_another_size_than_the_weights_have_is_one_line(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    with pytest.raises(WeightsError, match=r"its tensors have other shapes than its config\.json says"):
        load_backbone(str(folder))


@pytest.mark.parametrize("name", ["owner/no-such-model", "no-such-model", "./no-such-folder", "a/b/c"])
def test_a_name_that_is_nowhere_fails_at_once_without_a_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for proxy in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    hub._answers.cache_clear()
    start = time.monotonic()
    with pytest.raises(WeightsError, match=r"cannot be reached|there is no folder"):
        load_backbone(name)
    hub._answers.cache_clear()
    assert time.monotonic() - start < 20


def test_the_cache_comes_before_the_hub() -> None:
    calls: list[bool] = []

    def load(*, local_files_only: bool) -> str:
        calls.append(local_files_only)
        return "cached"

    assert hub.load_local_first(load, "owner/name") == "cached"
    assert calls == [True]
