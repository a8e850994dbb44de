"""What each labelled pair is worth, by how it was chosen: results/pairs.md and .json.

    python -m benchmarks.pairs.run TABLE.parquet ... [--seeds 10]

Half of a set's identities are the photos one may ask about, without their names; the other half is looked up among
themselves, all against all, and mAP is of those. After each round the metric is fitted to all labels so far, and the
next pairs are proposed by its embeddings. `known` draws balanced pairs by the identities' names, which nobody has who
labels.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from scipy import stats

from benchmarks.decisions.real_sets import bare
from benchmarks.lib.embedded_sets import EmbeddedSet, embedded
from benchmarks.lib.program import ROOT, command_of, run, study_parser
from benchmarks.lib.results import write_results
from vicp.adapt.encoded_support import EncodedSupport, relate_pairs, sample_same_size
from vicp.adapt.prompt import Prompt
from vicp.adapt.selection import select
from vicp.data.seeds import derive_seed
from vicp.data.support.support import Support
from vicp.errors import DataError
from vicp.gallery.labelling.active_learning import propose_pairs
from vicp.metrics import retrieval

BUDGETS = (4, 8, 16, 32, 64)
STRATEGIES = ("random", "balanced", "likely", "uncertain", "known")


def main() -> None:
    parser = study_parser(__doc__, "tables", "--workers", out=ROOT / "results" / "pairs")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    sets = {table.stem: embedded(table) for table in options.tables}
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        jobs = {
            name: {s: [pool.submit(curve, one, s, seed) for seed in range(options.seeds)] for s in STRATEGIES}
            for name, one in sets.items()
        }
        curves = {name: {s: [j.result() for j in runs] for s, runs in own.items()} for name, own in jobs.items()}
    found = {
        "command": command_of(parser, options, "benchmarks.pairs.run"),
        "seeds": options.seeds,
        "budgets": BUDGETS,
        "sets": {name: summarise(own) for name, own in curves.items()},
    }
    write_results(options.out, found, page(found))


def curve(photos: EmbeddedSet, strategy: str, seed: int) -> dict[str, list[float]]:
    """MAP on identities that no pair shows, without labels and after each budget; and how many pairs were the same."""
    identities = np.unique(photos.identities, return_inverse=True)[1]
    order = np.random.default_rng(derive_seed(seed, "pairs", photos.name)).permutation(identities.max() + 1)
    pool = np.flatnonzero(np.isin(identities, order[: len(order) // 2]))
    test = np.flatnonzero(np.isin(identities, order[len(order) // 2 :]))
    frozen, names = torch.from_numpy(photos.embeddings), identities[pool]
    left, right = np.zeros(0, np.int64), np.zeros(0, np.int64)
    adaptation, boundary = None, None
    scores = [mean_ap(frozen[test], identities[test])]
    same: list[float] = [0.0]
    for budget in BUDGETS:
        if strategy == "known":
            drawn = sample_same_size([str(i) for i in names], budget, seed=seed)
            left, right = drawn.left, drawn.right
        else:
            pairs = Support(left, right, names[left] == names[right])
            groups, relation = relate_pairs(pairs, [str(i) for i in range(len(pool))])
            seen = frozen[pool] if adaptation is None else torch.from_numpy(adaptation.project([frozen[pool].numpy()]))
            proposed = propose_pairs(
                seen.numpy(),
                groups,
                relation,
                budget - len(left),
                strategy=strategy,
                boundary=boundary,
                seed=seed,  # type: ignore[arg-type]
            )
            left = np.concatenate([left, [p.left for p in proposed]]).astype(np.int64)
            right = np.concatenate([right, [p.right for p in proposed]]).astype(np.int64)
        adaptation = fitted(frozen[pool], Support(left, right, names[left] == names[right]), seed)
        boundary = None if adaptation is None or adaptation.choice is None else adaptation.choice.threshold
        rows = frozen[test] if adaptation is None else torch.from_numpy(adaptation.project([frozen[test].numpy()]))
        scores.append(mean_ap(rows, identities[test]))
        same.append(float((names[left] == names[right]).sum()))
    return {"map": scores, "same": same}


def fitted(frozen: torch.Tensor, pairs: Support, seed: int) -> Prompt | None:
    """The metric of these pairs; None where they give none, which leaves photos as they are."""
    used = np.unique(np.concatenate([pairs.left, pairs.right]))
    own = Support(np.searchsorted(used, pairs.left), np.searchsorted(used, pairs.right), pairs.same)
    groups, relation = relate_pairs(own, [str(i) for i in used])
    rows = frozen[torch.from_numpy(used)].numpy()
    support = EncodedSupport("set", None, own, groups, relation, rows, None, seed)
    try:
        return select.fit_selected(bare(), support, "metric")
    except DataError:
        return None


def mean_ap(rows: torch.Tensor, identities: np.ndarray) -> float:
    return float(retrieval(rows, rows, identities, identities, leave_one_out=True).map)


def summarise(curves: dict[str, list[dict[str, list[float]]]]) -> dict[str, Any]:
    """By strategy and budget: mAP with its 95 % interval over seeds, same-pairs found, and the gain over random."""
    base = np.array([run["map"] for run in curves["random"]])
    rows = {}
    for strategy, runs in curves.items():
        values = np.array([run["map"] for run in runs])  # (seeds, 1 + budgets)
        rows[strategy] = {
            "map": [interval(column) for column in values.T],
            "over_random": [interval(column) for column in (values - base).T],
            "same": np.mean([run["same"] for run in runs], axis=0).tolist(),
        }
    return rows


def interval(values: np.ndarray) -> list[float]:
    """Mean and 95 % t interval."""
    mean, wide = float(values.mean()), 0.0
    if len(values) > 1:
        wide = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return [mean, mean - wide, mean + wide]


def page(found: dict[str, Any]) -> str:
    """The page of these facts."""
    lines = ["# What each labelled pair is worth", "", f"Written by `{found['command']}`.", ""]
    lines += [
        "Half of a set's identities are the pool one may ask about, without their names; mAP (percent) is of the other "
        f"half, all against all, under the metric fitted to the labels; mean and 95 % interval over {found['seeds']} "
        "splits, the same for every strategy. `random` pairs; `likely` same-pairs; `uncertain` ones; `balanced`, both "
        "in turn; `known` draws balanced pairs by the names, which nobody has who labels. "
        "In brackets how many of the pairs turned out the same. The backbone is the packaged `mini`'s, frozen.",
        "",
    ]
    lines += [
        "| set | balanced, 16 pairs | random, 64 pairs | balanced over random at 64 |",
        "| --- | ---: | ---: | ---: |",
    ]
    last = len(found["budgets"])
    few = 1 + list(found["budgets"]).index(16)
    for name, rows in found["sets"].items():
        active, base = rows["balanced"], rows["random"]
        gain, low, high = (100 * value for value in active["over_random"][last])
        lines.append(
            f"| {name} | {100 * active['map'][few][0]:.1f} | {100 * base['map'][last][0]:.1f} | "
            f"{gain:+.1f} ({low:+.1f} to {high:+.1f}) |"
        )
    lines.append("")
    for name, rows in found["sets"].items():
        lines += [f"## {name}", "", f"| strategy | 0 | {' | '.join(str(b) for b in found['budgets'])} |"]
        lines += [f"| --- |{' ---: |' * (1 + len(found['budgets']))}"]
        for strategy, row in rows.items():
            cells = [
                f"{100 * m:.1f} ({100 * low:.1f} to {100 * high:.1f}) [{same:.1f}]"
                for (m, low, high), same in zip(row["map"], row["same"], strict=True)
            ]
            lines.append(f"| {strategy} | {' | '.join(cells)} |")
        lines += ["", f"Against random, at {found['budgets'][-1]} pairs: {verdict(rows)}.", ""]
    return "\n".join([*lines, ""])


def verdict(rows: dict[str, Any]) -> str:
    said = []
    for strategy in ("balanced", "likely", "uncertain"):
        mean, low, high = (100 * value for value in rows[strategy]["over_random"][-1])
        word = "better" if low > 0 else "worse" if high < 0 else "no difference shown"
        said.append(f"{strategy} {mean:+.1f} ({low:+.1f} to {high:+.1f}), {word}")
    return "; ".join(said)


if __name__ == "__main__":
    run(main)
