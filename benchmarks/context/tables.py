"""What stands in results/context.json: rows with intervals, and paired differences."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.context.real_sets import RealRow, RealTable
from benchmarks.lib.seed_statistics import Floats, Groups, complete, difference, has_interval, mean
from benchmarks.lib.table_cells import interval_cells, rounded
from vicp.data.procedural.world import Rule

HEADLINE = 16
REAL_PAIRS = (
    ("chosen_identities", "frozen"),
    ("chosen_identities", "chosen_repaired"),
    ("chosen_patches", "chosen_identities"),
    ("chosen_k_reciprocal", "chosen_identities"),
    ("own", "shuffled"),
    ("tuned_identities", "shuffled"),
    ("own", "null"),
    ("own", "frozen"),
    ("own", "no_llm"),
    ("prompt", "frozen"),
    ("prompt", "prompt_shuffled"),
)
ALIASES = {"prompt_metric": "own", "whitening": "metric"}
CONTROLS = ("null", "other", "repaired", "shuffled", "other_rule", "static")
GENERATORS = {"": "LLM", "_set_transformer": "set transformer"}


@dataclass(frozen=True, eq=False)
class Values:
    """What a method reached at one K.

    Attributes:
        map: (seeds, tasks), NaN where a part is missing.
        seconds: of adapting, likewise.
        cpu_seconds: likewise.
        rules: each task's (tasks,); tasks of one rule are drawn together in every interval.
        notes: what was chosen, with how often.
    """

    map: Floats
    seconds: Floats
    cpu_seconds: Floats
    rules: tuple[Rule, ...]
    notes: Mapping[str, int]

    @classmethod
    def of(cls, parts: Sequence[Sequence[Mapping[str, Any] | None]], rules: Sequence[Rule]) -> "Values":
        """The tables of parts (seeds, tasks), of tasks with these rules."""
        tables = [
            np.array([[np.nan if part is None else part[name] for part in line] for line in parts], dtype=np.float64)
            for name in ("map", "seconds", "cpu_seconds")
        ]
        notes = Counter(part["note"] for line in parts for part in line if part is not None and part["note"])
        return cls(*tables, tuple(rules), dict(notes.most_common(12)))

    @property
    def groups(self) -> Groups:
        """The name of each task's rule (tasks,)."""
        return np.array([rule.name for rule in self.rules])

    @property
    def num_tasks(self) -> int:
        """How many tasks every seed has, of those that have begun."""
        return complete(self.map).shape[1]


Test = Mapping[str, Mapping[int, Values]]


def context_facts(tests: Mapping[str, Test], real: RealTable, *, seen: Sequence[str]) -> dict[str, Any]:
    """Everything but how it was made."""
    facts: dict[str, Any] = {name: rows(test) for name, test in tests.items()}
    facts["real"] = {
        name: aliased({method: real_row(by_k) for method, by_k in found.items()}) | {"seen_in_training": name in seen}
        for name, found in real.items()
    }
    facts["differences"] = {name: differences(test) for name, test in tests.items()}
    facts["real_differences"] = real_differences(real)
    return facts


def rows(test: Test) -> dict[str, Any]:
    """The rows of a test, some under two names: what they are, and what the table of methods calls them."""
    return aliased({method: row(by_k) for method, by_k in test.items() if enough(by_k)})


def aliased(found: dict[str, Any]) -> dict[str, Any]:
    """Return rows with those that have two names under both."""
    return found | {alias: found[method] for alias, method in ALIASES.items() if method in found}


def real_differences(real: RealTable) -> dict[str, dict[str, Any]]:
    """Paired differences on real photos, by what and K, then set."""
    found: dict[str, dict[str, Any]] = {}
    for left, right in REAL_PAIRS:
        for name, rows in real.items():
            for k in sorted(rows.get(left, {}).keys() & rows.get(right, {}).keys()):
                gain = interval_cells(rows[left][k].minus(rows[right][k]))
                found.setdefault(f"{left} - {right}, K = {k}", {})[name] = gain
    return found


def enough(by_k: Mapping[int, Values]) -> bool:
    return is_enough(headline(by_k))


def is_enough(values: Values) -> bool:
    """Whether there is an interval: two rules or more."""
    return has_interval(values.map, values.groups)


def headline(by_k: Mapping[int, Any]) -> Any:
    """At K = 16; of methods that read no pairs, or were not measured there, the first there is."""
    return by_k.get(HEADLINE, next(iter(by_k.values())))


def row(by_k: Mapping[int, Values]) -> dict[str, Any]:
    one = headline(by_k)
    k = next(k for k, values in by_k.items() if values is one)
    return {**cells(one), "K": k, "by_K": {str(k): cells(values) for k, values in by_k.items() if is_enough(values)}}


def cells(values: Values) -> dict[str, Any]:
    sizes = np.array([len(rule.factors) for rule in values.rules])
    whole = mean(values.map, values.groups)
    assert whole is not None
    by_size = {str(size): rounded(average(values.map[:, sizes == size])) for size in sorted({*sizes.tolist()})}
    return {
        **interval_cells(whole),
        "tasks": values.num_tasks,
        "seeds": int((~np.isnan(values.map)).any(axis=1).sum()),
        "by_seed": [rounded(average(line)) for line in values.map],
        "seconds": rounded(average(values.seconds), 3),
        "cpu_seconds": rounded(average(values.cpu_seconds), 3),
        "by_rule_size": by_size,
        "notes": dict(values.notes),
    }


def average(values: Floats) -> float:
    """The mean of what is known; NaN where nothing is."""
    return float(np.nanmean(values)) if (~np.isnan(values)).any() else np.nan


def differences(test: Test) -> dict[str, Any]:
    """Own minus every control, chosen minus Triplet+."""
    found: dict[str, Any] = {}
    for suffix in GENERATORS:
        for name in (*CONTROLS, "frozen", "metric"):
            put(found, test, f"own{suffix}", name if name in ("static", "frozen", "metric") else name + suffix, (16,))
    put(found, test, "own", "null", (4, 64))
    for name in ("null", "other", "repaired", "shuffled", "other_rule"):
        put(found, test, "prompt", f"prompt_{name}", (16,))
    for name in ("static", "frozen", "own"):
        put(found, test, "prompt", name, (4, 16, 64))
    put(found, test, "own", "bayes", (4, 16, 64))
    for labels in ("pairs", "identities"):
        for other in ("triplet_plus", "tuned"):
            put(found, test, f"chosen_{labels}", f"{other}_{labels}", (4, 16, 64))
        put(found, test, f"chosen_{labels}", "frozen", (4, 16, 64))
    return found


def put(found: dict[str, Any], test: Test, left: str, right: str, ks: Sequence[int]) -> None:
    for k in ks:
        a, b = at(test, left, k), at(test, right, k)
        if a is not None and b is not None:
            apart = difference(*paired(a.map, b.map), a.groups)
            if apart is not None:
                found[f"{left} - {right}, K = {k}"] = interval_cells(apart)


def at(test: Test, method: str, k: int) -> Values | None:
    """A method at K, or where it reads no pairs; None below two rules."""
    by_k = test.get(method, {})
    values = by_k.get(k, by_k.get(0))
    return values if values is not None and is_enough(values) else None


def paired(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Seed by seed where there are as many of both, else against the mean over those of the other's that have begun."""
    begun = right[~np.isnan(right).all(axis=1)]
    return (left, right) if len(left) == len(right) or not len(begun) else (left, begun.mean(axis=0, keepdims=True))


def real_row(by_k: Mapping[int, RealRow]) -> dict[str, Any]:
    one = headline(by_k)
    return {**real_cells(one), "by_K": {str(k): real_cells(found) for k, found in by_k.items()}}


def real_cells(found: RealRow) -> dict[str, Any]:
    return {
        **interval_cells(found.interval),
        "categories": found.num_categories,
        "seeds": found.num_seeds,
        "pairs": list(found.pairs),
        "identities": list(found.identities),
        "notes": dict(found.notes),
    }
