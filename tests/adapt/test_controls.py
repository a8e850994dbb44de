"""Control contexts keep what they say they keep, and nothing of what the own labels say."""

import dataclasses

import numpy as np
import pytest
import torch

from vicp.adapt.controls import (
    CONTEXTS,
    CONTROLS,
    Context,
    build_controls,
    identities_by_factor,
    pairs_by_another_rule,
    permute_photos,
    prompt_cosine,
    repair_pairs,
)
from vicp.adapt.encoded_support import EncodedSupport
from vicp.data.procedural.world import FACTORS, world_table
from vicp.data.support.support import Support, sample_support
from vicp.errors import DataError
from vicp.model.visual_prompt import VisualPrompt

NAMES = [f"{identity}" for identity in range(8) for _ in range(4)]


def context(category: str = "cat", seed: int = 0) -> Context[torch.Tensor]:
    photos = torch.arange(len(NAMES))
    return Context(photos, sample_support(NAMES, 16, seed=seed), category)


def test_every_control_has_a_sentence_and_own_comes_first() -> None:
    assert list(CONTEXTS) == ["own", *CONTROLS]


def test_build_controls_changes_only_what_the_name_says() -> None:
    own, other, rule = context(), context("dog", seed=1), context(seed=2)
    read = [name for name in CONTROLS if name != "static"]
    contexts = build_controls(own, read, seed=3, other=other, other_rule=rule)
    assert list(contexts) == ["own", *read]
    assert contexts["own"] is own
    assert contexts["other"] is other
    assert contexts["other_rule"] is rule
    assert contexts["shuffled"].pairs.left.tolist() == own.pairs.left.tolist()
    assert contexts["shuffled"].pairs.same.tolist() == own.pairs.shuffled(3).same.tolist()
    assert contexts["repaired"].pairs.right.tolist() == repair_pairs(own.pairs, 3).right.tolist()
    assert len(contexts["null"].pairs) == 0
    assert all(contexts[name].photos is own.photos for name in ("shuffled", "repaired", "null"))


def test_build_controls_leaves_out_what_is_not_given_and_refuses_what_is_not_read() -> None:
    assert list(build_controls(context(), ("other", "other_rule"), seed=0)) == ["own"]
    with pytest.raises(ValueError, match="no control context 'static'"):
        build_controls(context(), ("static",), seed=0)


def test_repair_pairs_keeps_photos_and_labels_and_breaks_what_they_say() -> None:
    pairs = context().pairs
    repaired = repair_pairs(pairs, 0)
    assert repaired.left.tolist() == pairs.left.tolist()
    assert repaired.same.tolist() == pairs.same.tolist()
    assert sorted(repaired.right) == sorted(pairs.right)
    names = np.array(NAMES)
    fits = (names[repaired.left] == names[repaired.right]) == repaired.same
    assert fits[repaired.same].mean() < 0.3
    with pytest.raises(DataError, match="too few photos"):
        repair_pairs(Support(np.array([0, 0]), np.array([1, 1]), np.array([True, False])), 0)


def test_permute_photos_moves_photos_under_fixed_labels() -> None:
    pairs = context().pairs
    values = torch.arange(len(NAMES)).float()
    groups = np.array(NAMES, dtype=np.int64)
    relation = np.where(groups[:, None] == groups, 1, -1).astype(np.int8)
    support = EncodedSupport("cat", values, pairs, groups, relation, values.numpy(), None, seed=5)
    permuted = permute_photos(support)
    assert permuted.pairs is pairs
    assert permuted.groups is groups
    assert permuted.pixels.tolist() == permuted.frozen.tolist()
    assert sorted(permuted.pixels.tolist()) == values.tolist()
    assert permuted.pixels.tolist() != values.tolist()


def test_pairs_by_another_rule_share_no_factor_with_the_own_and_balance_their_labels() -> None:
    table = world_table(num_categories=1, seed=0)
    drawn = pairs_by_another_rule(identities_by_factor(table, seed=1), 16, seed=1)
    assert drawn is not None
    factor, pairs = drawn
    assert factor not in table.frame["rule"].iloc[0].split("+")
    assert factor in FACTORS
    values = table.frame[factor].to_numpy()
    assert ((values[pairs.left] == values[pairs.right]) == pairs.same).all()
    assert (len(pairs), int(pairs.same.sum())) == (16, 8)


def test_pairs_by_another_rule_takes_the_first_that_gives_enough() -> None:
    one_each, four_each = [str(i) for i in range(32)], NAMES
    pairs_of_two = [str(i // 2) if i < 4 else str(i) for i in range(32)]
    name, pairs = pairs_by_another_rule({"none": one_each, "few": pairs_of_two, "many": four_each}, 16, seed=0) or (
        "",
        0,
    )
    assert (name, len(pairs)) == ("many", 16)
    name, pairs = pairs_by_another_rule({"none": one_each, "few": pairs_of_two}, 16, seed=0) or ("", 0)
    assert (name, len(pairs)) == ("few", 4)
    assert pairs_by_another_rule({"none": one_each}, 16, seed=0) is None


def test_identities_by_factor_is_empty_outside_the_procedural_world() -> None:
    table = world_table(num_categories=1, seed=0)
    assert identities_by_factor(dataclasses.replace(table, frame=table.frame.drop(columns="rule")), seed=1) == {}


def test_prompt_cosine_of_all_tokens() -> None:
    tokens = (np.array([[1.0, 0.0], [0.0, sign]], np.float32) for sign in (1, -1))
    one, other = (VisualPrompt(each, None, "cat", 0, None, "") for each in tokens)
    assert prompt_cosine(one, one) == pytest.approx(1.0)
    assert prompt_cosine(one, other) == pytest.approx(0.0)
