"""Sides: which photos show the left and the right, and what is drawn of each."""

from pathlib import Path

import numpy as np
import pandas as pd

from vicp.adapt.encoded_support import relate_identities
from vicp.data.records import PhotoTable
from vicp.data.sides import of_two_sides, rows_by_side, side_codes


def table(viewpoints: list[str] | None) -> PhotoTable:
    frame = pd.DataFrame({"row": [1, 2, 3, 4], "path": list("abcd"), "category": "cow", "identity": "x"})
    return PhotoTable(frame if viewpoints is None else frame.assign(viewpoint=viewpoints), Path())


def test_codes_of_sides() -> None:
    assert side_codes(table(["left", "Right ", "", "face"])).tolist() == [0, 1, -1, -1]
    assert side_codes(table(None)).tolist() == [-1] * 4


def test_photos_of_two_sides() -> None:
    found = of_two_sides(np.array([0, 1, -1, 0]))
    assert np.argwhere(np.triu(found)).tolist() == [[0, 1], [1, 3]]


def test_rows_of_each_side_and_of_others_with_the_larger() -> None:
    assert [rows.tolist() for rows in rows_by_side(np.array([0, 1, -1, 1]))] == [[0], [1, 2, 3]]
    assert [rows.tolist() for rows in rows_by_side(np.array([0, -1, 0]))] == [[0, 1, 2]]


def test_nothing_is_known_between_two_sides() -> None:
    groups, relation = relate_identities(["a", "a", "a", "b", "b"], np.array([0, 0, 1, 1, -1]))
    assert groups.tolist() == [0, 0, 1, 3, 2]
    assert relation.tolist() == [
        [1, 1, 0, 0, -1],
        [1, 1, 0, 0, -1],
        [0, 0, 1, -1, -1],
        [0, 0, -1, 1, 0],
        [-1, -1, -1, 0, 1],
    ]
