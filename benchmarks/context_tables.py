"""What stands in results/context.json: rows with intervals, paired differences, and the bars with their verdicts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from context_real import RealRow
from vicp.evaluation.seed_table import Floats, Interval, difference, mean, ratio

HEADLINE = 16
CONTROLS = ("null", "other", "repaired", "shuffled", "other_rule", "static")
AHEAD = {"A": 20.0, "B": 15.0}
AT_FOUR, SHARE, TIME_SHARE = 15.0, 0.9, 0.2
REAL_SHARES = {64: 0.75, 16: 0.5}
GENERATORS = {"": "LLM", "_set_transformer": "set transformer"}


@dataclass(frozen=True, eq=False)
class Values:
    """What a method reached at one K.

    Attributes:
        map: (seeds, tasks), NaN where a part is missing.
        seconds: of adapting, likewise.
        cpu_seconds: likewise.
        sizes: factors in each task's rule (tasks,).
        notes: what was chosen, with how often.
    """

    map: Floats
    seconds: Floats
    cpu_seconds: Floats
    sizes: tuple[int, ...]
    notes: Mapping[str, int]

    @classmethod
    def of(cls, parts: Sequence[Sequence[Mapping[str, Any] | None]], sizes: Sequence[int]) -> "Values":
        """The tables of parts (seeds, tasks), whose rules have these sizes."""
        tables = [
            np.array([[np.nan if part is None else part[name] for part in line] for line in parts], dtype=np.float64)
            for name in ("map", "seconds", "cpu_seconds")
        ]
        notes = Counter(part["note"] for line in parts for part in line if part is not None and part["note"])
        return cls(*tables, tuple(sizes), dict(notes.most_common(12)))

    @property
    def num_tasks(self) -> int:
        """How many tasks have a value."""
        return int((~np.isnan(self.map)).any(axis=0).sum())


Test = Mapping[str, Mapping[int, Values]]
Real = Mapping[str, Mapping[str, Mapping[int, RealRow]]]


def context_facts(tests: Mapping[str, Test], real: Real, *, seen: Sequence[str]) -> dict[str, Any]:
    """Everything but how it was made."""
    facts: dict[str, Any] = {
        name: {m: row(by_k) for m, by_k in test.items() if enough(by_k)} for name, test in tests.items()
    }
    facts["real"] = {
        name: {method: real_row(by_k) for method, by_k in found.items()} | {"seen_in_training": name in seen}
        for name, found in real.items()
    }
    facts["differences"] = {name: differences(test) for name, test in tests.items()}
    facts["bars"] = [bar for name, test in tests.items() for bar in world_bars(name, test)]
    facts["bars"] += real_bars({name: found for name, found in real.items() if name not in seen})
    return facts


def enough(by_k: Mapping[int, Values]) -> bool:
    return headline(by_k).num_tasks > 1


def headline(by_k: Mapping[int, Any]) -> Any:
    """At K = 16; of methods that read no pairs, or were not measured there, the first there is."""
    return by_k.get(HEADLINE, next(iter(by_k.values())))


def row(by_k: Mapping[int, Values]) -> dict[str, Any]:
    one = headline(by_k)
    k = next(k for k, values in by_k.items() if values is one)
    return {**cells(one), "K": k, "by_K": {str(k): cells(values) for k, values in by_k.items() if values.num_tasks > 1}}


def cells(values: Values) -> dict[str, Any]:
    sizes = np.array(values.sizes)
    by_size = {str(size): rounded(np.nanmean(values.map[:, sizes == size])) for size in sorted(set(values.sizes))}
    return {
        **interval_cells(mean(values.map)),
        "tasks": values.num_tasks,
        "seeds": len(values.map),
        "seconds": rounded(np.nanmean(values.seconds), 3),
        "cpu_seconds": rounded(np.nanmean(values.cpu_seconds), 3),
        "by_rule_size": by_size,
        "notes": dict(values.notes),
    }


def interval_cells(found: Interval) -> dict[str, float]:
    return {"map": rounded(found.value), "low": rounded(found.low), "high": rounded(found.high)}


def rounded(value: float, digits: int = 2) -> float | None:
    return None if np.isnan(value) else round(float(value), digits)


def differences(test: Test) -> dict[str, Any]:
    """Own minus every control, chosen minus Triplet+, and the prompts' share of the verifier."""
    found: dict[str, Any] = {}
    for suffix in GENERATORS:
        for name in (*CONTROLS, "frozen", "metric"):
            put(found, test, f"own{suffix}", name if name in ("static", "frozen", "metric") else name + suffix, (16,))
    put(found, test, "own", "null", (4, 64))
    for labels in ("pairs", "identities"):
        for other in ("triplet_plus", "tuned"):
            put(found, test, f"chosen_{labels}", f"{other}_{labels}", (4, 16, 64))
        put(found, test, f"chosen_{labels}", "frozen", (4, 16, 64))
    return found


def put(found: dict[str, Any], test: Test, left: str, right: str, ks: Sequence[int]) -> None:
    for k in ks:
        a, b = at(test, left, k), at(test, right, k)
        if a is not None and b is not None:
            found[f"{left} - {right}, K = {k}"] = interval_cells(difference(*paired(a.map, b.map)))


def at(test: Test, method: str, k: int) -> Values | None:
    """A method at K, or where it reads no pairs; None below two tasks."""
    by_k = test.get(method, {})
    values = by_k.get(k, by_k.get(0))
    return values if values is not None and values.num_tasks > 1 else None


def paired(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Seed by seed where there are as many of both, else against the mean over the other's seeds."""
    return (left, right) if len(left) == len(right) else (left, right.mean(axis=0, keepdims=True))


def world_bars(name: str, test: Test) -> list[dict[str, Any]]:
    """What was asked of a test, and what came of it."""
    bars = []
    for suffix, generator in GENERATORS.items():
        own = at(test, f"own{suffix}", 16)
        for control in CONTROLS if own is not None else ():
            false = at(test, control if control == "static" else control + suffix, 16)
            bars.append(ahead(f"{name}, {generator}, K = 16: own - {control}", own, false, AHEAD[name]))
        if name == "A":
            few, null = at(test, f"own{suffix}", 4), at(test, f"null{suffix}", 4)
            if few is not None:
                bars.append(ahead(f"A, {generator}, K = 4: own - null", few, null, AT_FOUR))
        verifier = at(test, f"verifier{suffix}", 16)
        if own is not None and verifier is not None:
            share = ratio(*paired(own.map, verifier.map))
            bars.append(bar(f"{name}, {generator}, K = 16: own / verifier", share, SHARE))
    for labels in ("pairs", "identities"):
        for k in (16, 64):
            ours, theirs = at(test, f"chosen_{labels}", k), at(test, f"triplet_plus_{labels}", k)
            if ours is None and theirs is None:
                continue
            what = f"{name}, K = {k}: chosen_{labels} {{}} triplet_plus_{labels}"
            bars.append(ahead(what.format("-"), ours, theirs, 0.0))
            if ours is not None and theirs is not None:
                spent = ratio(*paired(ours.seconds, theirs.seconds))
                bars.append(bar(what.format("/") + ", seconds of adapting", spent, TIME_SHARE, most=True))
    return bars


def ahead(what: str, left: Values | None, right: Values | None, target: float) -> dict[str, Any]:
    """A bar on a difference, whose interval must be clear of zero too."""
    if left is None or right is None:
        return {"bar": what, "target": target, "reached": None, "sentence": f"{what}: not measured."}
    return bar(what, difference(*paired(left.map, right.map)), target, clear=True)


def bar(what: str, found: Interval, target: float, *, clear: bool = False, most: bool = False) -> dict[str, Any]:
    """A verdict in a sentence.

    Args:
        what: was measured.
        found: came out.
        target: at least this, or with `most` at most.
        clear: the interval must lie above zero.
        most: see `target`.
    """
    margin = target - found.value if most else found.value - target
    reached = margin >= 0 and (not clear or found.is_above_zero)
    digits = 1 if clear else 2
    said = f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"
    asked = f"{'at most' if most else 'at least'} {target:g}"
    if reached:
        verdict = f"reached by {margin:.{digits}f}"
    elif margin >= 0:
        verdict = "missed: the interval is not clear of zero"
    else:
        verdict = f"missed by {-margin:.{digits}f}"
    cells = {"value": rounded(found.value, 4), "low": rounded(found.low, 4), "high": rounded(found.high, 4)}
    return {
        "bar": what,
        "target": target,
        **cells,
        "reached": reached,
        "sentence": f"{what} = {said}, asked {asked}: {verdict}.",
    }


def real_row(by_k: Mapping[int, RealRow]) -> dict[str, Any]:
    one = headline(by_k)
    return {**real_cells(one), "by_K": {str(k): real_cells(found) for k, found in by_k.items()}}


def real_cells(found: RealRow) -> dict[str, Any]:
    return {
        **interval_cells(found.interval),
        "categories": found.num_categories,
        "seeds": found.num_seeds,
        "notes": dict(found.notes),
    }


def real_bars(real: Real) -> list[dict[str, Any]]:
    """On sets that training has not seen: chosen against frozen, and generated against shuffled labels."""
    bars = []
    for k, share in REAL_SHARES.items():
        gains = gains_of(real, "chosen_identities", "frozen", k)
        if gains:
            below = [name for name, gain in gains.items() if gain.high < 0]
            bars.append(
                count(f"Real, K = {k}: sets where chosen is below frozen beyond its interval", below, gains, 0.0)
            )
            above = [name for name, gain in gains.items() if gain.low > 0]
            bars.append(
                count(f"Real, K = {k}: sets where chosen is above frozen, interval clear of zero", above, gains, share)
            )
        gains = gains_of(real, "own", "shuffled", k)
        if gains:
            above = [name for name, gain in gains.items() if gain.low > 0]
            what = f"Real, K = {k}: sets where generated beats shuffled labels, interval clear of zero"
            bars.append(count(what, above, gains, 0.5))
    return bars


def gains_of(real: Real, left: str, right: str, k: int) -> dict[str, Interval]:
    pairs = {name: (found.get(left, {}).get(k), found.get(right, {}).get(k)) for name, found in real.items()}
    return {name: a.minus(b) for name, (a, b) in pairs.items() if a is not None and b is not None}


def count(what: str, sets: Sequence[str], gains: Mapping[str, Interval], share: float) -> dict[str, Any]:
    """A verdict on a number of sets: at least that share of them, or none where the share is 0."""
    needed = int(np.ceil(share * len(gains)))
    reached = len(sets) >= needed if share else not sets
    asked = f"at least {needed}" if share else "none"
    margin = abs(len(sets) - needed)
    points = ", ".join(
        f"{name} {gain.value:+.1f} ({gain.low:+.1f} to {gain.high:+.1f})" for name, gain in gains.items()
    )
    verdict = ("reached" if not margin or not share else f"reached by {margin}") if reached else f"missed by {margin}"
    sentence = f"{what}: {len(sets)} of {len(gains)}, asked {asked}: {verdict}. {points}."
    return {"bar": what, "target": needed, "value": len(sets), "reached": reached, "sentence": sentence}
