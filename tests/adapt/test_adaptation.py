"""Prompts as values, and on disk."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vicp.adapt.methods.whitening import WhiteningTransform, apply
from vicp.adapt.prompt import Choice, Prompt, Recipe, concatenate
from vicp.decisions.held_out import HeldOut
from vicp.errors import PromptError
from vicp.model.visual_prompt import VisualPrompt, write_prompt_file

FACTS = ("Katze — 猫", 8, None, "0123456789abcdef")


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def metric_on_both() -> Prompt:
    return Prompt(
        Recipe("metric", "both", "generated", shrinkage=0.3, share=0.75),
        *FACTS,
        visual=VisualPrompt(draw(2, 4, 6), draw(4, 5), *FACTS),
        metric=WhiteningTransform(mean=draw(12), weight=draw(12, 12)),
        beside=WhiteningTransform(mean=draw(12) + 1, weight=draw(12, 12) + 1),
        choice=Choice("because", {"null": 0.5, "metric on frozen photos, shrinkage 0.3": 0.75}, 0.25, 0.875),
    )


def test_round_trip(tmp_path: Path) -> None:
    own = metric_on_both()
    own.save(tmp_path / "new" / "cat")
    loaded = Prompt.load(tmp_path / "new" / "cat")
    assert (loaded.recipe, loaded.choice) == (own.recipe, own.choice)
    assert (loaded.category, loaded.num_pairs, loaded.seed, loaded.fingerprint) == FACTS
    assert torch.equal(loaded.visual.tokens, own.visual.tokens)
    assert torch.equal(loaded.visual.states, own.visual.states)
    views = [draw(3, 6), draw(3, 6) + 1]
    assert torch.equal(loaded.finish(views), own.finish(views))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["cat"]


@pytest.mark.parametrize("foreseen", [None, False, True])
def test_whether_labels_were_foreseen_is_kept(foreseen: bool | None, tmp_path: Path) -> None:
    replace(metric_on_both(), foreseen=foreseen).save(tmp_path / "cat")
    assert Prompt.load(tmp_path / "cat").foreseen is foreseen


def test_held_out_similarities_are_kept(tmp_path: Path) -> None:
    similarity = np.array([[1, np.nan, 0.25], [0.5, 1, 0.125], [0.25, 0, 1]])
    relation = np.array([[1, 1, -1], [1, 1, -1], [-1, -1, 1]])
    own = HeldOut.of(similarity, np.array([0, 0, 1]), relation)
    replace(metric_on_both(), held_out=own).save(tmp_path / "cat")
    loaded = Prompt.load(tmp_path / "cat").held_out
    for name in ("similarity", "groups", "relation"):
        kept, given = getattr(loaded, name), getattr(own, name)
        assert kept.dtype == given.dtype
        np.testing.assert_array_equal(kept, given)
    assert Prompt.load(tmp_path / "cat").metric is not None


def test_a_file_of_an_earlier_version_has_none(tmp_path: Path) -> None:
    metric_on_both().save(tmp_path / "cat")
    assert Prompt.load(tmp_path / "cat").held_out is None


def test_held_out_similarities_of_another_shape_are_damage(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected \(n, n\)"):
        HeldOut.of(np.zeros((2, 3)), np.zeros(2, np.int64), np.zeros((2, 2)))
    own = HeldOut.of(np.eye(2), np.arange(2), np.array([[1, -1], [-1, 1]]))
    object.__setattr__(own, "groups", np.arange(3))
    replace(metric_on_both(), held_out=own).save(tmp_path / "cat")
    with pytest.raises(PromptError, match="damaged prompt"):
        Prompt.load(tmp_path / "cat")


def test_nothing_at_all_can_be_saved(tmp_path: Path) -> None:
    Prompt(Recipe(), *FACTS).save(tmp_path / "cat")
    loaded = Prompt.load(tmp_path / "cat")
    assert loaded == Prompt(Recipe(), *FACTS)
    assert torch.equal(loaded.finish([draw(3, 6)]), draw(3, 6))


def test_features_side_by_side_weigh_the_same_before_the_metric() -> None:
    own = Prompt(Recipe("generated", "both", "generated"), *FACTS, visual=metric_on_both().visual)
    frozen, prompted = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8]])
    joined = own.finish([frozen, prompted])
    torch.testing.assert_close(joined, torch.tensor([[1.0, 0.0, 0.6, 0.8]]) / 2**0.5)
    assert own.views == (None, own.visual)


def test_a_prompt_file_of_the_first_format_is_a_generated_adaptation(tmp_path: Path) -> None:
    metadata = {
        "format": "vicp-prompt-1",
        "fingerprint": "feed",
        "facts": '{"category": "cat", "num_pairs": 3, "seed": 7}',
    }
    tokens, states = draw(4, 6), draw(4, 5)
    save_file({"tokens": tokens, "states": states}, tmp_path / "old", metadata=metadata)
    loaded = Prompt.load(tmp_path / "old")
    assert loaded.recipe == Recipe("generated", "prompted", "generated")
    assert (loaded.category, loaded.num_pairs, loaded.seed, loaded.fingerprint) == ("cat", 3, 7, "feed")
    assert torch.equal(loaded.visual.tokens, tokens)
    assert torch.equal(loaded.visual.states, states)
    assert (loaded.metric, loaded.choice) == (None, None)


def test_two_metrics_weigh_what_their_share_says() -> None:
    features, own = draw(3, 12), metric_on_both()
    beside, metric = (apply(m, concatenate([features[:, :6], features[:, 6:]])) for m in (own.beside, own.metric))
    both = own.finish([features[:, :6], features[:, 6:]])
    torch.testing.assert_close(both @ both.T, 0.75 * beside @ beside.T + 0.25 * metric @ metric.T)
    with pytest.raises(ValueError, match="only then is there a share"):
        replace(own, beside=None)


def test_of_a_file_that_says_no_share_both_metrics_weigh_the_same(tmp_path: Path) -> None:
    own = metric_on_both()
    facts = {"category": "cat", "num_pairs": 8, "seed": None, "recipe": asdict(own.recipe), "choice": None}
    del facts["recipe"]["share"]
    tensors = {f"{name}.{part}": t for name in ("metric", "beside") for part, t in vars(getattr(own, name)).items()}
    tensors["tokens"] = own.visual.tokens
    write_prompt_file(tmp_path / "old", tensors, facts, fingerprint="feed", format_name="vicp-adaptation-2")
    assert Prompt.load(tmp_path / "old").recipe == replace(own.recipe, share=0.5)


@pytest.mark.parametrize("keep", [0, 40, -10])
def test_damaged(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cat"
    metric_on_both().save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(PromptError, match="damaged prompt"):
        Prompt.load(path)


@pytest.mark.parametrize("facts", ["{}", '{"category": "cat", "num_pairs": 1, "seed": 0, "recipe": {"x": 1}}', "[]"])
def test_damaged_facts(tmp_path: Path, facts: str) -> None:
    metadata = {"format": "vicp-adaptation-1", "fingerprint": "f", "facts": facts}
    save_file({"tokens": draw(1, 2)}, tmp_path / "cat", metadata=metadata)
    with pytest.raises(PromptError, match="damaged prompt"):
        Prompt.load(tmp_path / "cat")


def test_other_files_are_no_prompts(tmp_path: Path) -> None:
    save_file({"tokens": draw(1, 2)}, tmp_path / "weights", metadata={"format": "pt"})
    with pytest.raises(
        PromptError, match=r"not a category prompt .*'vicp-adaptation-2' or 'vicp-adaptation-1' or 'vicp-prompt-1'"
    ):
        Prompt.load(tmp_path / "weights")
    with pytest.raises(PromptError, match="no such prompt"):
        Prompt.load(tmp_path / "nowhere")


def test_prompted_features_need_a_prompt() -> None:
    with pytest.raises(ValueError, match="need a prompt"):
        Prompt(Recipe("tuned", "prompted", "random"), *FACTS)
