"""Targets of the context study: what was to be reached, whether it was, and by how much; a sentence each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.context.real_sets import RealRow, RealTable
from benchmarks.context.tables import CONTROLS, GENERATORS, Test, Values, at, paired
from benchmarks.lib.seed_statistics import Floats, Interval, complete, difference, ratio
from benchmarks.lib.table_cells import rounded

AHEAD = {"A": 20.0, "B": 15.0}
AT_FOUR, SHARE, TIME_SHARE = 15.0, 0.9, 0.2
REAL_SHARES = {64: 0.75, 16: 0.5}
MIN_TASKS = 20  # with fewer a target counts as not measured yet
FEW = 5  # individuals looked up in a category: with fewer in all of them, a set says little


def world_targets(name: str, test: Test) -> list[dict[str, Any]]:
    """Return the verdicts on one test."""
    targets = []
    for suffix, generator in GENERATORS.items():
        own = at(test, f"own{suffix}", 16)
        for control in CONTROLS if own is not None else ():
            false = at(test, control if control == "static" else control + suffix, 16)
            targets.append(ahead(f"{name}, {generator}, K = 16: own - {control}", own, false, AHEAD[name]))
        if name == "A":
            few, null = at(test, f"own{suffix}", 4), at(test, f"null{suffix}", 4)
            if few is not None:
                targets.append(ahead(f"A, {generator}, K = 4: own - null", few, null, AT_FOUR))
        verifier = at(test, f"verifier{suffix}", 16)
        if own is not None and verifier is not None:
            both = paired(own.map, verifier.map)
            share = ratio(*both, own.groups)
            targets.append(compare(f"{name}, {generator}, K = 16: own / verifier", share, SHARE, tasks=common(*both)))
    for labels in ("pairs", "identities"):
        for k in (16, 64):
            ours, theirs = at(test, f"chosen_{labels}", k), at(test, f"triplet_plus_{labels}", k)
            if ours is None and theirs is None:
                continue
            what = f"{name}, K = {k}: chosen_{labels} {{}} triplet_plus_{labels}"
            targets.append(ahead(what.format("-"), ours, theirs, 0.0))
            if ours is not None and theirs is not None:
                both = paired(ours.cpu_seconds, theirs.cpu_seconds)
                spent, named = ratio(*both, ours.groups), what.format("/") + ", processor seconds of adapting"
                targets.append(compare(named, spent, TIME_SHARE, tasks=common(*both), most=True))
    return targets


def ahead(what: str, left: Values | None, right: Values | None, target: float) -> dict[str, Any]:
    """Return the verdict on a difference, whose interval must be clear of zero too."""
    if left is None or right is None:
        return compare(what, None, target)
    both = paired(left.map, right.map)
    return compare(what, difference(*both, left.groups), target, tasks=common(*both), clear=True)


def common(left: Floats, right: Floats) -> int:
    """How many tasks both have of every seed."""
    return complete(left - right).shape[1]


def compare(
    what: str, found: Interval | None, target: float, *, tasks: int = 0, clear: bool = False, most: bool = False
) -> dict[str, Any]:
    """Return a verdict in a sentence.

    Args:
        what: was measured.
        found: came out; None where it has not been measured.
        target: at least this, or with `most` at most.
        tasks: behind it.
        clear: the interval must lie above zero.
        most: see `target`.
    """
    if found is None:
        return {"name": what, "target": target, "reached": None, "sentence": f"{what}: not measured."}
    margin = target - found.value if most else found.value - target
    reached = margin >= 0 and (not clear or found.is_above_zero)
    digits = 1 if clear else 2
    said = f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"
    wanted = f"{'at most' if most else 'at least'} {target:g}"
    if reached:
        verdict = f"reached by {margin:.{digits}f}"
    elif margin >= 0:
        verdict = "missed: the interval is not clear of zero"
    else:
        verdict = f"missed by {-margin:.{digits}f}"
    few = tasks < MIN_TASKS
    if few:
        verdict += f", but on {tasks} tasks, {MIN_TASKS} needed"
    cells = {"value": rounded(found.value, 4), "low": rounded(found.low, 4), "high": rounded(found.high, 4)}
    return {
        "name": what,
        "target": target,
        **cells,
        "tasks": tasks,
        "reached": None if reached and few else reached,
        "sentence": f"{what} = {said}, target {wanted}: {verdict}.",
    }


def real_targets(real: RealTable) -> list[dict[str, Any]]:
    """On sets that neither training nor a choice has seen: chosen - frozen, and generated - shuffled labels."""
    targets = []
    small = [name for name, found in real.items() if is_small(found)]
    for k, share in REAL_SHARES.items():
        gains = gains_of(real, "chosen_identities", "frozen", k)
        if gains:
            below = [name for name, gain in gains.items() if gain.high < 0]
            targets.append(
                count(f"Real, K = {k}: sets where chosen is below frozen beyond its interval", below, gains, 0.0, small)
            )
            above = [name for name, gain in gains.items() if gain.low > 0]
            targets.append(
                count(
                    f"Real, K = {k}: sets where chosen is above frozen, interval clear of zero",
                    above,
                    gains,
                    share,
                    small,
                )
            )
        gains = gains_of(real, "own", "shuffled", k)
        if gains:
            above = [name for name, gain in gains.items() if gain.low > 0]
            what = f"Real, K = {k}: sets where generated beats shuffled labels, interval clear of zero"
            targets.append(count(what, above, gains, 0.5, small))
    return targets


def gains_of(real: RealTable, left: str, right: str, k: int) -> dict[str, Interval]:
    pairs = {name: (found.get(left, {}).get(k), found.get(right, {}).get(k)) for name, found in real.items()}
    return {name: a.minus(b) for name, (a, b) in pairs.items() if a is not None and b is not None}


def is_small(found: Mapping[str, Mapping[int, RealRow]]) -> bool:
    """Whether no category of a set looks up more than a few individuals."""
    return max(row.identities[1] for by_k in found.values() for row in by_k.values()) < FEW


def count(
    what: str, sets: Sequence[str], gains: Mapping[str, Interval], share: float, small: Sequence[str]
) -> dict[str, Any]:
    """Return a verdict on a number of sets: at least that share of them, or none where the share is 0.

    The sentence ends with the same count without `small` sets, where there are any.
    """
    needed = int(np.ceil(share * len(gains)))
    reached = len(sets) >= needed if share else not sets
    wanted = f"at least {needed}" if share else "none"
    margin = abs(len(sets) - needed)
    points = ", ".join(
        f"{name} {gain.value:+.1f} ({gain.low:+.1f} to {gain.high:+.1f})" for name, gain in gains.items()
    )
    verdict = ("reached" if not margin or not share else f"reached by {margin}") if reached else f"missed by {margin}"
    sentence = f"{what}: {len(sets)} of {len(gains)}, target {wanted}: {verdict}. {points}."
    left_out = [name for name in small if name in gains]
    if left_out:
        others = f"{len({*sets} - {*left_out})} of {len({*gains} - {*left_out})}"
        sentence += f" Without {', '.join(left_out)}, which looks up fewer than {FEW} individuals a category: {others}."
    return {"name": what, "target": needed, "value": len(sets), "reached": reached, "sentence": sentence}
