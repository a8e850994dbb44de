"""Retrieval metrics against a full sort, scikit-learn and pytorch-metric-learning; invariants and edges."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from vicp.metrics import retrieval
from vicp.metrics.grid import exact_similarity, to_grid


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
    grid = to_grid(draw_photos(6, 40, 3, dim=384)[0])
    left, right = grid[:20].astype(np.float64), grid[20:].astype(np.float64)
    terms = left * right  # (20, 384)
    order = np.random.default_rng(0).permutation(384)
    expected = exact_similarity(grid[:20], grid[20:])
    np.testing.assert_array_equal(terms.cumsum(axis=1)[:, -1], expected)
    np.testing.assert_array_equal(terms[:, order].cumsum(axis=1)[:, -1], expected)
    np.testing.assert_array_equal((left @ right.T).diagonal(), expected)


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


def naive_details(query, gallery, query_identities, gallery_identities):
    """Everything a ranking says, from the full matrix of exact similarities."""
    query, gallery = to_grid(query).astype(np.float64), to_grid(gallery).astype(np.float64)
    similarity = query @ gallery.T
    negative = np.where(query_identities[:, None] == gallery_identities, -np.inf, similarity)
    penalty, best = [], []
    for row, name in enumerate(query_identities):
        positive = np.sort(similarity[row][gallery_identities == name])
        best.append(positive[-1] if len(positive) else np.nan)
        last = (negative[row] >= positive[0]).sum() + len(positive) if len(positive) else np.nan
        penalty.append(len(positive) / last)
    return negative.argmax(axis=1), negative.max(axis=1), np.array(best), np.array(penalty)


@pytest.mark.parametrize("draw", [draw_photos, draw_grid])
@pytest.mark.parametrize("dim", [4, 8, 700])
def test_worst_mistakes_and_penalties_are_those_of_the_full_matrix(draw, dim):
    arguments = {} if draw is draw_grid else {"dim": dim}
    (query, query_identities), (gallery, identities) = draw(1, 130, 40, **arguments), draw(2, 900, 40, **arguments)
    result = retrieval(query, gallery, query_identities, identities, block_size=100)
    mistake, score, best, penalty = naive_details(query, gallery, query_identities, identities)
    np.testing.assert_array_equal(result.mistake, mistake)
    np.testing.assert_array_equal(result.mistake_score, score)
    np.testing.assert_array_equal(result.best_positive, best)
    np.testing.assert_allclose(result.inverse_penalty, penalty, rtol=1e-12)
    assert result.minp == pytest.approx(np.nanmean(penalty), rel=1e-12)


def test_threads_and_row_order_change_no_bit():
    """Near-duplicates, so that float32 cannot tell most of them apart and thousands are compared again."""
    generator = np.random.default_rng(3)
    base = generator.normal(size=(60, 96))
    gallery = torch.from_numpy(base[generator.integers(60, size=3000)] + 1e-6 * generator.normal(size=(3000, 96)))
    query = torch.from_numpy(base[generator.integers(60, size=1200)] + 1e-6 * generator.normal(size=(1200, 96)))
    names, asked = generator.integers(30, size=3000), generator.integers(30, size=1200)
    precision, first_hit = naive_exact(query, gallery, asked, names)
    threads, order = torch.get_num_threads(), generator.permutation(3000)
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            for block_size, rows in ((4096, np.arange(3000)), (999, order)):
                found = retrieval(query, gallery[rows], asked, names[rows], block_size=block_size)
                np.testing.assert_allclose(found.average_precision, precision, rtol=1e-12)
                np.testing.assert_array_equal(found.first_hit, first_hit)
                if count == 1 and block_size == 4096:
                    first = found
                np.testing.assert_array_equal(found.average_precision, first.average_precision)
                np.testing.assert_array_equal(found.mistake_score, first.mistake_score)
                assert found.map == first.map
        shuffled = generator.permutation(1200)
        assert retrieval(query[shuffled], gallery, asked[shuffled], names).map == first.map
    finally:
        torch.set_num_threads(threads)


def naive_exact(query, gallery, query_identities, gallery_identities):
    """AP and first hit by full sort of exact similarities."""
    similarity = to_grid(query).astype(np.float64) @ to_grid(gallery).astype(np.float64).T
    precisions, firsts = [], []
    for row, name in enumerate(query_identities):
        positive = gallery_identities == name
        ranks = np.flatnonzero(positive[np.lexsort((positive, -similarity[row]))]) + 1
        precisions.append((np.arange(1, len(ranks) + 1) / ranks).mean())
        firsts.append(ranks[0])
    return np.array(precisions), np.array(firsts)


def test_mean_ties_count_half():
    same = torch.ones(5, 3)
    identities = np.array([7, 8, 9, 7, 8])
    result = retrieval(same[:1], same, np.array([7]), identities, ties="mean")
    # Three negatives tie with both positives: 1.5 of them stand before each.
    assert result.average_precision.tolist() == [pytest.approx((1 / 2.5 + 2 / 3.5) / 2)]
    assert result.first_hit.tolist() == [3]
    assert retrieval(same[:1], same, np.array([7]), identities).first_hit.tolist() == [4]


def test_photos_of_the_same_camera_are_left_out():
    """Market-1501: of the query's identity, photos of the query's camera are neither right nor wrong."""
    gallery = on_circle([1.0, 2.0, 3.0, 4.0])
    identities, cameras = np.array(["a", "b", "a", "c"]), np.array([0, 0, 1, -1])
    query, name = on_circle([0.0]), np.array(["a"])
    found = retrieval(query, gallery, name, identities, query_groups=np.array([0]), gallery_groups=cameras)
    assert found.average_precision.tolist() == [1 / 2]  # b, a
    everything = retrieval(query, gallery, name, identities)
    assert everything.average_precision.tolist() == [pytest.approx((1 + 2 / 3) / 2)]
    unknown = retrieval(query, gallery, name, identities, query_groups=np.array([-1]), gallery_groups=cameras)
    assert unknown.map == everything.map
    with pytest.raises(ValueError, match="give both or neither"):
        retrieval(query, gallery, name, identities, query_groups=np.array([0]))
    with pytest.raises(ValueError, match=r"gallery_groups are \(2,\); expected \(4,\)"):
        retrieval(query, gallery, name, identities, query_groups=np.array([0]), gallery_groups=cameras[:2])


def test_a_querys_own_photo_is_left_out_though_it_looks_different_now():
    gallery, query = on_circle([0.0, 50.0, 10.0]), on_circle([5.0, 48.0])
    identities = np.array(["a", "a", "b"])
    found = retrieval(query, gallery, identities[:2], identities, own_rows=np.array([0, -1]))
    assert found.average_precision.tolist() == [1 / 2, pytest.approx((1 + 2 / 3) / 2)]
    with pytest.raises(ValueError, match="another identity"):
        retrieval(query, gallery, identities[:2], identities, own_rows=np.array([2, -1]))
    with pytest.raises(ValueError, match="below 3"):
        retrieval(query, gallery, identities[:2], identities, own_rows=np.array([3, -1]))


def test_cmc_by_hand():
    gallery = on_circle([1.0, 2.0, 3.0])
    found = retrieval(on_circle([0.0, 0.0]), gallery, np.array(["a", "c"]), np.array(["a", "b", "c"]))
    assert found.cmc(4).tolist() == [0.5, 0.5, 1.0, 1.0]


def test_map_is_that_of_torchmetrics():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchmetrics.retrieval import RetrievalMAP
    (query, asked), (gallery, identities) = draw_photos(5, 60, 20), draw_photos(6, 150, 20)
    similarity = torch.nn.functional.normalize(query, dim=1) @ torch.nn.functional.normalize(gallery, dim=1).T
    similarity += 1  # what is not above zero counts as wrong in torchmetrics
    target = torch.from_numpy(asked[:, None] == identities)
    indexes = torch.arange(60)[:, None].expand_as(similarity)
    expected = RetrievalMAP(empty_target_action="skip")(similarity.flatten(), target.flatten(), indexes.flatten())
    assert retrieval(query, gallery, asked, identities).map == pytest.approx(float(expected), abs=1e-6)
