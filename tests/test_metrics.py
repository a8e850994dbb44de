"""Retrieval metrics against a full sort, scikit-learn and pytorch-metric-learning; invariants and edges."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from vicp import metrics
from vicp.metrics import auc, bootstrap_interval, retrieval


def draw_photos(seed: int, num_photos: int, num_identities: int, dim: int = 8) -> tuple[torch.Tensor, np.ndarray]:
    generator = np.random.default_rng(seed)
    identities = generator.integers(num_identities, size=num_photos)
    centres = generator.normal(size=(num_identities, dim))
    embeddings = centres[identities] + generator.normal(size=(num_photos, dim))
    return torch.from_numpy(embeddings).float(), identities


def draw_grid(seed: int, num_photos: int, num_identities: int) -> tuple[torch.Tensor, np.ndarray]:
    """Embeddings of one to four entries of 1: cosines that float32 rounds, and ties everywhere."""
    generator = np.random.default_rng(seed)
    embeddings = generator.integers(2, size=(num_photos, 4))
    embeddings[:, 0] = 1
    return torch.from_numpy(embeddings).float(), generator.integers(num_identities, size=num_photos)


def on_circle(degrees: list[float]) -> torch.Tensor:
    angle = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def naive(query, gallery, query_identities, gallery_identities, leave_one_out=False):
    """Full sort in float64, similarities rounded to 1e-7, negatives before the positives that equal them."""
    query, gallery = (torch.nn.functional.normalize(x.double(), dim=1) for x in (query, gallery))
    similarity = (query @ gallery.T).numpy().round(7)
    precisions, firsts = [], []
    for row, name in enumerate(query_identities):
        keep = np.arange(len(gallery)) != row if leave_one_out else np.ones(len(gallery), dtype=bool)
        positive = (gallery_identities == name)[keep]
        order = np.lexsort((positive, -similarity[row][keep]))
        ranks = np.flatnonzero(positive[order]) + 1
        precisions.append((np.arange(1, len(ranks) + 1) / ranks).mean() if len(ranks) else np.nan)
        firsts.append(ranks[0] if len(ranks) else 0)
    return np.array(precisions), np.array(firsts)


def test_by_hand():
    gallery = on_circle([10.0, 20.0, 30.0, 40.0, 170.0])
    identities = np.array(["b", "a", "b", "a", "c"])
    result = retrieval(on_circle([0.0, 180.0, 0.0]), gallery, np.array(["a", "c", "nobody"]), identities)
    np.testing.assert_allclose(result.average_precision, [(1 / 2 + 2 / 4) / 2, 1.0, np.nan])
    np.testing.assert_array_equal(result.first_hit, [2, 1, 0])
    assert (result.num_queries, result.map, result.rank1, result.rank5) == (2, 0.75, 0.5, 1.0)


def test_ties_are_pessimistic():
    same = torch.ones(4, 3)
    result = retrieval(same[:1], same, np.array([7]), np.array([7, 8, 9, 7]))
    assert result.first_hit.tolist() == [3]
    assert result.average_precision.tolist() == [pytest.approx((1 / 3 + 2 / 4) / 2)]


def test_rank5_counts_the_first_five():
    gallery, query = on_circle([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), on_circle([0.0])
    fifth = retrieval(query, gallery, np.array([1]), np.array([0, 0, 0, 0, 1, 0]))
    sixth = retrieval(query, gallery, np.array([1]), np.array([0, 0, 0, 0, 0, 1]))
    assert (fifth.rank5, sixth.rank5, sixth.rank(6)) == (1.0, 0.0, 1.0)


@pytest.mark.parametrize("leave_one_out", [False, True])
@pytest.mark.parametrize("draw", [draw_photos, draw_grid])
def test_a_full_sort_agrees(draw, leave_one_out):
    embeddings, identities = draw(0, 700, 90)  # more than one block of queries
    query, query_identities = (embeddings, identities) if leave_one_out else draw(1, 600, 100)
    result = retrieval(query, embeddings, query_identities, identities, leave_one_out=leave_one_out, block_size=64)
    precision, first_hit = naive(query, embeddings, query_identities, identities, leave_one_out)
    np.testing.assert_allclose(result.average_precision, precision, rtol=1e-12)
    np.testing.assert_array_equal(result.first_hit, first_hit)


def test_average_precision_is_that_of_sklearn():
    (query, query_identities), (gallery, identities) = draw_photos(2, 40, 12), draw_photos(3, 200, 12)
    result = retrieval(query, gallery, query_identities, identities)
    similarity = torch.nn.functional.cosine_similarity(query[:, None].double(), gallery[None].double(), dim=2)
    expected = [
        average_precision_score(identities == name, row.numpy())
        for name, row in zip(query_identities, similarity, strict=True)
    ]
    np.testing.assert_allclose(result.average_precision, expected, rtol=1e-9)


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_map_and_rank1_are_those_of_pytorch_metric_learning(leave_one_out):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_metric_learning.distances import CosineSimilarity
        from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
        from pytorch_metric_learning.utils.inference import CustomKNN

    gallery, identities = draw_photos(4, 150, 40)
    query, query_identities = (gallery, identities) if leave_one_out else draw_photos(5, 60, 50)
    calculator = AccuracyCalculator(
        include=("mean_average_precision", "precision_at_1"), k=None, knn_func=CustomKNN(CosineSimilarity())
    )
    expected = calculator.get_accuracy(
        query,
        torch.from_numpy(query_identities),
        gallery,
        torch.from_numpy(identities),
        ref_includes_query=leave_one_out,
    )
    result = retrieval(query, gallery, query_identities, identities, leave_one_out=leave_one_out)
    assert 0 < result.num_queries < len(query)
    assert result.map == pytest.approx(expected["mean_average_precision"], abs=1e-6)
    assert result.rank1 == pytest.approx(expected["precision_at_1"], abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), block_size=st.integers(1, 60), draw=st.sampled_from([draw_photos, draw_grid]))
def test_gallery_order_and_block_size_change_nothing(seed, block_size, draw):
    (query, query_identities), (gallery, identities) = draw(seed, 9, 6), draw(seed + 1, 50, 6)
    order = np.random.default_rng(seed).permutation(50)
    result = retrieval(query, gallery, query_identities, identities)
    other = retrieval(query, gallery[order], query_identities, identities[order], block_size=block_size)
    np.testing.assert_array_equal(other.average_precision, result.average_precision)
    np.testing.assert_array_equal(other.first_hit, result.first_hit)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), block_size=st.integers(1, 60))
def test_a_copy_of_a_negative_ties_with_its_original_exactly(seed, block_size):
    """The pitfall: two kernels, two last bits, and a positive that is its own negative's equal moves."""
    (query, _), (gallery, _) = draw_photos(seed, 3, 2, dim=100), draw_photos(seed + 1, 30, 2, dim=100)
    doubled = torch.cat([gallery, gallery])
    identities = np.array(["positive"] * 30 + ["negative"] * 30)
    result = retrieval(query, doubled, np.array(["positive"] * 3), identities, block_size=block_size)
    # The j-th positive has j negatives and j - 1 positives before it: j / 2j.
    np.testing.assert_allclose(result.average_precision, 0.5, rtol=1e-12)
    np.testing.assert_array_equal(result.first_hit, 2)


def test_similarities_are_summed_without_rounding():
    """The promise behind the invariants: on the grid, every order of addition gives the same number."""
    embeddings = metrics._normalise_on_grid(draw_photos(6, 40, 3, dim=384)[0]).double()
    terms = embeddings[:20] * embeddings[20:]  # (20, 384)
    order = torch.from_numpy(np.random.default_rng(0).permutation(384))
    assert torch.equal(terms.cumsum(dim=1)[:, -1], terms[:, order].cumsum(dim=1)[:, -1])
    assert torch.equal(terms.sum(dim=1), (embeddings[:20] @ embeddings[20:].T).diagonal())


def test_identities_may_be_strings_or_integers():
    (query, query_identities), (gallery, identities) = draw_photos(7, 10, 4), draw_photos(8, 40, 4)
    result = retrieval(query, gallery, query_identities, identities)
    for kind in (str, object):
        named = retrieval(
            query, gallery, query_identities.astype(str).astype(kind), identities.astype(kind).astype(str)
        )
        np.testing.assert_array_equal(named.average_precision, result.average_precision)


def test_without_any_positive_the_means_are_nan():
    gallery = on_circle([0.0, 90.0])
    for gallery_rows in (2, 0):
        result = retrieval(gallery, gallery[:gallery_rows], np.array([1, 2]), np.array([3, 4])[:gallery_rows])
        assert result.num_queries == 0
        assert np.isnan([result.map, result.rank1, result.rank5]).all()


def test_wrong_arguments_are_refused():
    gallery, identities = draw_photos(9, 10, 3)
    with pytest.raises(ValueError, match=r"gallery is \(10, 8\) with identities \(9,\)"):
        retrieval(gallery, gallery, identities, identities[1:])
    with pytest.raises(ValueError, match=r"expected \(n, 7\)"):
        retrieval(gallery[:, 1:], gallery, identities, identities)
    with pytest.raises(ValueError, match="query holds values that are not finite"):
        retrieval(gallery / 0, gallery, identities, identities)
    with pytest.raises(ValueError, match="block_size is 0"):
        retrieval(gallery, gallery, identities, identities, block_size=0)
    with pytest.raises(ValueError, match="expected one kind on both sides"):
        retrieval(gallery, gallery, identities, identities.astype(str))
    for query, names in (
        (gallery.flip(0), identities),
        (gallery, identities[::-1]),
        (gallery[1:], identities[1:]),
    ):
        with pytest.raises(ValueError, match="pass the same rows"):
            retrieval(query, gallery, names, identities, leave_one_out=True)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31))
def test_auc_is_that_of_sklearn(seed):
    generator = np.random.default_rng(seed)
    same = generator.random(60) < 0.3
    same[:2] = [True, False]
    scores = generator.normal(size=60).round(1) + same  # rounded, so that scores tie
    assert auc(scores, same) == pytest.approx(roc_auc_score(same, scores), abs=1e-12)


def test_auc_by_hand():
    assert auc(np.array([3.0, 1.0, 2.0, 1.0]), np.array([True, True, False, False])) == pytest.approx(2.5 / 4)


def test_auc_refuses_wrong_arguments():
    scores, same = np.array([0.1, 0.2]), np.array([True, False])
    with pytest.raises(ValueError, match=r"same is \(2,\) int"):
        auc(scores, same.astype(int))
    with pytest.raises(ValueError, match=r"scores are \(1,\)"):
        auc(scores[:1], same)
    with pytest.raises(ValueError, match="not finite"):
        auc(scores * np.nan, same)
    with pytest.raises(ValueError, match="0 same-pairs and 1 different-pairs"):
        auc(scores[1:], same[1:])


def test_interval_is_that_of_the_mean_over_identities():
    """Ten photos of an identity that all say the same are one observation, not ten."""
    values = np.random.default_rng(0).normal(0.5, 0.1, size=200)
    low, high = bootstrap_interval(values.repeat(10), np.arange(200).repeat(10), seed=1, num_draws=4000)
    error = values.std() / np.sqrt(200)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_interval_weighs_identities_by_their_queries():
    # Draws of two from {a: one query of 1, b: three of 0}: mean 1, 1/4 or 0; 95 % reaches both ends.
    values, groups = np.array([1.0, 0.0, 0.0, 0.0]), np.array(["a", "b", "b", "b"])
    assert bootstrap_interval(values, groups, seed=0) == (0.0, 1.0)
    draws = [bootstrap_interval(values, groups, seed=seed, num_draws=1)[0] for seed in range(40)]
    assert set(draws) == {0.0, 0.25, 1.0}


def test_interval_is_seeded_and_leaves_nan_out():
    values, groups = np.random.default_rng(2).random(50), np.arange(50) % 20
    first = bootstrap_interval(values, groups, seed=3)
    assert bootstrap_interval(values, groups, seed=3) == first
    assert bootstrap_interval(values, groups, seed=4) != first
    padded = bootstrap_interval(np.append(values, np.nan), np.append(groups, 99), seed=3)
    assert padded == first


def test_interval_refuses_wrong_arguments():
    values, groups = np.array([0.1, 0.2]), np.array([1, 2])
    with pytest.raises(ValueError, match=r"values are \(2,\), groups \(1,\)"):
        bootstrap_interval(values, groups[:1], seed=0)
    with pytest.raises(ValueError, match="num_draws is 0"):
        bootstrap_interval(values, groups, seed=0, num_draws=0)
    with pytest.raises(ValueError, match="1 identities have a value"):
        bootstrap_interval(np.array([0.1, np.nan]), groups, seed=0)
