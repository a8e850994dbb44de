"""Every switch of the model: it is built, learns in all its parts, does what it says, and survives a checkpoint."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.helpers.tiny_models import LANGUAGE_CONFIGS, VISION_CONFIGS, VOCABULARY, randomise, save_language_model
from torch import Tensor
from transformers import AutoModelForCausalLM

from vicp.config import ModelConfig, PartConfig, SetTransformerConfig
from vicp.errors import WeightsError
from vicp.model.build import TINY, build_model
from vicp.model.loading.checkpoint import load_pretrained, own_tensors, save_checkpoint
from vicp.model.qformer import Latents
from vicp.model.vicp import VICP

SAME = torch.tensor([True, False, True])
SETS = {"generator": "set_transformer", "set_transformer": SetTransformerConfig(width=24, layers=2, heads=2)}
LLM = "reasoner.llm."
SWITCHES: dict[str, tuple[dict[str, Any], set[str]]] = {  # what is set, and the parts it brings
    "latents_of": ({"latents_of": "pair"}, {"pair_fusion."}),
    "latents_of, no comparison": ({"latents_of": "pair", "compare_in_context": False}, {"pair_fusion."}),
    "patches": ({"qformer_input": "patches"}, {"qformer."}),
    "cls": ({"qformer_input": "cls"}, {"qformer."}),
    "halved": ({"qformer_input": "halved"}, {"qformer."}),
    "label_embeddings": ({"label_embeddings": "learned"}, {"reasoner.labels"}),
    "head": ({"head": "linear", "head_norm": False}, {"head."}),
    "head_zero_init": ({"head_zero_init": True, "head_norm": False}, {"head.out."}),
    "the authors' head": ({"head": "linear", "head_zero_init": True, "head_norm": False}, {"head.out."}),
    "random_reasoner": ({"random_reasoner": True, "freeze_reasoner": True}, {"qformer."}),
    "random_reasoner, trained": ({"random_reasoner": True}, {"qformer.", LLM + "model.layers."}),
    "metric_rank": ({"metric_rank": 9}, {"metric_head."}),
    "readout_latent": (
        {"readout_latent": True, "pooling": "both"},
        {"qformer.readout_latent.", "comparison.readout_hidden."},
    ),
    "no comparison": (
        {"readout_latent": True, "compare_in_context": False},
        {"qformer.readout_latent."},
    ),
    "readout per pair": (
        {"readout_latent": True, "latents_of": "pair"},
        {"qformer.readout_latent.", "pair_fusion."},
    ),
    "generator": (SETS, {"reasoner."}),
    "generator, readout_latent and metric": (
        {**SETS, "readout_latent": True, "metric_rank": 9},
        {"qformer.readout_latent.", "metric_head."},
    ),
    "generator, no comparison": ({**SETS, "compare_in_context": False}, {"reasoner."}),
    "generator, latents_of": ({**SETS, "latents_of": "pair"}, {"reasoner.", "pair_fusion."}),
}


@pytest.fixture
def source(tmp_path: Path) -> PartConfig:
    """A small pretrained LLM with a tokenizer."""
    llm = AutoModelForCausalLM.from_config(LANGUAGE_CONFIGS["llama"]())
    randomise(llm)
    return PartConfig(source=str(save_language_model(llm.bfloat16(), tmp_path / "llm")))


@pytest.fixture(params=SWITCHES)
def config(request: pytest.FixtureRequest, source: PartConfig) -> ModelConfig:
    return replace(TINY, reasoner=source, **SWITCHES[request.param][0])


def run(model: VICP, photos: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings under the prompt of three pairs, log odds of their labels, and the verifier's of the pairs."""
    latents = model.latents(photos)
    left, right = latents[:3][None], latents[3:][None]
    reading = model.encode_context(left, right, SAME[None])
    gains = None if reading.category_metric is None else reading.category_metric.of_context(0)
    embeddings = model.embed(photos, model.batched_prompt_states(reading.tokens, len(photos)), gains)
    odds = model.pair_log_odds(left, right, reading.states)
    return embeddings, model.reasoner.same_log_odds(reading.label_states), odds


def read(model: VICP, latents: Tensor, same: Tensor = SAME) -> Tensor:
    """Slot states (M, E) of three pairs of latent tokens (6, Q, E)."""
    return model.encode_context(Latents(latents[None, :3]), Latents(latents[None, 3:]), same[None]).states[0]


def test_gradients_reach_every_part(config: ModelConfig, photos: Tensor, request: pytest.FixtureRequest) -> None:
    model = build_model(config).train()
    embeddings, labels, odds = run(model, photos)
    assert embeddings.shape == (6, model.backbone.embedding_dim)
    assert labels.shape == odds.shape == (1, 3)
    ((embeddings @ torch.linspace(-1, 1, embeddings.shape[1])).sum() + labels.sum() + odds.sum()).backward()
    trained = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    words = {LLM + "lm_head.weight", LLM + "model.embed_tokens.weight"} if labels_are_learned(model) else set()
    assert {name for name, gradient in trained.items() if gradient is None} <= words
    for part in SWITCHES[request.node.callspec.params["config"]][1]:
        gradients = [g for name, g in trained.items() if name.startswith(part) and g is not None]
        assert gradients
        assert max(g.abs().max() for g in gradients) > 1e-5
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert any(name.startswith(LLM) for name in frozen) == (config.freeze_reasoner and config.generator == "llm")


def labels_are_learned(model: VICP) -> bool:
    return hasattr(model.reasoner, "labels")


@torch.no_grad()
def test_a_checkpoint_brings_it_back(config: ModelConfig, photos: Tensor, tmp_path: Path) -> None:
    model = build_model(config, seed=3).eval()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.add_(torch.randn_like(parameter) * 0.05)
        assert (name in own_tensors(model)) >= parameter.requires_grad
    save_checkpoint(model, tmp_path / "saved")
    loaded = load_pretrained(tmp_path / "saved")
    assert loaded.config == config
    assert loaded.fingerprint == model.fingerprint
    for before, after in zip(run(model, photos), run(loaded, photos), strict=True):
        assert torch.equal(before, after)


def test_every_switch_has_its_own_fingerprint() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"latents_of": "pair"},
        {"metric_rank": 9},
        {"metric_rank": 9, "metric_refinement": True},
        {"metric_rank": 9, "metric_refinement": True, "prompt_gate": True},
        {"readout_latent": True},
        {"qformer_input": "patches"},
        {"qformer_input": "cls"},
        {"qformer_input": "halved"},
        {"label_embeddings": "learned"},
        {"head": "linear"},
        {"head_zero_init": True},
        {"random_reasoner": True},
        SETS,
        {**SETS, "set_transformer": SetTransformerConfig(width=24, layers=2, heads=4)},
    ]
    assert len({build_model(replace(TINY, **change)).fingerprint for change in changes}) == len(changes)


@pytest.mark.parametrize("family", ["dinov2", "dinov2_with_registers", "dinov3_vit", "clip_vision_model"])
@pytest.mark.parametrize("reads", ["all", "patches", "cls", "halved"])
@torch.no_grad()
def test_the_q_former_reads_the_tokens_it_is_given(reads: str, family: str) -> None:
    sizes = {name: value for name, value in VISION_CONFIGS[family]().to_dict().items() if name in PART_SIZES}
    backbone = PartConfig(family=family, sizes=sizes)
    model = build_model(replace(TINY, backbone=backbone, qformer_input=reads)).eval()
    num_prefix = 1 + sizes.get("num_register_tokens", 0)
    tokens = torch.randn(1, num_prefix + 16, 32)

    def latents(tokens: Tensor) -> Tensor:
        return model.qformer(model.backbone.split(tokens, 32)).tokens

    before = latents(tokens)
    for place, matters in ((0, reads != "patches"), (num_prefix, reads != "cls"), (-1, reads != "cls")):
        changed = tokens.clone()
        changed[:, place] += torch.linspace(-1, 1, 32)
        assert ((latents(changed) - before).abs().max() > 1e-5) == matters
    changed = tokens.clone()
    changed[:, 1:num_prefix] += torch.linspace(-1, 1, 32)  # registers
    assert torch.equal(latents(changed), before) == (num_prefix == 1 or reads in ("patches", "cls"))


PART_SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "image_size",
    "patch_size",
    "num_register_tokens",
)


@pytest.mark.parametrize("generator", ["llm", "set_transformer"])
@torch.no_grad()
def test_latents_per_pair_have_no_first_photo_and_take_fewer_positions(generator: str) -> None:
    config = replace(TINY, generator=generator, set_transformer=SETS["set_transformer"])
    per_image, per_pair = build_model(config).eval(), build_model(replace(config, latents_of="pair")).eval()
    randomise(per_pair)
    latents = torch.randn(6, 4, per_pair.reasoner.width)
    swapped = torch.cat([latents[3:], latents[:3]])
    states = read(per_pair, latents)
    torch.testing.assert_close(read(per_pair, swapped), states)
    other = latents.clone()
    other[4] += 1
    assert (read(per_pair, other) - states).abs().max() > 1e-3
    if generator == "llm":
        assert (read(per_image, swapped) - read(per_image, latents)).abs().max() > 1e-4  # T_k = [I_i ; I_j ; L_k]
        assert (per_image.max_pairs, per_pair.max_pairs) == ((2048 - 4) // 10, (2048 - 4) // 6)
    else:
        assert per_pair.max_pairs is None


@torch.no_grad()
def test_label_embeddings(source: PartConfig) -> None:
    words = build_model(replace(TINY, reasoner=source))
    learned = build_model(replace(TINY, reasoner=source, label_embeddings="learned"))
    assert words.reasoner.label_ids == (VOCABULARY["different"], VOCABULARY["same"])
    assert learned.reasoner.label_ids is None
    assert torch.equal(learned.reasoner.label_embeddings(SAME), learned.reasoner.labels[[1, 0, 1]])
    assert learned.reasoner.labels.requires_grad


@torch.no_grad()
def test_a_random_reasoner_has_the_architecture_and_not_the_weights(source: PartConfig) -> None:
    config = replace(TINY, reasoner=source, freeze_reasoner=True)
    pretrained = build_model(config).reasoner.llm
    random, again, other = (
        build_model(replace(config, random_reasoner=True), seed=seed).reasoner.llm for seed in (1, 1, 2)
    )
    for name, tensor in pretrained.state_dict().items():
        drawn = random.state_dict()[name]
        assert (drawn.shape, drawn.dtype) == (tensor.shape, torch.float32)
        assert not torch.equal(drawn, tensor)
        assert torch.equal(drawn, again.state_dict()[name])
        assert torch.equal(drawn, other.state_dict()[name]) == ("norm" in name)  # norms start as ones
    assert not any(p.requires_grad for p in random.parameters())


def test_the_weights_of_a_random_reasoner_travel_and_those_of_a_pretrained_one_do_not(source: PartConfig) -> None:
    for change, travels in (({}, False), ({"random_reasoner": True}, True)):
        model = build_model(replace(TINY, reasoner=source, freeze_reasoner=True, **change))
        assert any(name.startswith(LLM) for name in own_tensors(model)) == travels


def test_a_random_reasoner_needs_its_source(tmp_path: Path) -> None:
    nowhere = PartConfig(source=str(tmp_path / "nothing"))
    with pytest.raises(WeightsError, match=r"model\.reasoner\.source: cannot load '.*nothing'"):
        build_model(replace(TINY, reasoner=nowhere, random_reasoner=True))


@torch.no_grad()
def test_a_zero_initialised_head_makes_the_same_prompt_of_every_context(photos: Tensor) -> None:
    model = build_model(replace(TINY, head_zero_init=True, head_norm=False)).eval()
    latents = model.latents(photos)
    for same in (SAME, ~SAME):
        tokens = model.encode_context(latents[:3][None], latents[3:][None], same[None]).tokens
        assert torch.equal(tokens, torch.zeros(1, 2, 4, 32))


@torch.no_grad()
def test_with_a_set_transformer_only_the_set_of_pairs_counts() -> None:
    model = build_model(replace(TINY, **SETS)).eval()
    randomise(model)
    left, right = map(Latents, torch.randn(2, 5, 4, 24))
    same, order = torch.tensor([True, False, True, True, False]), torch.tensor([3, 0, 4, 2, 1])
    prompt = torch.tensor(model.infer_prompt(left, right, same, category="cat").tokens)
    shuffled = torch.tensor(model.infer_prompt(left[order], right[order], same[order], category="cat").tokens)
    torch.testing.assert_close(shuffled, prompt, atol=1e-5, rtol=1e-5)
    for other in ((left, right, ~same), (left.apply(torch.flipud), right, same)):
        assert (torch.tensor(model.infer_prompt(*other, category="cat").tokens) - prompt).abs().max() > 1e-3
    assert not any(name.startswith(LLM) for name in model.state_dict())


@torch.no_grad()
def test_a_set_transformer_predicts_held_out_pairs_one_at_a_time() -> None:
    model = build_model(replace(TINY, **SETS)).eval()
    randomise(model)
    left, right = map(Latents, torch.randn(2, 3, 4, 24))
    a, b = map(Latents, torch.randn(2, 2, 4, 24))
    together = model.label_log_odds(left, right, SAME, a, b)
    for index in range(2):
        pairs = [Latents.cat([c, h[index : index + 1]])[None] for c, h in ((left, a), (right, b))]
        for guess in (True, False):  # the label of the pair in question is not looked at
            states = model.encode_context(*pairs, torch.cat([SAME, torch.tensor([guess])])[None]).label_states[:, -1]
            answer = model.reasoner.same_log_odds(states)
            torch.testing.assert_close(together[index : index + 1], answer, atol=1e-5, rtol=1e-4)
    assert (together[0] - together[1]).abs() > 1e-4
    assert (together - model.label_log_odds(left, right, ~SAME, a, b)).abs().max() > 1e-3
    none = Latents(torch.zeros(0, 4, 24))
    assert model.label_log_odds(none, none, SAME[:0], a, b).isfinite().all()  # the null context
