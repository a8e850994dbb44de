"""From a similarity to P(same): logistic (Platt 1999) or isotonic (Zadrozny and Elkan 2002), whichever predicts better.

"Better" is the log loss on identities left out of the fit. Genuine and impostor pairs weigh the same in all of this, so
P is for a pair that is as likely same as different beforehand; `shift_prior` moves it to another prior by Bayes' rule.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vicp.decisions.held_out import MIN_PAIRS

Array = NDArray[np.float64]
Kind = Literal["logistic", "isotonic"]
KINDS: tuple[Kind, ...] = ("logistic", "isotonic")
NUM_FOLDS = 5


@dataclass(frozen=True, eq=False)
class LabelledScores:
    """Similarities of labelled pairs.

    Attributes:
        similarity: (P,) cosine.
        same: (P,) bool, genuine pairs.
        left: (P,) identity of the first photo, as a number.
        right: (P,) of the second.
    """

    similarity: Array
    same: NDArray[np.bool_]
    left: NDArray[np.int64]
    right: NDArray[np.int64]

    def select(self, rows: NDArray[Any]) -> "LabelledScores":
        """Return the pairs at these positions."""
        return LabelledScores(self.similarity[rows], self.same[rows], self.left[rows], self.right[rows])

    def weights(self) -> Array:
        """Return weights (P,): same- and different-pairs weigh alike, identities alike within same-pairs; mean 1."""
        _, group, sizes = np.unique(self.left, return_inverse=True, return_counts=True)
        num_same = np.bincount(group, weights=np.where(self.same, 1.0, 0.0), minlength=len(sizes))
        weights = np.where(self.same, 1 / np.maximum(num_same[group], 1), 1.0)
        for kind in (self.same, ~self.same):
            weights[kind] *= 0.5 * len(weights) / weights[kind].sum()
        return weights


@dataclass(frozen=True)
class Calibration:
    """A monotone map from similarity to P(same), linear between knots in P or in log-odds.

    Attributes:
        kind: How it was fitted.
        x: Similarities of the knots, ascending; of a logistic curve the offset and the slope.
        y: P(same) at the knots; empty for a logistic curve.
        lowest: P is clipped from below to 1 / (same-pairs + 2): so few pairs cannot show less.
        highest: And from above to 1 - 1 / (different-pairs + 2); both are Laplace's rule of succession.
        log_loss: In nats on identities left out, by kind of curve.
    """

    kind: Kind
    x: tuple[float, ...]
    y: tuple[float, ...]
    lowest: float
    highest: float
    log_loss: dict[str, float]

    def __call__(self, similarity: Array | float, *, prior: float = 0.5) -> Array:
        """Return P(same) of pairs with these similarities, of any shape.

        Raises:
            ValueError: A prior not between 0 and 1.
        """
        similarity = np.asarray(similarity, dtype=np.float64)
        if self.kind == "logistic":
            offset, slope = self.x
            p = 1 / (1 + np.exp(-np.clip(offset + slope * similarity, -700, 700)))
        else:
            p = np.interp(similarity, self.x, self.y)
        return shift_prior(np.clip(p, self.lowest, self.highest), prior)


def shift_prior(probability: Array, prior: float) -> Array:
    """Return P(same) at another prior than one half: the odds times prior / (1 - prior).

    >>> shift_prior(np.array([0.9]), 0.1)
    array([0.5])

    Raises:
        ValueError: A prior not between 0 and 1.
    """
    if not 0 < prior < 1:
        raise ValueError(f"prior is {prior}; expected a number between 0 and 1")
    same = probability * prior
    return same / (same + (1 - probability) * (1 - prior))


def fit_calibration(scores: LabelledScores) -> Calibration | None:
    """Return the calibration of held-out pairs; None where there are too few of a kind."""
    num_same, num_different = int(scores.same.sum()), int((~scores.same).sum())
    if min(num_same, num_different) < MIN_PAIRS:
        return None
    loss_of = {kind: cross_validated_loss(scores, kind) for kind in KINDS}
    losses = {kind: loss for kind, loss in loss_of.items() if loss is not None}
    best = min(losses, key=lambda kind: losses[kind]) if losses else KINDS[0]  # of equals the smoother
    return _fit(scores, best, {str(kind): loss for kind, loss in losses.items()})


def cross_validated_loss(scores: LabelledScores, kind: Kind) -> float | None:
    """Return the mean log loss in nats of pairs neither of whose identities was fitted on; both kinds weigh the same.

    A fold holds out every fifth identity; a different-pair across folds is in neither. None where no fold has pairs of
    both kinds left.
    """
    names, _ = np.unique(np.concatenate([scores.left, scores.right]), return_inverse=True)
    order = np.random.default_rng(0).permutation(len(names))
    left, right = (order[np.searchsorted(names, side)] % NUM_FOLDS for side in (scores.left, scores.right))
    loss, weight = np.zeros(2), np.zeros(2)
    for fold in range(NUM_FOLDS):
        inside, outside = (left == fold) & (right == fold), (left != fold) & (right != fold)
        train, test = scores.select(outside), scores.select(inside)
        if not len(test.same) or min(train.same.sum(), (~train.same).sum()) < 2:
            continue
        p = _fit(train, kind, {})(test.similarity)
        terms = -np.log(np.where(test.same, p, 1 - p))
        for number, chosen in enumerate((test.same, ~test.same)):
            loss[number] += terms[chosen].sum()
            weight[number] += chosen.sum()
    return float((loss / weight).mean()) if (weight > 0).all() else None


def _fit(scores: LabelledScores, kind: Kind, losses: dict[str, float]) -> Calibration:
    num_same, num_different = int(scores.same.sum()), int((~scores.same).sum())
    limits = 1 / (num_same + 2), 1 - 1 / (num_different + 2)
    x, y = _logistic(scores) if kind == "logistic" else _isotonic(scores)
    return Calibration(kind, x, y, *limits, losses)


def _logistic(scores: LabelledScores) -> tuple[tuple[float, ...], tuple[float, ...]]:
    from sklearn.linear_model import LogisticRegression

    centre, scale = float(scores.similarity.mean()), float(scores.similarity.std()) or 1.0
    z = (scores.similarity - centre) / scale
    # Photos of one identity speak with one voice: the data weigh as many pairs as there are identities.
    num_identities = len(np.unique(np.concatenate([scores.left, scores.right])))
    weights = scores.weights() * num_identities / len(scores.same)
    model = LogisticRegression(C=1.0).fit(z[:, None], scores.same, sample_weight=weights)
    slope = float(model.coef_[0, 0]) / scale
    if slope <= 0:  # similarity says nothing here
        return (0.0, 0.0), ()
    return (float(model.intercept_[0]) - slope * centre, slope), ()


def _isotonic(scores: LabelledScores) -> tuple[tuple[float, ...], tuple[float, ...]]:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    model.fit(scores.similarity, scores.same.astype(np.float64), sample_weight=scores.weights())
    return tuple(map(float, model.X_thresholds_)), tuple(map(float, model.y_thresholds_))
