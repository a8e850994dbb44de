from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.adapt.synthetic import pairs_of
from vicp.adapt.encoded_support import encode_pixels, relate_identities, relate_pairs, sample_same_size
from vicp.adapt.load import make_embedder
from vicp.adapt.methods import finetuned
from vicp.adapt.methods.finetuned import BATCH, FinetuneSettings, batches, support_loss
from vicp.adapt.methods.tuned import ranking_loss
from vicp.adapt.selection.triplet_plus import fit_finetuned, score_steps
from vicp.model.build import PRESETS, build_model


@pytest.fixture(scope="module")
def embedder():
    return make_embedder(build_model(PRESETS["tiny"]).eval())


@pytest.fixture(scope="module")
def pixels():
    """Six identities of four photos: a colour each, half drowned in noise."""
    draw = torch.Generator().manual_seed(0)
    colours = torch.randint(0, 256, (6, 1, 3, 1, 1), generator=draw)
    noise = torch.randint(0, 256, (6, 4, 3, 32, 32), generator=draw)
    return ((colours + noise) // 2).flatten(0, 1).to(torch.uint8)


def relation() -> np.ndarray:
    return relate_identities([str(i) for i in np.repeat(np.arange(6), 4)])[1]


@pytest.mark.parametrize("loss", ["triplet", "ranking"])
def test_it_learns_and_leaves_the_model_as_it_was(embedder, pixels, loss) -> None:
    before = {name: tensor.clone() for name, tensor in embedder.model.state_dict().items()}
    after = finetuned.finetuned(embedder, pixels, relation(), FinetuneSettings(12, 1e-3, loss), seed=0)
    known = torch.from_numpy(relation())
    losses = [float(ranking_loss(e.embed_pixels(pixels, mirror=True), known)) for e in (embedder, after)]
    assert losses[1] < 0.8 * losses[0]
    assert after.model is None
    assert after.backbone is not embedder.backbone
    assert all(torch.equal(tensor, before[name]) for name, tensor in embedder.model.state_dict().items())
    assert all(parameter.grad is None for parameter in embedder.model.parameters())


def test_snapshots_are_what_shorter_runs_end_with(embedder, pixels) -> None:
    settings = FinetuneSettings(2, 1e-3)
    alone = finetuned.finetuned(embedder, pixels, relation(), settings, seed=3).embed_pixels(pixels, mirror=True)
    found = [
        e.embed_pixels(pixels, mirror=True)
        for e in finetuned.finetuned_snapshots(embedder, pixels, relation(), settings, steps=[2, 4], seed=3)
    ]
    assert torch.equal(found[0], alone)
    assert not torch.equal(found[0], found[1])


def support_of(embedder, pixels):
    names = [str(i) for i in np.repeat(np.arange(6), 4)]
    pairs = sample_same_size(names, 12, seed=1)
    return encode_pixels(embedder, pixels, pairs, category="thing", identities=names, names=names, seed=1)


def test_held_out_identities_choose_the_number_of_steps(embedder, pixels) -> None:
    draw = torch.Generator().manual_seed(0)
    colours, light = (torch.randint(0, 256, (6, n, 3, 1, 1), generator=draw) for n in (1, 4))
    hard = ((colours + 2 * light) // 3).expand(6, 4, 3, 32, 32).flatten(0, 1).to(torch.uint8)
    support, settings = support_of(embedder, hard), FinetuneSettings(30, 1e-3)
    scores = score_steps(embedder, support, settings, (4, 12))
    assert list(scores) == [0, 4, 12]
    assert max(scores, key=scores.__getitem__) == 12
    chosen = fit_finetuned(embedder, support, settings, steps=(4, 12))
    expected = finetuned.finetuned(embedder, hard, support.relation, replace(settings, steps=12), seed=1)
    assert torch.equal(chosen.embed_pixels(hard), expected.embed_pixels(hard))
    easy = support_of(embedder, pixels)
    assert score_steps(embedder, easy, settings, (4,))[0] == 1.0
    as_it_was = fit_finetuned(embedder, easy, settings, steps=(4,))
    assert torch.equal(as_it_was.embed_pixels(pixels), embedder.embed_pixels(pixels)), "nothing is left to learn"


def test_a_support_too_small_to_hold_identities_out_gets_the_given_steps(embedder, pixels) -> None:
    few, settings = support_of(embedder, pixels).select(np.arange(8)), FinetuneSettings(2, 1e-3)
    assert score_steps(embedder, few, settings, (4,)) == {}
    alone = finetuned.finetuned(embedder, few.pixels, few.relation, settings, seed=1)
    asked = fit_finetuned(embedder, few, settings, steps=(4,))
    assert torch.equal(asked.embed_pixels(pixels), alone.embed_pixels(pixels))


def test_only_known_relations_count() -> None:
    embeddings = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    known = torch.tensor([[1, 1, -1], [1, 1, -1], [-1, -1, 1]])
    # Anchor 0: 0 - 0.6 + 0.1 < 0; anchor 1: 0.8 - 0.6 + 0.1 = 0.3, the only violation.
    assert float(support_loss(embeddings, known, "triplet")) == pytest.approx(0.3)
    unknown = torch.tensor([[1, 1, -1], [1, 1, 0], [-1, 0, 1]])
    assert float(support_loss(embeddings, unknown, "triplet")) == 0


def test_batches_of_many_photos() -> None:
    rng = np.random.default_rng(0)
    known = relate_identities([str(i) for i in np.repeat(np.arange(20), 6)])[1]
    rows = batches(known, rng)
    for _ in range(5):
        own = next(rows)
        assert len(own) == BATCH
        assert sorted(np.unique(own // 6, return_counts=True)[1]) == [4] * 8
    pairs = pairs_of(*[(2 * i, 2 * i + 1, i % 2 == 0) for i in range(40)])
    own = next(batches(relate_pairs(pairs, [str(i) for i in range(80)])[1], rng))
    assert len(own) == BATCH
    partners = {row ^ 1 for row in own.tolist()}
    assert partners == set(own.tolist()), "both photos of a pair"
    assert sum(row // 2 % 2 == 0 for row in own.tolist()) == BATCH // 2
    assert len(next(batches(known[:10, :10], rng))) == 10


def test_it_carries_no_prompts_and_no_static_one(embedder, pixels) -> None:
    prompted = replace(embedder, static=torch.zeros(4, 32))
    after = finetuned.finetuned(prompted, pixels, relation(), FinetuneSettings(1), seed=0)
    assert after.static is None
    assert after.fingerprint != embedder.fingerprint
