"""What a plain Bayesian reader makes of a few pairs: the ceiling that the procedural world sets.

Linear probes say which values of the six factors a photo's frozen readout shows. Every rule of one to three factors is
as likely as any other before the pairs; each label then counts for the rules that foresee it.
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from benchmarks.lib.method_suite import MethodSuite
from benchmarks.lib.probes import linear_probe
from benchmarks.lib.task_support import TaskSupport
from vicp.adapt.embedder import Embedder
from vicp.data.procedural.world import FACTORS, all_rules, sample_objects, sample_silhouettes
from vicp.data.seeds import derive_seed, generator

NUM_OBJECTS, NUM_SILHOUETTES, BATCH = 4096, 512, 64
SLIP = 0.02  # least chance that a label is not what a rule foresees: probes err


@dataclass(frozen=True)
class BayesReader:
    """Probes of a frozen readout.

    Attributes:
        embedder: Whose backbone is read.
        probes: A linear discriminant analysis per factor.
    """

    embedder: Embedder
    probes: tuple[LinearDiscriminantAnalysis, ...]

    def similarity(self, support: TaskSupport, pixels: torch.Tensor) -> np.ndarray:
        """Return P(same individual) of every two photos (n, n), given the pairs of a support.

        Args:
            support: The labelled pairs.
            pixels: Photos (n, 3, S, S) uint8 to compare.
        """
        agree = self._agreement(support.pixels)[:, support.pairs.left, support.pairs.right]  # (F, K)
        weight = rule_posterior(agree, support.pairs.same)
        return np.einsum("r,rnm->nm", weight, _under_rules(self._agreement(pixels)))

    def _agreement(self, pixels: torch.Tensor) -> np.ndarray:
        """Return the probability that photos i and j show the same value, by factor (F, n, n)."""
        readouts = self.embedder.embed_pixels(pixels).numpy()
        values = [probe.predict_proba(readouts) for probe in self.probes]  # (n, 8) each
        return np.stack([value @ value.T for value in values])


def rule_posterior(agree: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Return the posterior (R,) over the rules, from the agreement of K pairs by factor (F, K) and labels (K,)."""
    foreseen = _under_rules(agree).clip(SLIP, 1 - SLIP)  # (R, K)
    log_likelihood = np.where(same, np.log(foreseen), np.log1p(-foreseen)).sum(axis=1)
    weight = np.exp(log_likelihood - log_likelihood.max())
    return np.asarray(weight / weight.sum())


def _under_rules(agree: np.ndarray) -> np.ndarray:
    """Return the probability of the same individual (R, ...) under every rule, from the factors' (F, ...)."""
    return np.stack([agree[list(rule.factors)].prod(axis=0) for rule in all_rules()])


@functools.cache
def bayes_reader(suite: MethodSuite) -> BayesReader:
    """Return the reader of a suite's backbone, its probes fitted on drawn objects of seen silhouettes."""
    embedder, draw = suite.embedder, generator(0, "bayes")
    silhouettes = sample_silhouettes(NUM_SILHOUETTES, seed=derive_seed(0, "bayes"), split="seen")
    readouts, values = [], []
    for _ in range(NUM_OBJECTS // BATCH):
        images, shown = sample_objects(BATCH, silhouettes, size=embedder.transform.size, generator=draw)
        readouts.append(embedder.embed_pixels(images).numpy())
        values.append(shown.numpy())
    features, truth = np.concatenate(readouts), np.concatenate(values)
    probes = [linear_probe() for _ in FACTORS]
    return BayesReader(embedder, tuple(probe.fit(features, truth[:, f]) for f, probe in enumerate(probes)))
