"""Our incomplete beta against SciPy's, over the sizes that decisions meet."""

import numpy as np
import pytest
from scipy import stats

from vicp.decisions.incomplete_beta import beta_quantile, binomial_cdf, incomplete_beta, student_t_cdf


def test_student_t() -> None:
    for degrees in (1, 2.5, 4, 23, 400, 5003):
        for t in (-40.0, -3.0, -0.4, -1e-3, 0.0, 0.7, 2.0, 30.0):
            assert student_t_cdf(t, degrees) == pytest.approx(stats.t.cdf(t, degrees), rel=1e-9, abs=1e-15)


def test_binomial() -> None:
    for trials in (1, 7, 59, 1000, 20_000):
        for rate in (1e-6, 0.01, 0.2, 0.5, 0.97):
            for k in sorted({0, 1, trials // 3, trials - 1, trials}):
                if k <= trials:
                    expected = stats.binom.cdf(k, trials, rate)
                    assert binomial_cdf(k, trials, rate) == pytest.approx(expected, rel=1e-8, abs=1e-14)


def test_beta_quantiles() -> None:
    for a, b in ((1, 59), (3, 4), (12, 900), (500, 2), (0.5, 0.5)):
        for probability in (0.01, 0.5, 0.9, 0.999):
            found = beta_quantile(probability, a, b)
            assert found == pytest.approx(stats.beta.ppf(probability, a, b), rel=1e-9)
            assert incomplete_beta(a, b, found) == pytest.approx(probability, rel=1e-9)


def test_ends() -> None:
    assert (incomplete_beta(2, 3, 0.0), incomplete_beta(2, 3, 1.0)) == (0.0, 1.0)
    values = [incomplete_beta(2, 3, x) for x in np.linspace(0, 1, 50)]
    assert values == sorted(values)
