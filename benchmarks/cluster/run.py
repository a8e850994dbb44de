"""How photos without a name are grouped, and how often a group is right: results/cluster.md and .json.

    python -m benchmarks.cluster.run TABLE.parquet ... [--draws 3] [--photos 600] [--seed 0]

Half of a set's individuals, four photos each, calibrate P(same); photos of the other half are grouped. Each is done
with all photos of these individuals, with four of each, and with a single one of every other individual.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks.decisions.real_sets import RECIPES, adapted, support_of
from benchmarks.lib.embedded_sets import EmbeddedSet, embedded
from benchmarks.lib.program import ROOT, at_least, command_of, run, study_parser
from benchmarks.lib.results import write_results
from vicp.adapt.recipe import Recipe
from vicp.data.seeds import derive_seed
from vicp.decisions.borrowed import SimilarityKind
from vicp.decisions.grouping import Linkage, link_photos, mean_within, same_pair_share
from vicp.decisions.rule import DEFAULT_TARGETS, DecisionRule
from vicp.metrics.reliability import calibration_error

SUPPORT_PHOTOS = 4  # of an individual
LEVEL = 0.5
LINKAGES: tuple[Linkage, ...] = get_args(Linkage)
PRIORS = ("estimated", "even")
Groupings = dict[str, list[dict[str, Any]]]
KINDS: dict[SimilarityKind, Recipe] = {"plain": RECIPES["null"], "metric": RECIPES["metric"]}
SHIPPED = "average, estimated"
PHOTOS_EACH = ("all", "4", "1 or 4")
"""Of the individuals that are grouped; the last are judged by their confidence alone."""


def main() -> None:
    parser = study_parser(__doc__, "tables", "--draws", "--seed", out=ROOT / "results" / "cluster")
    parser.add_argument("--photos", type=at_least(10), default=600, help="grouped at once, at most")
    options = parser.parse_args()
    by_photos = {table.stem: measure(embedded(Path(table)), options) for table in options.tables}
    sets = {name: _joined([one[each] for each in PHOTOS_EACH[:-1]]) for name, one in by_photos.items()}
    rows = _joined(list(sets.values()))
    facts = {
        "command": command_of(parser, options, "benchmarks.cluster.run"),
        "draws": options.draws,
        "photos": options.photos,
        "seed": options.seed,
        "methods": {name: averages([averages(one[name]) for one in sets.values()]) for name in rows},
        "confidence": {name: confidence(found) for name, found in rows.items()},
        "confidence_by_photos": {
            each: confidence([row for one in by_photos.values() for row in one[each][SHIPPED]]) for each in PHOTOS_EACH
        },
        "sets": {name: averages(one[SHIPPED]) | confidence(one[SHIPPED]) for name, one in sets.items()},
    }
    write_results(options.out, facts, page(facts))


def measure(photos: EmbeddedSet, options: Any) -> dict[str, Groupings]:
    """By photos of an individual, then linkage and prior, what every grouping of a set's individuals got."""
    names = [f"{by}, {prior}" for prior in PRIORS for by in LINKAGES]
    found: dict[str, Groupings] = {each: {name: [] for name in names} for each in PHOTOS_EACH}
    identities = np.unique(photos.identities, return_inverse=True)[1]
    for draw in range(options.draws):
        rng = np.random.default_rng(derive_seed(options.seed, "cluster", photos.name, draw))
        order = rng.permutation(identities.max() + 1)
        taught, others = np.split(order, [len(order) // 2])
        support = _some_photos(identities, taught, SUPPORT_PHOTOS, rng)
        for each in PHOTOS_EACH:
            rows = np.sort(rng.permutation(_photos_of(each, identities, others, rng))[: options.photos])
            for kind, recipe in KINDS.items():
                prompt = adapted(support_of(photos, identities, support, draw), recipe)
                assert prompt.held_out is not None
                rule = DecisionRule.fit(prompt.held_out, kind, seed=draw)
                embeddings = prompt.project([photos.embeddings[rows]])
                for name, one in group(rule, embeddings @ embeddings.T, identities[rows]).items():
                    found[each][name].append(one)
    return found


def group(rule: DecisionRule, similarity: np.ndarray, identities: np.ndarray) -> dict[str, dict[str, Any]]:
    """By linkage and prior, the agreement with the identities, and the groups' confidence and purity."""
    even = rule.probability(similarity)
    targets = DEFAULT_TARGETS
    below = rule.new_below(targets.false_new_rate, confidence=targets.confidence)
    different = (similarity < (-2 if below is None else below)) & (even < LEVEL)
    found = {}
    for prior in PRIORS:
        p = even if prior == "even" else rule.probability(similarity, prior=same_pair_share(even))
        for by in LINKAGES:
            labels = link_photos(p, LEVEL, different=different, by=by)
            groups = [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
            many = [rows for rows in groups if len(rows) > 1]
            found[f"{by}, {prior}"] = {
                "ari": float(adjusted_rand_score(identities, labels)),
                "individuals": len(np.unique(identities)),
                "photos": len(identities),
                "groups": len(groups),
                "grouped": sum(map(len, many)) / len(identities),
                "bridges": sum(len(np.unique(identities[rows])) - 1 for rows in groups) / len(np.unique(identities)),
                "confidence": [mean_within(p[np.ix_(rows, rows)]) for rows in many],
                "pure": [len(np.unique(identities[rows])) == 1 for rows in many],
            }
    return found


def averages(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Means over groupings, or over sets."""
    keys = ("ari", "individuals", "photos", "groups", "grouped", "bridges")
    return {key: round(float(np.mean([row[key] for row in rows])), 4) for key in keys}


def confidence(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The confidence stated of all groups, the share that is pure, and the calibration error; empty without groups."""
    stated = np.array([value for row in rows for value in row["confidence"]])
    pure = np.array([value for row in rows for value in row["pure"]], dtype=bool)
    if not len(stated):
        return {}
    found = {
        "num_groups": len(pure),
        "confidence": float(stated.mean()),
        "pure": float(pure.mean()),
        "ece": calibration_error(stated, pure, balanced=False),
    }
    return {key: round(value, 4) for key, value in found.items()}


def page(facts: Mapping[str, Any]) -> str:
    """The page of these facts."""
    lines = [
        "# Grouping photos without a name",
        "",
        f"Written by `{facts['command']}`. Half of a set's individuals, {SUPPORT_PHOTOS} photos each, calibrate "
        "P(same), under no prompt and under a metric; photos of the other half are grouped, all of them (at "
        f"most {facts['photos']}) and {SUPPORT_PHOTOS} of each individual; {facts['draws']} such divisions. Groups are "
        "joined from P(same) 0.5 on, and none holds a pair that `vicp verify` calls different. `even` takes P(same) at "
        "even odds, `estimated` at the share of genuine pairs that the photos themselves suggest "
        "(`vicp.decisions.grouping.same_pair_share`). Means over sets.",
        "",
        "ARI: the adjusted Rand index. Bridges: individuals that share a group with another one, per individual. Pure: "
        "the share of groups of two photos or more that show one individual; confidence: the share that was stated, "
        "the mean P(same) of their pairs; ECE: how far the two are apart, by tenths of the confidence.",
        "",
        "| linkage, prior | ARI | bridges | photos grouped, % | pure, % | confidence, % | ECE |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, row in facts["methods"].items():
        own = facts["confidence"][name]
        lines.append(_line(f"**{name}**" if name == SHIPPED else name, row, own))
    lines += [
        "",
        f"`vicp gallery cluster` uses {SHIPPED}: of the ways that join few individuals by mistake it agrees best with "
        "the identities. Its confidence is the P(same) that `vicp verify` gives the pairs of a group, which does not "
        "count in that neither photo found a likelier partner. How often that makes a group right depends on how many "
        "individuals have a photo to find:",
        "",
        "| photos of an individual | groups | pure, % | confidence, % | ECE |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(_by_photos(each, row) for each, row in facts["confidence_by_photos"].items()),
        "",
        "By set, all photos and 4:",
        "",
        "| set | ARI | bridges | photos grouped, % | pure, % | confidence, % | ECE | individuals | groups |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, row in facts["sets"].items():
        lines.append(f"{_line(name, row, row)} {row['individuals']:.0f} | {row['groups']:.0f} |")
    return "\n".join([*lines, ""])


def _by_photos(each: str, row: Mapping[str, float]) -> str:
    if not row:
        return f"| {each} | 0 | – | – | – |"
    shares = f"{100 * row['pure']:.0f} | {100 * row['confidence']:.0f} | {row['ece']:.3f}"
    return f"| {each} | {row['num_groups']} | {shares} |"


def _line(name: str, row: Mapping[str, float], own: Mapping[str, float]) -> str:
    shares = [f"{100 * own[key]:.0f}" if key in own else "–" for key in ("pure", "confidence")]
    error = f"{own['ece']:.3f}" if "ece" in own else "–"
    cells = [f"{row['ari']:.3f}", f"{row['bridges']:.2f}", f"{100 * row['grouped']:.0f}", *shares, error]
    return f"| {name} | {' | '.join(cells)} |"


def _joined(groupings: Sequence[Groupings]) -> Groupings:
    return {name: [row for one in groupings for row in one[name]] for name in groupings[0]}


def _photos_of(each: str, identities: np.ndarray, names: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of these identities' photos, so many of each."""
    if each != "1 or 4":
        return _some_photos(identities, names, SUPPORT_PHOTOS if each == "4" else len(identities), rng)
    alone, several = np.array_split(rng.permutation(names), 2)
    rows = [_some_photos(identities, alone, 1, rng), _some_photos(identities, several, SUPPORT_PHOTOS, rng)]
    return np.concatenate(rows)


def _some_photos(identities: np.ndarray, names: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of at most so many photos of each of these identities."""
    return np.concatenate([rng.permutation(np.flatnonzero(identities == name))[:most] for name in names])


if __name__ == "__main__":
    run(main)
