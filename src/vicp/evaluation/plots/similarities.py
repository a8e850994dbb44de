"""A plot of the similarities of same-pairs and different-pairs."""

import numpy as np
from numpy.typing import NDArray

from vicp.evaluation.plots.canvas import INK, PALETTE, add_key, font, name_axes, new_axes, percent_axis, png

Floats = NDArray[np.floating]
NUM_BINS = 50


def plot_similarities(same: Floats, different: Floats, *, threshold: float | None) -> bytes:
    """Return two histograms of cosine similarity: pairs of photos of the same identity, and of different ones.

    Args:
        same: (P,) similarities.
        different: (R,) similarities.
        threshold: Pairs of at least this similarity are called the same; None draws none.

    Raises:
        ValueError: Pairs of one kind only, or values that are not finite.
    """
    if not (len(same) and len(different) and np.isfinite(same).all() and np.isfinite(different).all()):
        raise ValueError(f"{len(same)} same and {len(different)} different pairs; expected some of each, all finite")
    figure, axes = new_axes(grid="y")
    edges, *shares = similarity_shares(same, different)
    for name, pairs, share, colour in zip(
        ("same identity", "different identities"), (same, different), shares, PALETTE[:2], strict=True
    ):
        called = "" if threshold is None else f"\n{100 * (pairs >= threshold).mean():.1f} % called the same"
        label = f"{name}\n{len(pairs):,} pairs{called}"
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.35, linewidth=0)
        axes.stairs(share, edges, color=colour, linewidth=2.4)
        axes.plot([], [], color=colour, linewidth=9, label=label)
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=1.8, linestyle="--")
        axes.text(
            threshold,
            1.02,
            f"threshold {threshold:.2f}",
            font=font(),
            color=INK,
            ha="center",
            transform=axes.get_xaxis_transform(),
        )
    axes.set_ylim(0)
    percent_axis(axes.yaxis)
    name_axes(axes, "cosine similarity of two photos", "share of pairs")
    add_key(axes, "")
    return png(figure)


def similarity_shares(same: Floats, different: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the edges (51,) of bins over all similarities, and the share of pairs (50,) of each kind in them."""
    both = np.concatenate([same, different]).astype(np.float64)
    edges = np.histogram_bin_edges(both, NUM_BINS)
    of_same, of_different = (np.histogram(pairs, edges)[0] / len(pairs) for pairs in (same, different))
    return edges, of_same, of_different
