"""Shares of draws and means over draws, with intervals."""

from typing import Any

import numpy as np
from scipy import stats


def share(num_held: int, num_draws: int) -> dict[str, Any]:
    """The share of draws that held, with its exact 95 % interval (Clopper-Pearson)."""
    found = stats.binomtest(int(num_held), int(num_draws)).proportion_ci(0.95, method="exact")
    return {
        "share_held": num_held / num_draws,
        "share_held_interval": [float(found.low), float(found.high)],
        "num_held": int(num_held),
        "num_draws": int(num_draws),
    }


def mean(values: np.ndarray) -> dict[str, Any]:
    """The mean, and the range that holds 95 % of the draws."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return {"mean": float(np.nanmean(values)), "range": [float(low), float(high)]}
