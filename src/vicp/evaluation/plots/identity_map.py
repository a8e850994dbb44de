"""A map of photos: close where their embeddings are close, coloured by identity."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits
from torch import Tensor

from vicp.data.seeds import derive_seed
from vicp.evaluation.plots.canvas import DPI, LINE, PALETTE, SMALL, SOFT, font, new_axes, png, words

MAX_PHOTOS, MAX_NAMED = 2000, 12
_COLOURS, _MARKERS = PALETTE[:6], "o^"  # each colour with two markers
_COMPACT = 50  # points from an identity's heart to its highest photo, where its name still belongs above them all


def plot_identities(embeddings: Tensor, identities: Sequence[str], *, seed: int) -> bytes:
    """Return a map of photos by t-SNE: the 12 identities with the most photos in colour and by name, the others grey.

    Args:
        embeddings: (n, D); of more than 2,000 photos, 2,000 are drawn by `seed`.
        identities: n names.
        seed: Of that draw and of t-SNE.

    Raises:
        ValueError: Fewer than 5 photos, or another number of names.
    """
    if len(identities) != len(embeddings):
        raise ValueError(f"{len(embeddings)} embeddings and {len(identities)} identities; expected as many")
    drawn = drawn_photos(len(identities), seed=seed)
    places, names = place_photos(embeddings[drawn], seed=seed), np.array([identities[i] for i in drawn])
    named = named_identities(names.tolist())
    figure, axes = new_axes(height=7.2)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    across, down = places[~np.isin(names, named)].T
    axes.scatter(across, down, s=34, color=LINE, linewidths=0)
    for number, name in enumerate(named):
        colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number // len(_COLOURS)]
        across, down = places[names == name].T
        axes.scatter(across, down, s=60, color=colour, marker=marker, edgecolors="white", linewidths=0.8)
    _write_names(figure, axes, {name: places[names == name] for name in named})
    axes.set_xlabel(_caption(len(drawn), len(identities), len(set(names)) - len(named)), font=font(), color=SOFT)
    return png(figure)


def drawn_photos(num: int, *, seed: int) -> NDArray[np.int64]:
    """Return which of `num` photos the map shows, ascending: all of them, or 2,000 drawn by `seed`."""
    if num <= MAX_PHOTOS:
        return np.arange(num)
    rng = np.random.default_rng(derive_seed(seed, "identity map"))
    return np.sort(rng.choice(num, MAX_PHOTOS, replace=False))


def place_photos(embeddings: Tensor, *, seed: int) -> NDArray[np.float64]:
    """Return places (n, 2) by t-SNE: photos whose embeddings are close lie close, and far distances mean nothing.

    On one thread, so that the same embeddings have the same places on a machine with any number of them.

    Args:
        embeddings: (n, D).
        seed: Of t-SNE.

    Raises:
        ValueError: Fewer than 5 photos or 2 dimensions, or values that are not finite.
    """
    rows = embeddings.detach().float().cpu().numpy()
    if rows.ndim != 2 or len(rows) < 5 or rows.shape[1] < 2:
        raise ValueError(f"embeddings are {rows.shape}; expected (n, D) with n >= 5 and D >= 2")
    if not np.isfinite(rows).all():
        raise ValueError("embeddings hold values that are not finite; expected finite numbers")
    if np.ptp(rows, axis=0).max() == 0:  # one place for all, where t-SNE would divide by zero
        return np.zeros((len(rows), 2))
    perplexity = min(30.0, (len(rows) - 1) / 3)
    with threadpool_limits(limits=1):
        tsne = TSNE(init="pca", perplexity=perplexity, random_state=derive_seed(seed, "t-SNE") % 2**32)
        return np.asarray(tsne.fit_transform(rows), dtype=np.float64)


def named_identities(identities: Sequence[str]) -> list[str]:
    """Return the up to 12 identities with the most photos, the most first; ties by name."""
    counts = Counter(identities)
    return sorted(counts, key=lambda name: (-counts[name], name))[:MAX_NAMED]


def heart(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the place (2,) among (n, 2) that is closest to their median, for an identity's name."""
    distances = np.linalg.norm(places - np.median(places, axis=0), axis=1)
    return np.asarray(places[int(distances.argmin())])


def _write_names(figure: Figure, axes: Axes, groups: dict[str, NDArray[np.float64]]) -> None:
    """Write the marker and name of each identity above its photos, or above their centre where they lie far apart.

    A name goes higher where another one is already there.
    """
    figure.draw_without_rendering()  # settles where places are on the page
    taken: list[tuple[float, float, float]] = []  # middle, height and half width in points
    for number, (name, places) in enumerate(groups.items()):
        x, y = heart(places)
        middle, height = axes.transData.transform((x, y)) * 72 / DPI
        rise = float(axes.transData.transform(places)[:, 1].max() * 72 / DPI - height)
        text = f"{'●▲'[number // len(_COLOURS)]} {_one_line(name)}"
        half, lift = 0.36 * SMALL * len(text) + 5, 13 + (rise if rise < _COMPACT else 0)
        while any(abs(middle - a) < half + c and abs(height + lift - b) < 1.8 * SMALL for a, b, c in taken):
            lift += 2
        taken.append((middle, height + lift, half))
        _write_name(axes, text, (x, y), lift, _COLOURS[number % len(_COLOURS)])


def _write_name(axes: Axes, text: str, place: tuple[float, float], lift: float, colour: str) -> None:
    """Write a name on a white plate, so many points above a place."""
    plate = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": colour, "alpha": 0.93}
    axes.annotate(
        text, place, (0, lift), textcoords="offset points", font=font(bold=True), color=colour, ha="center", bbox=plate
    )


def _one_line(name: str) -> str:
    first, _, rest = words(name, 22).partition("\n")
    return f"{first} …" if rest else first


def _caption(shown: int, photos: int, others: int) -> str:
    """Return the caption: which photos the map shows, and what distances mean."""
    drawn = f"{shown:,} photos" if shown == photos else f"{shown:,} of {photos:,} photos, drawn at random"
    grey = f"; grey: {others:,} other {'identity' if others == 1 else 'identities'}" if others else ""
    return f"{drawn}{grey}"
