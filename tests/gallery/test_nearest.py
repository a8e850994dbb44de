"""The nearest individuals, by angles in the plane."""

import numpy as np
import pandas as pd
import pytest

from vicp.data.records import PhotoTable
from vicp.errors import DataError
from vicp.gallery.search.identity_search import best_impostor_similarities, group_by_identity, identity_similarities
from vicp.gallery.search.nearest import nearest_in_table


def unit(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def cos(degrees: float) -> float:
    return float(np.cos(np.deg2rad(degrees)))


def table(identities: list[str | None], categories: list[str] | None = None) -> PhotoTable:
    facts = {
        "row": range(1, len(identities) + 1),
        "path": [f"{n}.jpg" for n in range(len(identities))],
        "category": categories or ["cat"] * len(identities),
        "identity": pd.Series(identities, dtype=object),
    }
    return PhotoTable(pd.DataFrame(facts), None)


def test_an_identity_is_as_close_as_its_closest_photo() -> None:
    index = group_by_identity(unit(0, 90, 10, 40), ["a", "a", "b", "c"], np.arange(4))
    found = identity_similarities(unit(12, 80), index)
    np.testing.assert_allclose(found, [[cos(12), cos(2), cos(28)], [cos(10), cos(70), cos(40)]], atol=1e-6)


def test_identities_need_not_be_side_by_side() -> None:
    nearest = nearest_in_table(table(["b", "a", "c", "a"]), unit(10, 0, 40, 90))
    assert (nearest.names, nearest.num_photos) == (("a", "b", "c"), 4)
    (result,) = nearest.search(unit(12), top=3)
    assert result.names == ["b", "a", "c"]
    assert result.photos == [("0.jpg", ""), ("1.jpg", ""), ("2.jpg", "")]
    np.testing.assert_allclose(result.similarities, [cos(2), cos(12), cos(28)], atol=1e-6)
    assert nearest.closest_photos(unit(12, 80)).tolist() == [0, 3]


def test_no_more_identities_than_there_are() -> None:
    (result,) = nearest_in_table(table(["a", "a"]), unit(0, 5)).search(unit(0), top=5)
    assert (result.names, len(result.similarities)) == (["a"], 1)


def test_of_several_categories_names_say_which() -> None:
    nearest = nearest_in_table(table(["a", "a"], ["dog", "cat"]), unit(0, 5))
    assert nearest.names == ("cat/a", "dog/a")
    with pytest.raises(DataError, match="no identity"):
        nearest_in_table(table(["a", None]), unit(0, 5))


def test_the_best_impostor_is_never_oneself() -> None:
    index = group_by_identity(unit(0, 1, 30, 100), ["a", "a", "b", "c"], np.arange(4))
    best = best_impostor_similarities(index)
    assert best[1:] == pytest.approx([cos(29), cos(70)], abs=1e-6)
    assert best[0] in (pytest.approx(cos(30), abs=1e-6), pytest.approx(cos(29), abs=1e-6))  # by which photo was drawn
