"""What we believe: P of each individual and of somebody new, with ranges, from however few pairs.

The log-likelihood ratio of "same" is linear in the similarity's distance from the category's impostors. What other
categories borrow is a Gaussian over offset and slope; the category's own held-out pairs move it (`laplace`). A
probability is the mean over that posterior, and its range holds nine tenths of it. docs/statistics.md has the details.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.decisions.borrowed import Prior, SimilarityKind, borrowed_prior
from vicp.decisions.held_out import HeldOut
from vicp.decisions.laplace import Gaussian, logistic_posterior
from vicp.decisions.outcome import Basis
from vicp.decisions.trials import ImpostorScores, Trials, held_out_trials, impostor_scores, log_similarity

Array = NDArray[np.float64]

WEIGHT = 2.0  # trials of each kind that an individual counts as; chosen on the development sets
LAPSE = 0.005  # the share of photos of which similarities say nothing: bounds what can be believed
LEAST_SLOPE = 0.02
RANGE = (0.05, 0.95)
NUM_SAMPLES = 256
MAX_VALUES = 2**21  # samples x candidates at a time
EVEN = 0.5
SEARCH_PRIOR = Gaussian(np.array([0.0, 1.0]), np.diag([1.0, 0.25]))  # of `Belief.known`


@dataclass(frozen=True, eq=False)
class SearchBelief:
    """What is believed of a search; all of it adds up to 1, with what is left for candidates that were not compared.

    Attributes:
        probabilities: (G,) that the photo shows the candidate.
        ranges: (G, 2) of these, nine tenths.
        probability_new: That it shows somebody else.
        range_new: Of that.
    """

    probabilities: Array
    ranges: Array
    probability_new: float
    range_new: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Belief:
    """From similarities to probabilities, for one category under one prompt.

    Attributes:
        location: `log_similarity` of the category's mean impostor pair.
        spread: Standard deviation of its impostor pairs.
        curve: Posterior of offset, slope and photos (see `BorrowedCategory`).
        basis: What it rests on.
        samples: (S, 3) of the curve.
        known: Offset and slope (2,) from the log-odds of "known" that independent candidates would give in a search
            among the category's own individuals to the log-odds that were right there.
    """

    location: float
    spread: float
    curve: Gaussian
    basis: Basis
    samples: Array
    known: Array

    @classmethod
    def fit(cls, held_out: HeldOut | None, kind: SimilarityKind = "plain", *, prior: Prior | None = None) -> "Belief":
        """Return the belief of a support; of none, what other categories let expect.

        Args:
            held_out: Held-out similarities of the prompt that will be used.
            kind: Of the similarities.
            prior: Instead of the one of all categories that ship with the package.
        """
        prior = borrowed_prior(kind) if prior is None else prior
        impostors = None if held_out is None else impostor_scores(held_out, centred=kind == "metric")
        trials = None if held_out is None else held_out_trials(held_out, centred=kind == "metric")
        location, spread, location_error = _locate_impostors(impostors, trials, prior)
        curve = prior.curve
        if trials is not None and trials.same.any() and not trials.same.all():
            curve = _curve_posterior(trials, location, spread, prior.curve)
        known = SEARCH_PRIOR.mean if trials is None else _known_curve(trials, location, spread, curve.mean)
        own = 1 - np.trace(np.linalg.solve(prior.curve.covariance[:2, :2], curve.covariance[:2, :2])) / 2
        covariance = curve.covariance.copy()
        covariance[0, 0] += (curve.mean[1] * location_error / spread) ** 2
        curve = Gaussian(curve.mean, covariance)
        basis = Basis(
            individuals=0 if trials is None else trials.num_individuals,
            genuine=0 if trials is None else trials.num_genuine,
            borrowed_categories=prior.num_categories,
            own_share=round(float(np.clip(own, 0, 1)), 6),
        )
        return cls(location, spread, curve, basis, _samples(curve), known)

    def pair_probability(self, similarity: Array | float, *, prior_new: float = EVEN) -> Array:
        """Return P(same) of pairs of photos with these similarities, of any shape.

        This is the one opinion on a pair. `search` over a single candidate with a single photo gives the same.

        Args:
            similarity: Cosine.
            prior_new: P(different) before the pair is seen.
        """
        similarity = np.asarray(similarity, dtype=np.float64)
        if similarity.size <= NUM_SAMPLES:
            values = [self.posterior(np.array([one]), np.ones(1), prior_new)[0].mean() for one in similarity.ravel()]
            return np.array(values).reshape(similarity.shape)
        # Many pairs: by interpolation in the score, on which P depends smoothly.
        score = log_similarity(similarity)
        knots = np.linspace(score.min(), score.max(), 4 * NUM_SAMPLES)
        cosines = 1 - np.exp(-knots)
        values = [self.posterior(np.array([one]), np.ones(1), prior_new)[0].mean() for one in cosines]
        probability: Array = np.interp(score, knots, values)
        return probability

    def pair_range(self, similarity: float, *, prior_new: float = EVEN) -> tuple[float, float]:
        """Return the range of P(same) that holds nine tenths of what is believed."""
        low, high = _ranges(self.posterior(np.array([similarity]), np.ones(1), prior_new))[0]
        return float(low), float(high)

    def search(
        self,
        similarity: Array,
        photos: NDArray[np.integer] | None = None,
        *,
        prior_new: float = EVEN,
        num_uncompared: int = 0,
    ) -> SearchBelief:
        """Return P of each of G candidates and of somebody new, by Bayes' rule.

        Args:
            similarity: (G,) of the photo to the closest photo of each candidate.
            photos: (G,) how many photos each has; one if None.
            prior_new: P(new) before the photo is seen; all candidates share the rest evenly.
            num_uncompared: Further candidates, of whom the photo tells nothing.

        Raises:
            ValueError: No candidates, or a prior not between 0 and 1.
        """
        similarity = np.asarray(similarity, dtype=np.float64)
        if similarity.ndim != 1 or not len(similarity):
            raise ValueError(f"similarity is {similarity.shape}; expected (G,) with at least one candidate")
        count = np.ones(len(similarity)) if photos is None else np.asarray(photos, dtype=np.float64)
        samples = self.posterior(similarity, count, prior_new, num_uncompared)  # (G + 1, S)
        mean, ranges = samples.mean(axis=1), _ranges(samples)
        return SearchBelief(mean[:-1], ranges[:-1], float(mean[-1]), (float(ranges[-1, 0]), float(ranges[-1, 1])))

    def log_likelihood_ratios(self, similarity: Array, photos: Array) -> Array:
        """Return the log-likelihood ratios (G, S) of "same" against "new", one per sample of the curve."""
        num_samples = max(32, min(len(self.samples), MAX_VALUES // len(similarity)))
        z = (log_similarity(similarity) - self.location) / self.spread  # (G,)
        features = np.stack([np.ones(len(z)), z, np.log(np.maximum(photos, 1))], axis=1)  # (G, 3)
        return features @ self.samples[:num_samples].T  # (G, S)

    def posterior(self, similarity: Array, photos: Array, prior_new: float, num_uncompared: int = 0) -> Array:
        """Return samples (G + 1, S) of P of each candidate and, last, of somebody new.

        Each sample adds up to 1 with what is left for the candidates that were not compared.
        """
        if not 0 < prior_new < 1:
            raise ValueError(f"prior_new is {prior_new}; expected a number between 0 and 1")
        ratios = self.log_likelihood_ratios(similarity, photos)  # (G, S)
        ratios += self._search_correction(ratios)
        each = (1 - prior_new) / (len(ratios) + num_uncompared)
        uncompared = [num_uncompared * each] * (num_uncompared > 0)
        prior = np.array([*[each] * len(ratios), prior_new, *uncompared])[:, None]  # (G + 1 or 2, 1)
        log_odds = np.log(prior) + np.zeros((1, ratios.shape[1]))
        log_odds[: len(ratios)] += ratios
        odds = np.exp(log_odds - log_odds.max(axis=0))
        posterior: Array = (1 - LAPSE) * odds / odds.sum(axis=0) + LAPSE * prior
        return posterior[: len(ratios) + 1]

    def _search_correction(self, ratios: Array) -> Array:
        """Return what is added to the log-likelihood ratios (G, S) of each sample of a search (S,).

        Candidates are not independent: a photo that looks like one often looks like others. Nothing is added for a
        single candidate, all of it for as many as the support has.
        """
        size = self.basis.individuals
        if len(ratios) < 2 or size < 2:
            return np.zeros(ratios.shape[1])
        share = min(1.0, float(np.log(len(ratios)) / np.log(size)))
        mean = _log_mean(ratios)
        correction: Array = share * (self.known[0] + (self.known[1] - 1) * mean)
        return correction


def _log_mean(ratios: Array) -> Array:
    """Return log of the mean (S,) of exponentials (G, S)."""
    highest = ratios.max(axis=0)
    mean: Array = highest + np.log(np.exp(ratios - highest).mean(axis=0))
    return mean


def _known_curve(trials: Trials, location: float, spread: float, curve: Array) -> Array:
    """Return `Belief.known`: each photo is searched among all individuals, and among all but its own."""
    ratio = _features(trials, location, spread) @ curve  # (T,)
    log_odds, known, individual = [], [], []
    order = np.argsort(trials.photo, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(trials.photo[order])) + 1):
        same = trials.same[rows]
        if same.sum() != 1 or len(rows) < 2:
            continue
        searches = (ratio[rows], ratio[rows[~same]])
        log_odds += [float(_log_mean(one[:, None])[0]) for one in searches]
        known += [True, False]
        individual += [int(trials.individual[rows[same][0]])] * 2
    if not known:
        return SEARCH_PRIOR.mean
    count = np.bincount(individual)[individual]  # of each individual, both kinds of searches
    features = np.stack([np.ones(len(known)), log_odds], axis=1)
    posterior = logistic_posterior(features, np.array(known), WEIGHT / count, SEARCH_PRIOR)
    return np.array([posterior.mean[0], max(posterior.mean[1], LEAST_SLOPE)])


def _features(trials: Trials, location: float, spread: float) -> Array:
    z = (trials.score - location) / spread
    return np.stack([np.ones(len(z)), z, np.log(trials.photos)], axis=1)  # (T, 3)


def _locate_impostors(
    impostors: ImpostorScores | None, trials: Trials | None, prior: Prior
) -> tuple[float, float, float]:
    """Return location and spread of the category's impostors, and the standard error of the location.

    The variance has the weight of the pairs of individuals that were compared, and the borrowed one that of a pair.
    """
    if impostors is None or trials is None:
        return prior.location, float(np.sqrt(prior.variance)), prior.location_spread
    variance = (impostors.pairs * impostors.variance + prior.variance) / (impostors.pairs + 1)
    return impostors.mean, float(np.sqrt(variance)), float(np.sqrt(variance / trials.num_individuals))


def _curve_posterior(trials: Trials, location: float, spread: float, prior: Gaussian) -> Gaussian:
    """Return the curve after a category's own trials; genuine and impostor trials weigh the same."""
    weight = trials.weight.copy()
    for kind in (trials.same, ~trials.same):
        weight[kind] *= WEIGHT * trials.num_genuine / weight[kind].sum()
    return logistic_posterior(_features(trials, location, spread), trials.same, weight, prior)


def _samples(curve: Gaussian) -> Array:
    """Return samples (S, 3) of a curve, each with its mirror image; the slope never falls."""
    half = np.random.default_rng(0).standard_normal((NUM_SAMPLES // 2, len(curve.mean)))
    gap = np.stack([half, -half], axis=1).reshape(NUM_SAMPLES, -1) @ np.linalg.cholesky(curve.covariance).T
    samples: Array = curve.mean + gap
    samples[:, 1] = np.maximum(samples[:, 1], LEAST_SLOPE)
    return samples


def _ranges(samples: Array) -> Array:
    """Return the ranges (n, 2) of samples (n, S), widened to their mean where a long tail draws it outside."""
    low, high = np.quantile(samples, RANGE, axis=1)
    mean = samples.mean(axis=1)
    return np.stack([np.minimum(low, mean), np.maximum(high, mean)], axis=1)
