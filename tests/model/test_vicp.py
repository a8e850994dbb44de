"""The composition, on the tiny preset."""

import numpy as np
import pytest
import torch
from torch import Tensor

from vicp.model.build import TINY, build_model
from vicp.model.qformer import Latents
from vicp.model.sequence import lay_out
from vicp.model.vicp import VICP

Support = tuple[Latents, Latents, Tensor]


@torch.no_grad()
def test_reading_follows_the_figure(tiny: VICP, support: Support) -> None:
    left, right, same = (part[None] for part in support)
    reading = tiny.encode_context(left, right, same)
    context = lay_out(
        torch.cat([left.tokens, right.tokens], dim=2),
        tiny.comparison(left.tokens, right.tokens),
        tiny.reasoner.label_embeddings(same),
        tiny.prompt_slots,
    )
    states = tiny.reasoner(context.embeddings)
    per_pair = 4 + 4 + 1 + 1  # latents of two photos, comparison, label
    assert torch.equal(reading.states, states[:, 3 * per_pair :])
    assert torch.equal(reading.label_states, states[:, [per_pair - 2, 2 * per_pair - 2, 3 * per_pair - 2]])
    assert torch.equal(reading.tokens, tiny.head(reading.states))
    assert reading.tokens.shape == (1, 2, 4, 32)  # (C, L, M, D)


@torch.no_grad()
def test_without_pairs_it_reads_the_null_context(tiny: VICP) -> None:
    empty = Latents(torch.zeros(2, 0, 4, 32))
    reading = tiny.encode_context(empty, empty, torch.zeros(2, 0, dtype=torch.bool))
    assert reading.label_states.shape == (2, 0, 32)
    assert torch.equal(reading.tokens[0], reading.tokens[1])
    alone = tiny.reasoner(tiny.prompt_slots[None])
    torch.testing.assert_close(reading.states[:1], alone)


def test_labels_and_photos_decide_the_prompt(tiny: VICP, support: Support) -> None:
    left, right, same = support
    prompt = tiny.infer_prompt(left, right, same, category="cat", seed=7)
    assert (prompt.category, prompt.num_pairs, prompt.seed) == ("cat", 3, 7)
    assert prompt.fingerprint == tiny.fingerprint
    np.testing.assert_array_equal(prompt.tokens, tiny.infer_prompt(left, right, same, category="cat").tokens)
    for other in ((left, right, ~same), (left.apply(torch.flipud), right, same)):
        tokens = tiny.infer_prompt(*other, category="cat").tokens
        assert np.abs(tokens - prompt.tokens).max() > 1e-3


def test_a_prompt_is_an_ordinary_tensor(tiny: VICP, support: Support) -> None:
    """It can be tuned further: it is no inference tensor."""
    tokens = torch.tensor(tiny.infer_prompt(*support, category="cat").tokens, requires_grad=True)
    tiny.backbone.prompt_states(tokens)[next(iter(tiny.backbone.prompt_states(tokens)))][0].sum().backward()
    assert tokens.grad is not None


@torch.no_grad()
def test_a_prompt_changes_embeddings_and_keeps_their_length(tiny: VICP, photos: Tensor, support: Support) -> None:
    prompt = tiny.infer_prompt(*support, category="cat")
    plain, prompted = tiny.embed(photos), tiny.embed(photos, tiny.backbone.prompt_states(torch.tensor(prompt.tokens)))
    assert (plain - prompted).abs().max() > 1e-2
    for embeddings in (plain, prompted):
        torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(6))
        assert embeddings.dtype == torch.float32


@pytest.mark.parametrize("per_layer", [True, False])
@torch.no_grad()
def test_a_batch_of_prompts_equals_one_by_one(tiny: VICP, photos: Tensor, per_layer: bool) -> None:
    tokens = torch.randn(3, 2, 4, 32) if per_layer else torch.randn(3, 4, 32)
    together = tiny.embed(photos, tiny.batched_prompt_states(tokens, photos_per_prompt=2))
    for index, prompt in enumerate(tokens):
        block = photos[2 * index : 2 * index + 2]
        alone = tiny.embed(block, tiny.backbone.prompt_states(prompt))
        torch.testing.assert_close(together[2 * index : 2 * index + 2], alone, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_predict_asks_for_one_pair_at_a_time(tiny: VICP, support: Support) -> None:
    left, right, same = support
    a, b = map(Latents, torch.randn(2, 2, 4, 32))
    together = tiny.label_log_odds(left, right, same, a, b)
    assert together.shape == (2,)
    for index in range(2):
        answers = []
        for guess in (True, False):  # the label of the pair in question is not looked at
            labels = torch.cat([same, torch.tensor([guess])])[None]
            pairs = [Latents.cat([c, h[index : index + 1]])[None] for c, h in ((left, a), (right, b))]
            states = tiny.encode_context(*pairs, labels).label_states[:, -1]
            answers.append(tiny.reasoner.same_log_odds(states))
        torch.testing.assert_close(answers[0], answers[1])
        torch.testing.assert_close(together[index : index + 1], answers[0], atol=1e-5, rtol=1e-4)
    assert (together - tiny.label_log_odds(left, right, ~same, a, b)).abs().max() > 1e-4


@torch.no_grad()
def test_verify_is_symmetric_in_the_two_photos(tiny: VICP, support: Support) -> None:
    states = tiny.encode_context(*(part[None] for part in support)).states
    a, b = map(Latents, torch.randn(2, 1, 5, 4, 32))
    log_odds = tiny.pair_log_odds(a, b, states)
    assert log_odds.shape == (1, 5)
    torch.testing.assert_close(log_odds, tiny.pair_log_odds(b, a, states))
    assert (log_odds - tiny.pair_log_odds(a, a, states)).abs().max() > 1e-3


def test_one_step_moves_every_learned_part_and_no_frozen_one(photos: Tensor) -> None:
    model = build_model(TINY).train()
    latents = model.latents(photos)
    left, right = latents[:3][None], latents[3:][None]
    reading = model.encode_context(left, right, torch.tensor([[True, False, True]]))
    embeddings = model.embed(photos, model.batched_prompt_states(reading.tokens, len(photos)))
    odds = model.pair_log_odds(left, right, reading.states)
    labels = model.reasoner.same_log_odds(reading.label_states)
    ((embeddings @ torch.randn(32)).sum() + odds.sum() + labels.sum()).backward()
    without = {name for name, p in model.named_parameters() if p.grad is None}
    unused = {"reasoner.llm.lm_head.weight", "reasoner.llm.model.embed_tokens.weight"}  # words, not states
    assert without - unused == {n for n, _ in model.named_parameters() if n.startswith("backbone.")}
    assert all(p.requires_grad != n.startswith("backbone.") for n, p in model.named_parameters())
