"""Thresholds found on individuals of made-up worlds, and how often strangers of the same world exceed them."""

from typing import Any

import numpy as np

from rates import mean, share
from score_worlds import WORLDS
from vicp.data.seeds import derive_seed
from vicp.decisions.held_out import HeldOut
from vicp.decisions.impostor_trials import search_held_out
from vicp.decisions.outcome import Threshold

# Individuals, promised rate, candidates of a search (None: all of them).
SETTINGS = ((94, 0.05, None), (160, 0.05, None), (60, 0.1, 8), (60, 0.1, 1))
STRANGERS = 2000


def simulate(
    name: str, num: int, rate: float, candidates: int | None, confidence: float, draws: int, seed: int
) -> dict[str, Any]:
    """One row: of so many draws, in how many the achieved rate was at most the promised one.

    Each draw makes new individuals, who are both the calibration and the gallery, and asks for a threshold; 2,000
    strangers are then searched among all of them, or each among so many drawn at random.
    """
    world = WORLDS[name]
    rng = np.random.default_rng(derive_seed(seed, "decisions", name, num, str(candidates)))
    pool = world.draw(rng, 20 * STRANGERS)
    achieved = np.empty(draws)
    for draw in range(draws):
        own = world.draw(rng, num)
        held_out = HeldOut.of_identities(world.similarity(own, own), np.arange(num))
        found = search_held_out(held_out, seed=draw).threshold(
            rate, confidence=confidence, candidates=candidates or num - 1
        )
        assert isinstance(found, Threshold), found
        start = rng.integers(19) * STRANGERS
        similarity = world.similarity(pool[start : start + STRANGERS], own)
        if candidates is not None:
            similarity = rng.permuted(similarity, axis=1)[:, :candidates]
        achieved[draw] = (similarity.max(axis=1) > found.similarity).mean()
    return {
        "individuals": num,
        "candidates": candidates or num,
        "rate_promised": rate,
        "rate_achieved": mean(achieved),
        "share_promised": confidence,
        **share(int((achieved <= rate).sum()), draws),
    }
