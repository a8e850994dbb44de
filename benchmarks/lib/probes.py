"""Probes of a frozen readout: what can be read off it."""

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

SHRINKAGE = 0.02


def linear_probe() -> LinearDiscriminantAnalysis:
    """Return linear discriminant analysis, not fitted: what a linear map can read off."""
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE)
