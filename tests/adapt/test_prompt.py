"""Prompts as values, and on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from vicp.adapt.linear_transform import LinearTransform, concatenate
from vicp.adapt.prompt import Choice, Prompt
from vicp.adapt.recipe import Blend, EmittedMetric, GeneratedPrompt, Null, RandomTokens, Whitening
from vicp.decisions.held_out import HeldOut
from vicp.errors import PromptError
from vicp.model.visual_prompt import VisualPrompt

FACTS = ("Katze — 猫", 8, None, "0123456789abcdef")


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def transform(shift: float = 0.0) -> LinearTransform:
    return LinearTransform(mean=draw(12) + np.float32(shift), weight=draw(12, 12) + np.float32(shift))


def whitening_of_both() -> Prompt:
    return Prompt(
        Whitening(0.3, "both", "generated"),
        *FACTS,
        visual=VisualPrompt(draw(2, 4, 6), draw(4, 5), *FACTS),
        whitening=transform(),
        choice=Choice("because", {"null": 0.5, "metric on frozen photos, shrinkage 0.3": 0.75}, 0.25, 0.875),
    )


def blended() -> Prompt:
    return Prompt(Blend(Whitening(0.3), 0.75), *FACTS, whitening=transform(), emitted_metric=transform(1.0))


def test_round_trip(tmp_path: Path) -> None:
    prompt = whitening_of_both()
    prompt.save(tmp_path / "new" / "cat")
    loaded = Prompt.load(tmp_path / "new" / "cat")
    assert (loaded.recipe, loaded.choice) == (prompt.recipe, prompt.choice)
    assert (loaded.category, loaded.num_pairs, loaded.seed, loaded.fingerprint) == FACTS
    np.testing.assert_array_equal(loaded.visual.tokens, prompt.visual.tokens)
    np.testing.assert_array_equal(loaded.visual.states, prompt.visual.states)
    embeddings = [draw(3, 6), draw(3, 6) + 1]
    np.testing.assert_array_equal(loaded.project(embeddings), prompt.project(embeddings))
    assert (loaded.held_out, loaded.emitted_metric) == (None, None)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["cat"]


def test_both_transforms_of_a_blend_are_kept(tmp_path: Path) -> None:
    blended().save(tmp_path / "cat")
    loaded = Prompt.load(tmp_path / "cat")
    assert loaded.recipe == Blend(Whitening(0.3), 0.75)
    np.testing.assert_array_equal(loaded.project([draw(3, 12)]), blended().project([draw(3, 12)]))


def test_the_bytes_of_a_prompt_are_those_of_a_file(tmp_path: Path) -> None:
    data = blended().to_bytes()
    (tmp_path / "cat").write_bytes(data)
    assert Prompt.load(tmp_path / "cat").recipe == Prompt.from_bytes(data).recipe == blended().recipe
    np.testing.assert_array_equal(Prompt.from_bytes(data).project([draw(3, 12)]), blended().project([draw(3, 12)]))
    with pytest.raises(PromptError, match="the prompt of 'cat': damaged prompt"):
        Prompt.from_bytes(data[:40], name="the prompt of 'cat'")


@pytest.mark.parametrize("predictable", [None, False, True])
def test_whether_labels_were_predictable_is_kept(predictable: bool | None, tmp_path: Path) -> None:
    replace(whitening_of_both(), labels_predictable=predictable).save(tmp_path / "cat")
    assert Prompt.load(tmp_path / "cat").labels_predictable is predictable


def test_held_out_similarities_are_kept(tmp_path: Path) -> None:
    similarity = np.array([[1, np.nan, 0.25], [0.5, 1, 0.125], [0.25, 0, 1]])
    relation = np.array([[1, 1, -1], [1, 1, -1], [-1, -1, 1]])
    held_out = HeldOut.of(similarity, np.array([0, 0, 1]), relation)
    replace(whitening_of_both(), held_out=held_out).save(tmp_path / "cat")
    loaded = Prompt.load(tmp_path / "cat")
    for name in ("similarity", "groups", "relation"):
        read, written = getattr(loaded.held_out, name), getattr(held_out, name)
        assert read.dtype == written.dtype
        np.testing.assert_array_equal(read, written)
    assert loaded.whitening is not None


def test_held_out_similarities_of_another_shape_are_damage(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected \(n, n\)"):
        HeldOut.of(np.zeros((2, 3)), np.zeros(2, np.int64), np.zeros((2, 2)))
    held_out = HeldOut.of(np.eye(2), np.arange(2), np.array([[1, -1], [-1, 1]]))
    object.__setattr__(held_out, "groups", np.arange(3))
    replace(whitening_of_both(), held_out=held_out).save(tmp_path / "cat")
    with pytest.raises(PromptError, match="damaged prompt"):
        Prompt.load(tmp_path / "cat")


def test_nothing_at_all_can_be_saved(tmp_path: Path) -> None:
    Prompt(Null(), *FACTS).save(tmp_path / "cat")
    loaded = Prompt.load(tmp_path / "cat")
    assert loaded == Prompt(Null(), *FACTS)
    np.testing.assert_array_equal(loaded.project([draw(3, 6)]), draw(3, 6))


def test_concatenated_features_weigh_the_same_before_the_metric() -> None:
    identity = LinearTransform(np.zeros(4, np.float32), np.eye(4, dtype=np.float32))
    prompt = replace(whitening_of_both(), whitening=identity)
    frozen, prompted = (np.array([row], np.float32) for row in ([1.0, 0.0], [0.6, 0.8]))
    joined = prompt.project([frozen, prompted])
    np.testing.assert_allclose(joined, np.array([[1.0, 0.0, 0.6, 0.8]]) / 2**0.5, atol=1e-6)
    assert prompt.feature_sources == (None, prompt.visual)


def test_a_blend_is_as_similar_as_both_metrics_say_by_weight() -> None:
    features, prompt = draw(3, 12), blended()
    emitted, whitened = (metric.apply(concatenate([features])) for metric in (prompt.emitted_metric, prompt.whitening))
    both = prompt.project([features])
    np.testing.assert_allclose(both @ both.T, 0.75 * emitted @ emitted.T + 0.25 * whitened @ whitened.T, atol=1e-6)


@pytest.mark.parametrize(
    ("recipe", "transforms"),
    [
        (Null(), {"whitening": transform()}),
        (Whitening(0.3), {}),
        (EmittedMetric(), {"whitening": transform(), "emitted_metric": transform()}),
        (Blend(Whitening(0.3), 0.5), {"whitening": transform()}),
    ],
    ids=["null", "whitening", "emitted metric", "blend"],
)
def test_a_recipe_and_its_transforms_go_together(recipe, transforms) -> None:
    with pytest.raises(ValueError, match=r"having a whitening, and an emitted metric, is .*, expected"):
        Prompt(recipe, *FACTS, **transforms)


@pytest.mark.parametrize("recipe", [GeneratedPrompt(), RandomTokens(), Whitening(0.3, "both", "static")], ids=str)
def test_prompted_features_need_a_prompt(recipe) -> None:
    with pytest.raises(ValueError, match="need a prompt"):
        Prompt(recipe, *FACTS, whitening=transform() if isinstance(recipe, Whitening) else None)


@pytest.mark.parametrize("size", [0, 40, -10])
def test_damaged(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cat"
    whitening_of_both().save(path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(PromptError, match="damaged prompt"):
        Prompt.load(path)


@pytest.mark.parametrize(
    "facts",
    [
        "{}",
        "[]",
        '{"category": "cat", "num_pairs": 1, "seed": 0, "recipe": {"x": 1}}',
        '{"category": "cat", "num_pairs": 1, "seed": 0, "recipe": "metric"}',
        '{"category": "cat", "num_pairs": 1, "seed": 0, "recipe": {"type": "Cake"}}',
        '{"category": "cat", "num_pairs": 1, "seed": 0, "recipe": {"type": "Whitening", "features": "both"}}',
    ],
)
def test_damaged_facts(tmp_path: Path, facts: str) -> None:
    metadata = {"format": "vicp-prompt-2", "fingerprint": "f", "facts": facts}
    save_file({"tokens": draw(1, 2)}, tmp_path / "cat", metadata=metadata)
    with pytest.raises(PromptError, match="damaged prompt"):
        Prompt.load(tmp_path / "cat")


@pytest.mark.parametrize("name", ["pt", "vicp-adaptation-3", "vicp-prompt-1"])
def test_files_of_other_formats_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    facts = '{"category": "cat", "num_pairs": 3, "seed": 7}'
    metadata = {"format": name, "fingerprint": "feed", "facts": facts}
    save_file({"tokens": draw(1, 2)}, tmp_path / "other", metadata=metadata)
    message = rf"other: not a category prompt \(format '{name}', expected 'vicp-prompt-2'\); `vicp teach` makes one$"
    with pytest.raises(PromptError, match=message):
        Prompt.load(tmp_path / "other")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="no such prompt"):
        Prompt.load(tmp_path / "nowhere")
