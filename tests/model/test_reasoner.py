"""The LLM as a reader of embeddings: frozen yet passing gradients, causal, with the right label words."""

from pathlib import Path

import pytest
import torch
from tests.helpers.tiny_models import LANGUAGE_CONFIGS, VOCABULARY, randomise, save_language_model
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from vicp.config import PartConfig
from vicp.errors import ConfigError, WeightsError
from vicp.model.loading.pretrained import label_ids, language_model
from vicp.model.reasoner import Reasoner

WIDTH = 24


@pytest.fixture(params=list(LANGUAGE_CONFIGS))
def llm(request: pytest.FixtureRequest) -> PreTrainedModel:
    model = AutoModelForCausalLM.from_config(LANGUAGE_CONFIGS[request.param]())
    randomise(model)
    return model


@pytest.fixture
def llama() -> PreTrainedModel:
    model = AutoModelForCausalLM.from_config(LANGUAGE_CONFIGS["llama"]())
    randomise(model)
    return model


@pytest.mark.parametrize("family", ["llama", "gpt2"])  # to Qwen2, transformers insists on its own tokenizer
def test_label_words_come_from_the_tokenizer(family: str, tmp_path: Path) -> None:
    llm = AutoModelForCausalLM.from_config(LANGUAGE_CONFIGS[family]())
    part = PartConfig(source=str(save_language_model(llm, tmp_path)))
    words = label_ids(part, ("different", "same"))
    assert words == (VOCABULARY["different"], VOCABULARY["same"]) == (4, 2)

    reasoner = Reasoner(language_model(part), label_ids=words)
    same = torch.tensor([[True, False]])
    table = llm.get_input_embeddings().weight
    assert torch.equal(reasoner.label_embeddings(same), table[[2, 4]][None])
    assert reasoner.label_targets(same).tolist() == [[2, 4]]

    states = torch.randn(1, 2, WIDTH)
    logits = reasoner.label_logits(states)
    assert logits.shape == (1, 2, len(VOCABULARY))
    torch.testing.assert_close(logits, states @ llm.get_output_embeddings().weight.T)
    torch.testing.assert_close(reasoner.same_log_odds(states), logits[..., 2] - logits[..., 4])


def test_states_are_those_of_the_whole_language_model(llm: PreTrainedModel) -> None:
    reasoner = Reasoner(llm, label_ids=(4, 2))
    words = torch.tensor([[1, 3, 5, 2]])
    states = reasoner(llm.get_input_embeddings()(words))
    torch.testing.assert_close(reasoner.label_logits(states), llm(words).logits)


def test_learned_labels_without_a_tokenizer(llama: PreTrainedModel) -> None:
    reasoner = Reasoner(llama)
    same = torch.tensor([True, False, False])
    assert torch.equal(reasoner.label_embeddings(same), reasoner.labels[[1, 0, 0]])
    assert reasoner.label_targets(same).tolist() == [1, 0, 0]
    states = torch.randn(3, WIDTH)
    logits = reasoner.label_logits(states)
    torch.testing.assert_close(logits, states @ reasoner.labels.T)
    torch.testing.assert_close(reasoner.same_log_odds(states), logits[:, 1] - logits[:, 0])
    assert reasoner.labels.requires_grad


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_source_without_a_tokenizer_learns_labels(
    family: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """GPT-2's tokenizer loads from nothing, empty."""
    AutoModelForCausalLM.from_config(LANGUAGE_CONFIGS[family]()).save_pretrained(tmp_path)
    assert label_ids(PartConfig(source=str(tmp_path)), ("different", "same")) is None
    (record,) = caplog.records
    assert "label embeddings are learned instead" in record.getMessage()
    assert "\n" not in record.getMessage()


@pytest.mark.parametrize("words", [("same", "same"), ("same", "otter"), ("otter", "stoat"), ("", "same")])
def test_words_that_are_not_two_tokens_are_refused(
    words: tuple[str, str], llama: PreTrainedModel, tmp_path: Path
) -> None:
    part = PartConfig(source=str(save_language_model(llama, tmp_path)))
    with pytest.raises(ConfigError, match=r"model\.label_words: .* has no two tokens for"):
        label_ids(part, words)


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"model\.reasoner\.source: cannot load '.*nothing'"):
        language_model(PartConfig(source=str(tmp_path / "nothing")))


def test_frozen_passes_gradients_and_takes_none(llm: PreTrainedModel) -> None:
    reasoner = Reasoner(llm, label_ids=(4, 2))
    reasoner.train()
    assert reasoner.training
    assert not any(module.training for module in llm.modules())
    embeddings = torch.randn(2, 6, WIDTH, requires_grad=True)
    reasoner.same_log_odds(reasoner(embeddings)[:, -1]).sum().backward()
    assert embeddings.grad is not None
    assert all(embeddings.grad[:, t].abs().max() > 1e-6 for t in range(6))
    assert [name for name, p in reasoner.named_parameters() if p.grad is not None or p.requires_grad] == []


def test_not_frozen_learns_and_trains(llama: PreTrainedModel) -> None:
    reasoner = Reasoner(llama, frozen=False)
    reasoner.train()
    assert all(module.training for module in llama.modules())
    reasoner(torch.randn(1, 3, WIDTH)).sum().backward()
    assert all(p.grad is not None for name, p in llama.named_parameters() if ".layers." in name)


def label_logits(reasoner: Reasoner, left: Tensor, right: Tensor, same: Tensor) -> Tensor:
    _, states = reasoner.encode(torch.cat([left, right], dim=2), None, same, torch.zeros(2, WIDTH))
    return reasoner.label_logits(states)  # (C, K, V)


@torch.no_grad()
def test_a_label_is_predicted_from_what_stands_before_it(llm: PreTrainedModel) -> None:
    reasoner = Reasoner(llm, label_ids=(4, 2))
    left, right = torch.randn(2, 1, 4, 3, WIDTH).unbind()
    same = torch.tensor([[True, False, True, False]])
    before = label_logits(reasoner, left, right, same)

    other_pair = left.clone()
    other_pair[:, 2] = torch.randn(3, WIDTH)
    after = label_logits(reasoner, other_pair, right, same)
    torch.testing.assert_close(after[:, :2], before[:, :2])
    assert (after[:, 2:] - before[:, 2:]).abs().amax(dim=-1).min() > 1e-4

    other_label = label_logits(reasoner, left, right, torch.tensor([[True, True, True, False]]))
    torch.testing.assert_close(other_label[:, :2], before[:, :2])  # not even its own label is seen
    assert (other_label[:, 2:] - before[:, 2:]).abs().amax(dim=-1).min() > 1e-4


def test_a_context_beyond_the_llms_positions_is_refused(llm: PreTrainedModel) -> None:
    reasoner = Reasoner(llm)
    assert reasoner.max_positions == 512
    with pytest.raises(ConfigError, match="takes 513 positions but the LLM was made for 512"):
        reasoner(torch.zeros(1, 513, WIDTH))
