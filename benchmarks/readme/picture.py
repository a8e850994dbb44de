"""The picture of README.md: photos, and what mini says of each.

python -m benchmarks.readme.picture PHOTOS.parquet --category minifigure

The last photo of each individual is a query and its others are known, but for the last individual, whom nobody knows.
"""

import argparse
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

import vicp
from benchmarks.lib.program import ROOT, run
from vicp.data.photos.images import decode_photo
from vicp.evaluation.plots.canvas import DPI, INK, SOFT, TRACK, font, png, words

NAMES = ("Ada", "Ben", "Cleo", "Dora", "Emil", "Finn", "Gita", "Hugo", "Ines", "Jan")
SHOWN = (1, 7, 8)  # of the queries
PRIOR_NEW = 0.2
BAR = "#0072b2"
_QUERY, _PHOTO, _GAP, _EDGE, _ROW = 150, 88, 20, 12, 200  # CSS pixels; a PNG has two for each
_WIDTH, _COLUMN, _NAME = 980, 190, 96
_INCH = DPI / 2  # CSS pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="a Parquet table with the columns path, identity and image")
    parser.add_argument("--category", required=True)
    options = parser.parse_args()
    known, queries = divide(pd.read_parquet(options.photos).assign(category=options.category))
    model, table = vicp.load("mini"), vicp.PhotoTable(known, None)
    prompt = model.teach(table, category=options.category)
    shown = queries.iloc[list(SHOWN)]
    answers = model.identify_all(vicp.PhotoTable(shown, None), gallery=table, prompt=prompt, prior_new=PRIOR_NEW)
    rows = list(zip(shown["image"], shown["identity"], answers.identifications, strict=True))
    picture = plot_answers(rows, dict(zip(known["path"], known["image"], strict=True)), set(known["identity"]))
    Image.open(BytesIO(picture)).convert("RGB").quantize(256).save(ROOT / "docs" / "answer.png", optimize=True)


def divide(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the known photos and the queries, with individuals under names of people."""
    numbers = {name: number for number, name in enumerate(sorted(frame["identity"].unique()))}
    frame = frame.assign(identity=[NAMES[numbers[name] % len(NAMES)] for name in frame["identity"]])
    is_query = ~frame.duplicated("identity", keep="last")
    stranger = frame["identity"] == NAMES[len(numbers) - 1]
    known, queries = frame[~is_query & ~stranger], frame[is_query].sort_values("identity")
    return tuple(part.assign(row=range(1, len(part) + 1)).reset_index(drop=True) for part in (known, queries))


def plot_answers(
    answers: Sequence[tuple[bytes, str, vicp.Identification]], photos: Mapping[str, bytes], known: set[str]
) -> bytes:
    """Return a PNG with a row for each answer: the query, the sentence, three candidates, and somebody new.

    Args:
        answers: The query, the truth and the answer.
        photos: Of the candidates, by their name.
        known: Individuals that the gallery has.

    Raises:
        ValueError: No answers.
    """
    if not answers:
        raise ValueError("no answers to draw; expected at least one")
    height = len(answers) * _ROW + _EDGE
    figure = Figure(figsize=(_WIDTH / _INCH, height / _INCH), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, _WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    for row, (query, truth, answer) in enumerate(answers):
        top, left = _EDGE + row * _ROW, _EDGE + _QUERY + 2 * _GAP
        _draw_photo(figure, query, _EDGE, top, _QUERY, height)
        right, verdict = (truth if truth in known else "somebody new"), answer.candidates[0].identity
        said = "somebody new" if answer.verdict == "new" else verdict
        axes.text(left, top + 18, _sentence(answer), font=font(12.5, bold=True), color=INK)
        mark = "right" if said == right else "wrong"
        axes.text(left, top + 40, f"{mark}: it is {right}", font=font(10.5), color=SOFT)
        for column, candidate in enumerate(answer.candidates[:3]):
            x = left + column * _COLUMN
            _draw_photo(figure, photos[candidate.photo], x, top + 58, _PHOTO, height)
            _bar(axes, x + _PHOTO + 10, top + 58, candidate.identity, candidate.probability)
        _bar(axes, left + 3 * _COLUMN + 20, top + 58, "somebody new", answer.probability_new or 0.0)
    return png(figure)


def _sentence(answer: vicp.Identification) -> str:
    """Return the first part of the sentence: whom, how probable, and the range."""
    first = answer.sentence.split(";")[0]
    return words(first[:1].upper() + first[1:], 80).partition("\n")[0]


def _bar(axes: Axes, x: float, y: float, name: str, probability: float) -> None:
    """Write a name with its probability, and draw this as a bar."""
    axes.text(x, y + 24, words(name, 14).partition("\n")[0], font=font(10.5, bold=True), color=INK)
    shown = "under 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"
    axes.text(x, y + 44, shown, font=font(10.5), color=SOFT)
    for width, colour in ((_NAME - 30, TRACK), ((_NAME - 30) * probability, BAR)):
        axes.add_patch(Rectangle((x, y + 56), width, 7, facecolor=colour, linewidth=0))


def framed(data: bytes, size: int) -> NDArray[np.uint8]:
    """Return the whole photo (size, size, 3) uint8, in the middle of light grey where it is not square."""
    photo = decode_photo(data, min_side=size)
    scale = size / max(photo.size)
    photo = photo.resize([max(round(side * scale), 1) for side in photo.size], Image.Resampling.BICUBIC)
    square = Image.new("RGB", (size, size), TRACK)
    square.paste(photo, ((size - photo.width) // 2, (size - photo.height) // 2))
    return np.array(square)


def _draw_photo(figure: Figure, data: bytes, x: int, y: int, size: int, height: int) -> None:
    figure.figimage(framed(data, 2 * size), 2 * x, 2 * (height - y - size), origin="upper", zorder=-1)


if __name__ == "__main__":
    run(main)
