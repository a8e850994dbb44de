"""The picture of the README: photos where they belong, and bars as long as the probabilities."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from benchmarks.readme.picture import BAR, divide, plot_answers
from vicp.decisions.outcome import Candidate, Identification

COLOURS = {"query": (200, 100, 50), "tom": (30, 60, 220), "bella": (20, 180, 90)}


def photo(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), colour).save(buffer, format="PNG")
    return buffer.getvalue()


def test_a_row_shows_the_query_the_candidates_and_what_is_believed_of_each() -> None:
    candidates = (Candidate("tom", 0.9, 0.7, "tom.png"), Candidate("bella", 0.5, 0.1, "bella.png"))
    answer = Identification("q.png", "cat", "same", 0.7, 0.2, candidates, "probably tom, 70 %; next bella")
    photos = {"tom.png": photo(COLOURS["tom"]), "bella.png": photo(COLOURS["bella"])}
    picture = np.asarray(
        Image.open(io.BytesIO(plot_answers([(photo(COLOURS["query"]), "tom", answer)], photos, {"tom"}))).convert("RGB")
    )
    areas = {name: (picture == colour).all(-1).sum() for name, colour in COLOURS.items()}
    assert areas["query"] == 300**2
    assert areas["tom"] == areas["bella"] == 176**2
    ours = (np.abs(picture - 255 * np.array(to_rgb(BAR))) < 3).all(-1)
    columns = [ours[:, left : left + 380].any(0).sum() for left in (404, 784, 1584)]  # two candidates, somebody new
    assert columns == pytest.approx([132 * 0.7, 132 * 0.1, 132 * 0.2], abs=3)
    with pytest.raises(ValueError, match="no answers"):
        plot_answers([], photos, set())


def test_the_last_individual_is_known_to_nobody_and_queries_are_not_among_the_known() -> None:
    frame = pd.DataFrame({"identity": list("aabbbcc"), "path": list("1234567")})
    known, queries = divide(frame)
    assert list(known["path"]) == ["1", "3", "4"]
    assert list(zip(queries["identity"], queries["path"], strict=True)) == [("Ada", "2"), ("Ben", "5"), ("Cleo", "7")]
    assert list(known["row"]) == [1, 2, 3]
