"""Rank lists as a picture: the photos where they belong, and what says right and wrong."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from benchmarks.readme.picture import RIGHT, WRONG, framed, place, plot_rank_lists
from vicp.errors import DataError
from vicp.evaluation.results import Hit, RankList

COLOURS = {"query": (200, 100, 50), "right": (30, 60, 220), "wrong": (120, 120, 120)}


def photo(colour: tuple[int, int, int], size: tuple[int, int] = (40, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format="PNG")
    return buffer.getvalue()


def rank_list(*right: bool) -> RankList:
    hits = (
        Hit(photo(COLOURS["right" if r else "wrong"]), "x.jpg", "bella" if r else "$猫_", 0.9 - 0.1 * i, r)
        for i, r in enumerate(right)
    )
    return RankList(photo(COLOURS["query"]), "q.jpg", "bella", tuple(hits))


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def share(pixels: np.ndarray, colour: str) -> float:
    return float((np.abs(pixels - 255 * np.array(to_rgb(colour))) < 3).all(axis=-1).mean())


def test_photos_frames_and_marks_are_where_they_belong() -> None:
    picture = pixels(plot_rank_lists([rank_list(True, False), rank_list(False)]))
    rows = [["query", "right", "wrong"], ["query", "wrong"]]
    for row, kinds in enumerate(rows):
        for column, kind in enumerate(kinds):
            x, y = (2 * c for c in place(row, column))
            inside = picture[y + 40 : y + 246, x + 10 : x + 200]
            assert (inside == COLOURS[kind]).all(), (row, column)
            frame = picture[y + 40 : y + 220, x - 6]  # the left side of the frame
            corner = picture[y - 10 : y + 30, x + 226 : x + 266]
            expected = {"query": (0, 0), "right": (1, 0), "wrong": (0, 0.6)}[kind]
            assert (share(frame, RIGHT), share(frame, WRONG)) == pytest.approx(expected, abs=0.15), (row, column)
            assert (share(corner, RIGHT) > 0.4, share(corner, WRONG) > 0.4) == (kind == "right", kind == "wrong")
            below = picture[y + 270 : y + 310, x : x + 200]
            assert (below.sum(axis=-1) < 150).any()  # similarity, or the name of the query
    x, y = (2 * c for c in place(1, 2))
    assert (picture[y - 10 : y + 300, x - 10 :] == 255).all()  # the shorter list ends


def test_the_size_follows_from_the_longest_list() -> None:
    one, two = (
        pixels(plot_rank_lists(lists)).shape for lists in ([rank_list(True)], [rank_list(True, False, True)] * 2)
    )
    assert one == (2 * (34 + 128 + 58), 2 * (place(0, 1)[0] + 128 + 10), 3)
    assert two == (2 * (place(1, 0)[1] + 128 + 58), 2 * (place(0, 3)[0] + 128 + 10), 3)
    assert pixels(plot_rank_lists([rank_list()])).shape[1] == 2 * (128 + 20)


def test_equal_input_gives_equal_bytes() -> None:
    first = plot_rank_lists([rank_list(True, False)])
    assert first == plot_rank_lists([rank_list(True, False)])
    assert b"Software" not in first


def test_a_whole_photo_is_shown_in_a_square() -> None:
    wide = framed(photo((10, 20, 30), (80, 40)), 20)
    assert wide.shape == (20, 20, 3)
    assert (wide[5:15] == (10, 20, 30)).all()
    assert (wide[:5] == wide[15:]).all()
    assert wide[0, 0].min() > 230
    assert framed(photo((10, 20, 30), (1, 500)), 20).shape == (20, 20, 3)


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(ValueError, match="no rank lists to draw"):
        plot_rank_lists([])
    with pytest.raises(DataError, match="not a JPEG"):
        plot_rank_lists([RankList(b"no photo", "q", "q", ())])
