"""How many of the pairs that look mislabelled are: results/mislabels.md and .json.

    python -m benchmarks.mislabels.run TABLE.parquet ... [--draws 3] [--seed 0]

One pair in sixteen of a support gets the wrong label. Two judges name the pairs whose label looks wrong: the LLM, which
predicts each label from the other folds' pairs, and P(same) by the similarity of the photos, calibrated on the support
as it is labelled. Precision: the share of the named pairs that are mislabelled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.lib.embedded_sets import thinned
from benchmarks.lib.program import ROOT, command_of, run, study_parser
from benchmarks.lib.results import write_results
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import pairs_within, photos_of_pairs, relate_pairs, sample_same_size
from vicp.adapt.in_context import predict_labels
from vicp.adapt.load import load_model
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.data.sources import open_photos
from vicp.decisions.held_out import HeldOut
from vicp.decisions.rule import DecisionRule
from vicp.errors import DataError

PAIRS, ONE_IN = 64, 16
LEVELS = (0.1, 0.05, 0.02, 0.01)  # of the probability of the label given, below which a pair is named
JUDGES = ("llm", "similarity")
WORTH = 0.5  # the precision from which teach may list pairs


def main() -> None:
    parser = study_parser(__doc__, "tables", "--draws", "--seed", out=ROOT / "results" / "mislabels")
    options = parser.parse_args()
    embedder = load_model("mini")
    found: dict[str, dict[str, dict[str, list[int]]]] = {}
    for table in options.tables:
        photos = open_photos(table)
        for category in photos.categories:
            of_category = photos.of_category(category)
            if len(set(of_category.identities)) >= 8:
                kept = of_category.select(thinned(np.array(of_category.identities)))
                found[f"{table.stem}: {category}"] = measure(embedder, kept, options.draws, options.seed)
    facts = {
        "command": command_of(parser, options, "benchmarks.mislabels.run"),
        "pairs": PAIRS,
        "one_in": ONE_IN,
        "draws": options.draws,
        "seed": options.seed,
        "judges": {judge: pooled([one[judge] for one in found.values()]) for judge in JUDGES},
        "categories": {name: {judge: pooled([one[judge]]) for judge in JUDGES} for name, one in found.items()},
    }
    write_results(options.out, facts, page(facts))


def measure(embedder: Embedder, table: PhotoTable, draws: int, seed: int) -> dict[str, dict[str, list[int]]]:
    """By judge and level, how many pairs were named and how many of them are mislabelled; and how many there were."""
    counts = {judge: {str(level): [0, 0] for level in LEVELS} | {"mislabelled": [0, 0]} for judge in JUDGES}
    for draw in range(draws):
        seed_of_draw = derive_seed(seed, "mislabels", draw)
        pairs = sample_same_size(table.identities, PAIRS, seed=seed_of_draw)
        rows = photos_of_pairs(pairs)
        pairs = pairs_within(pairs, rows)
        wrong = np.zeros(len(pairs), dtype=bool)
        wrong[np.random.default_rng(seed_of_draw).permutation(len(pairs))[: max(1, len(pairs) // ONE_IN)]] = True
        given = replace(pairs, same=pairs.same ^ wrong)
        _, pixels = embedder.pixels(table.select(rows))
        try:
            groups, relation = relate_pairs(given, [str(row) for row in rows])
        except DataError:  # the wrong labels contradict others, which teach refuses by itself
            continue
        prediction = predict_labels(embedder.full_model, embedder.latents(pixels), given, seed=seed_of_draw)
        assert prediction is not None
        embeddings = embedder.embed_pixels(pixels).double().numpy()
        similarity = embeddings @ embeddings.T
        rule = DecisionRule.fit(HeldOut.of(similarity, groups, relation))
        judged = {
            "llm": prediction.probability if prediction.labels_predictable else None,
            "similarity": rule.probability(similarity[given.left, given.right]),
        }
        for judge, probability in judged.items():
            counts[judge]["mislabelled"][1] += int(wrong.sum())
            if probability is None:
                continue
            of_given = np.where(given.same, probability, 1 - probability)
            for level in LEVELS:
                named = of_given < level
                counts[judge][str(level)][0] += int(named.sum())
                counts[judge][str(level)][1] += int((named & wrong).sum())
    return counts


def pooled(counts: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, Any]:
    """By level, how many pairs were named, the share that is mislabelled, and that of mislabels that were named."""
    num_wrong = sum(one["mislabelled"][1] for one in counts)
    rows: dict[str, Any] = {"mislabelled": num_wrong}
    for level in map(str, LEVELS):
        named, right = (sum(one[level][side] for one in counts) for side in (0, 1))
        rows[level] = {
            "named": named,
            "precision": round(right / named, 4) if named else None,
            "recall": round(right / num_wrong, 4),
        }
    return rows


def page(facts: Mapping[str, Any]) -> str:
    """The page of these facts."""
    lines = [
        "# Pairs that look mislabelled",
        "",
        f"Written by `{facts['command']}`. {facts['pairs']} pairs of a category, one in {facts['one_in']} with the "
        f"wrong label, draws of each category: {facts['draws']}, categories: {len(facts['categories'])}. A judge names "
        "the pairs whose label has a lower probability than the level: the LLM by the other pairs in its context "
        "(where it predicts labels better than the majority), or the calibrated similarity of the "
        "two photos. Precision: the "
        "share of the named pairs that are mislabelled; recall: the share of the mislabelled pairs that are named.",
        "",
        "| judge | level | pairs named | precision, % | recall, % |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for judge, rows in facts["judges"].items():
        for level in map(str, LEVELS):
            row = rows[level]
            precision = "–" if row["precision"] is None else f"{100 * row['precision']:.0f}"
            lines.append(f"| {judge} | {level} | {row['named']} | {precision} | {100 * row['recall']:.0f} |")
    best = max(rows[str(level)]["precision"] or 0 for rows in facts["judges"].values() for level in LEVELS)
    verdict = (
        f"No judge reaches a precision of {100 * WORTH:.0f} %, so `vicp teach` lists no pairs to look at again."
        if best < WORTH
        else f"A precision of {100 * WORTH:.0f} % is reached, so `vicp teach` may list pairs to look at again."
    )
    return "\n".join([*lines, "", verdict, ""])


if __name__ == "__main__":
    run(main)
