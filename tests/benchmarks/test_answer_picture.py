"""The picture of the README: photos where they belong, and bars as long as the probabilities."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from benchmarks.readme.picture import BAR, plot_answers
from vicp.decisions.outcome import Candidate, Identification
from vicp.evaluation.demo.results import AnsweredPhoto

COLOURS = {"query": (200, 100, 50), "tom": (30, 60, 220), "bella": (20, 180, 90)}


def photo(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), colour).save(buffer, format="PNG")
    return buffer.getvalue()


def test_a_row_shows_the_query_the_candidates_and_what_is_believed_of_each() -> None:
    candidates = (Candidate("tom", 0.9, 0.7, "tom.png"), Candidate("bella", 0.5, 0.1, "bella.png"))
    answer = Identification("q.png", "cat", "same", 0.7, 0.2, candidates, "probably tom, 70 %; next bella")
    shown = (photo(COLOURS["tom"]), photo(COLOURS["bella"]))
    answered = AnsweredPhoto(photo(COLOURS["query"]), "tom", answer, shown)
    picture = np.asarray(Image.open(io.BytesIO(plot_answers([answered]))).convert("RGB"))
    areas = {name: (picture == colour).all(-1).sum() for name, colour in COLOURS.items()}
    assert areas["query"] == 300**2
    assert areas["tom"] == areas["bella"] == 176**2
    ours = (np.abs(picture - 255 * np.array(to_rgb(BAR))) < 3).all(-1)
    columns = [ours[:, left : left + 380].any(0).sum() for left in (404, 784, 1584)]  # two candidates, somebody new
    assert columns == pytest.approx([132 * 0.7, 132 * 0.1, 132 * 0.2], abs=3)
    with pytest.raises(ValueError, match="no answers"):
        plot_answers([])
