"""LoRA on every family: what it trains, what it leaves alone, and what merging gives."""

from pathlib import Path

import pytest
import torch
from tests.helpers.tiny_models import VISION_CONFIGS, randomise
from torch import Tensor, nn
from transformers import AutoModel

from vicp.errors import ConfigError
from vicp.model.additions.lora import add_lora, merge_lora
from vicp.model.backbone import Backbone

NUM_LAYERS, WIDTH = 3, 32


@pytest.fixture(params=VISION_CONFIGS)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    vit = AutoModel.from_config(VISION_CONFIGS[request.param]())
    randomise(vit)
    return Backbone(vit)


def random(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def update_lora(backbone: Backbone) -> None:
    """Away from the zero update that LoRA starts with."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in backbone.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)


def lora_names(backbone: Backbone) -> list[str]:
    return [name for name, _ in backbone.named_parameters() if "lora_" in name]


@torch.no_grad()
def test_at_its_start_lora_changes_nothing_with_or_without_prompts(backbone: Backbone) -> None:
    pixels, prompt = random(2, 3, 32, 32), random(NUM_LAYERS, 4, WIDTH)
    plain = backbone.encode(pixels).tokens
    prompted = backbone.encode(pixels, backbone.prompt_states(prompt)).tokens
    larger = backbone.encode(random(2, 3, 48, 40)).tokens
    assert add_lora(backbone) is backbone
    assert len(backbone.layers) == NUM_LAYERS
    assert not any(module.training for module in backbone.vit.modules())
    torch.testing.assert_close(backbone.encode(pixels).tokens, plain, atol=1e-6, rtol=0)
    states = backbone.prompt_states(prompt)
    torch.testing.assert_close(backbone.encode(pixels, states).tokens, prompted, atol=1e-6, rtol=0)
    torch.testing.assert_close(backbone.encode(random(2, 3, 48, 40)).tokens, larger, atol=1e-6, rtol=0)
    update_lora(backbone)
    assert (backbone.encode(pixels, states).tokens - prompted).abs().max() > 0.01


@pytest.mark.parametrize("last_layers", [None, 1, 2])
@pytest.mark.parametrize("frozen", [True, False])
def test_queries_and_values_of_the_last_layers_alone_take_gradients(
    backbone: Backbone, last_layers: int | None, frozen: bool
) -> None:
    backbone = Backbone(backbone.vit.requires_grad_(not frozen), frozen=frozen)
    add_lora(backbone, rank=2, last_layers=last_layers)
    update_lora(backbone)
    (backbone.features(random(2, 3, 32, 32)) * random(2, WIDTH, seed=5)).sum().backward()
    with_gradient = [name for name, p in backbone.named_parameters() if p.grad is not None and p.grad.abs().max() > 0]
    assert with_gradient == lora_names(backbone)
    assert [name for name, p in backbone.named_parameters() if p.requires_grad] == with_gradient
    first = 0 if last_layers is None else NUM_LAYERS - last_layers
    for index, layer in enumerate(backbone.layers):
        found = [name.split(".")[1] for name, _ in layer.named_parameters() if "lora_" in name]
        assert sorted(found) == (["q_proj"] * 2 + ["v_proj"] * 2 if index >= first else [])


@torch.no_grad()
def test_the_update_is_alpha_over_rank_b_a(backbone: Backbone) -> None:
    weights = {name: p.clone() for name, p in backbone.vit.named_parameters() if name.endswith("q_proj.weight")}
    add_lora(backbone, rank=4, alpha=12)
    update_lora(backbone)
    merged = dict(merge_lora(backbone).named_parameters())
    tuned = dict(backbone.vit.named_parameters())
    assert len(weights) == NUM_LAYERS
    for name, weight in weights.items():
        stem = name.removesuffix(".weight")
        a, b = tuned[f"{stem}.lora_A.default.weight"], tuned[f"{stem}.lora_B.default.weight"]
        assert a.shape == (4, WIDTH)
        torch.testing.assert_close(merged[name], weight + 3 * b @ a, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_merged_it_is_a_plain_vit_that_saves_and_loads(backbone: Backbone, tmp_path: Path) -> None:
    names, before = set(backbone.vit.state_dict()), backbone.embed(random(2, 3, 32, 32))
    add_lora(backbone)
    update_lora(backbone)
    pixels, prompt = random(2, 3, 32, 32), random(4, WIDTH)
    tuned = backbone.embed(pixels)
    prompted = backbone.embed(pixels, backbone.prompt_states(prompt))
    assert (tuned - before).abs().max() > 0.01
    vit = merge_lora(backbone)
    assert [type(module).__module__ for module in vit.modules() if "peft" in type(module).__module__] == []
    assert set(vit.state_dict()) == names
    assert not hasattr(vit, "peft_config")
    torch.testing.assert_close(backbone.embed(pixels), tuned, atol=0, rtol=0)  # the backbone keeps its LoRA
    assert len(lora_names(backbone)) == 4 * NUM_LAYERS
    vit.save_pretrained(tmp_path)
    for plain in (Backbone(vit), Backbone(AutoModel.from_pretrained(tmp_path))):
        torch.testing.assert_close(plain.embed(pixels), tuned, atol=1e-5, rtol=0)
        torch.testing.assert_close(plain.embed(pixels, plain.prompt_states(prompt)), prompted, atol=1e-5, rtol=0)


def test_lora_can_be_added_again_once_merged() -> None:
    backbone = add_lora(Backbone(AutoModel.from_config(VISION_CONFIGS["vit"]())))
    with pytest.raises(ValueError, match="has LoRA already"):
        add_lora(backbone)
    again = add_lora(Backbone(merge_lora(backbone)))
    assert lora_names(again) == lora_names(backbone)


def test_older_names_of_the_projections_are_found() -> None:
    backbone = Backbone(AutoModel.from_config(VISION_CONFIGS["vit"]()))
    for layer in backbone.layers:
        attention = next(module for module in layer.modules() if hasattr(module, "q_proj"))
        for new, old in (("q_proj", "query"), ("v_proj", "value")):
            setattr(attention, old, getattr(attention, new))
            delattr(attention, new)
    add_lora(backbone, last_layers=1)
    assert {name.split(".lora_")[0].rpartition(".")[2] for name in lora_names(backbone)} == {"query", "value"}


def test_lora_starts_from_the_seed() -> None:
    drawn = []
    for seed in (0, 0, 1):
        backbone = Backbone(AutoModel.from_config(VISION_CONFIGS["dinov2"]()))
        torch.manual_seed(seed)
        add_lora(backbone)
        drawn.append(torch.cat([p.detach().flatten() for name, p in backbone.named_parameters() if "lora_A" in name]))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("settings", [{"rank": 0}, {"alpha": 0}, {"last_layers": 0}, {"last_layers": 4}])
def test_numbers_out_of_range_are_refused(settings: dict[str, int]) -> None:
    backbone = Backbone(AutoModel.from_config(VISION_CONFIGS["dinov2"]()))
    with pytest.raises(ValueError, match="expected rank and alpha above 0 and 1 to 3 layers"):
        add_lora(backbone, **settings)
    with pytest.raises(ValueError, match="no LoRA to merge"):
        merge_lora(backbone)


def test_attention_under_other_names_is_refused() -> None:
    backbone = Backbone(AutoModel.from_config(VISION_CONFIGS["dinov2"]()))
    for layer in backbone.layers:
        layer.attention = nn.Identity()
    with pytest.raises(ConfigError, match="Dinov2Model has no linear layer called q_proj, v_proj, query, value"):
        add_lora(backbone)
