"""How often a photo of unknown category finds its own: results/routing.md and .json.

    python -m benchmarks.routing.run TABLE.parquet ... [--draws 3] [--photos 60] [--seed 0]

Categories of the procedural world, and those of real sets, under the packaged `mini`. Half of each category's
individuals teach its prompt, photos of the other half stand in the gallery or are queries.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lib.program import ROOT, at_least, command_of, run, study_parser
from benchmarks.lib.results import write_results
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import encode_support, sample_same_size
from vicp.adapt.fitting import fit
from vicp.adapt.load import load_model
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import GeneratedPrompt, Whitening
from vicp.data.procedural.world import world_table
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.data.sources import open_photos
from vicp.gallery.search.routing import UNKNOWN, category_density, route
from vicp.metrics.bootstrap import bootstrap_interval
from vicp.runtime.cache import EmbeddingCache
from vicp.runtime.photo_encoder import PhotoEncoder

PAIRS = 32
RECIPES = {"generated": GeneratedPrompt(), "metric": Whitening()}
Categories = Mapping[str, PhotoTable]
Shares = dict[str, dict[str, float]]


def main() -> None:
    parser = study_parser(__doc__, "tables", "--draws", "--seed", out=ROOT / "results" / "routing")
    parser.add_argument("--photos", type=int, default=60, help="of a category in the gallery, and half as many queries")
    parser.add_argument("--categories", type=at_least(1), default=6, help="of the procedural world")
    options = parser.parse_args()
    embedder = load_model("mini")
    encoder = PhotoEncoder(embedder, cache=EmbeddingCache(Path("runs", "routing")))  # views are looked at often
    groups = {
        "procedural world": by_category(
            world_table(num_categories=options.categories, seed=derive_seed(options.seed, "routing"))
        )
    }
    groups["real sets"] = {
        f"{table.stem}: {name}": own
        for table in options.tables
        for name, own in by_category(open_photos(table)).items()
    }
    found = {}
    for name, categories in groups.items():
        usable = {key: table for key, table in categories.items() if len(set(table.identities)) >= 8}
        draws = [
            measure(encoder, usable, options.photos, derive_seed(options.seed, draw)) for draw in range(options.draws)
        ]
        found[name] = {"categories": sorted(usable), "chance": 1 / len(usable), "rows": gather(draws)}
    command = command_of(parser, options, "benchmarks.routing.run")
    facts = {"command": command, "pairs": PAIRS, "draws": options.draws, "seed": options.seed, "groups": found}
    write_results(options.out, facts, page(facts))


def by_category(table: PhotoTable) -> dict[str, PhotoTable]:
    return {name: table.of_category(name) for name in table.categories}


def measure(
    encoder: PhotoEncoder, categories: Categories, num_photos: int, seed: int
) -> dict[str, dict[str, list[float]]]:
    """By adaptation, shares of each category's photos: sent right, called unknown, unknown without their own."""
    embedder = encoder.torch_embedder()
    taught = {name: divide(embedder, table, name, num_photos, seed) for name, table in categories.items()}
    rows = {}
    for method in ("null", *RECIPES):
        adaptations = {name: adaptation(embedder, *one[:2], name, method, seed) for name, one in taught.items()}
        default = {n: category_density(embed(encoder, taught[n][2], own)) for n, own in adaptations.items()}
        shares: dict[str, list[float]] = {"right": [], "called_unknown": [], "absent_called_unknown": []}
        for name, one in taught.items():
            queries = {n: embed(encoder, one[3], own) for n, own in adaptations.items()}
            forced = np.array(route(queries, default, allow_unknown=False))
            routed = np.array(route(queries, default))
            without = np.array(route({n: q for n, q in queries.items() if n != name}, default))
            shares["right"].append(float((forced == name).mean()))
            shares["called_unknown"].append(float((routed == UNKNOWN).mean()))
            shares["absent_called_unknown"].append(float((without == UNKNOWN).mean()))
        rows[method] = shares
    return rows


Divided = tuple[PhotoTable, Sequence[str], PhotoTable, PhotoTable]


def divide(embedder: Embedder, table: PhotoTable, name: str, num_photos: int, seed: int) -> Divided:
    """Photos to teach from and their identities, photos of the gallery, and query photos."""
    rng = np.random.default_rng(derive_seed(seed, name))
    identities = np.array(table.identities)
    order = rng.permutation(np.unique(identities))
    teaching = np.flatnonzero(np.isin(identities, order[: len(order) // 2]))
    rest = rng.permutation(np.flatnonzero(np.isin(identities, order[len(order) // 2 :])))
    known = min(num_photos, 2 * len(rest) // 3)
    support = table.select(np.sort(rng.permutation(teaching)[: 2 * num_photos]))
    return support, support.identities, table.select(rest[:known]), table.select(rest[known:][: num_photos // 2])


def adaptation(
    embedder: Embedder, table: PhotoTable, identities: Sequence[str], name: str, method: str, seed: int
) -> Prompt | None:
    if method == "null":
        return None
    pairs = sample_same_size(identities, PAIRS, seed=seed)
    support = encode_support(embedder, table, pairs, category=name, identities=identities, seed=seed)
    return fit(embedder, support, RECIPES[method])


def embed(encoder: PhotoEncoder, table: PhotoTable, own: Prompt | None) -> np.ndarray:
    return encoder.embed(table, own)[1]


def gather(draws: Sequence[dict[str, dict[str, list[float]]]]) -> Shares:
    """Means over categories and draws, with the interval over categories of the share sent right."""
    rows: Shares = {}
    for method in draws[0]:
        by_category = np.array([draw[method]["right"] for draw in draws]).mean(axis=0)
        low, high = bootstrap_interval(by_category, np.arange(len(by_category)), seed=0)
        others = {k: float(np.mean([draw[method][k] for draw in draws])) for k in draws[0][method] if k != "right"}
        rows[method] = {"right": float(by_category.mean()), "low": low, "high": high, **others}
    return rows


def page(facts: Mapping[str, Any]) -> str:
    """The page of these facts."""
    lines = [
        "# A photo of unknown category",
        "",
        f"Written by `{facts['command']}`. A gallery of several categories asks under each category's prompt how near "
        "a photo is to its nearest neighbour there, compared with how near photos of that category are to each other "
        "(`vicp.gallery.search.routing`). `null` does so without prompts. Half of a category's individuals teach its "
        f"prompt by {facts['pairs']} pairs, photos of the others are in the gallery or are queries; {facts['draws']} "
        "such divisions, means over categories, 95 % intervals over categories. `absent`: the share called unknown "
        "when the photo's own category is not in the gallery.",
    ]
    for name, group in facts["groups"].items():
        lines += ["", f"## {name}: {len(group['categories'])} categories, chance {100 * group['chance']:.0f} %", ""]
        lines += [
            "| prompts | right, % | called unknown, % | absent, called unknown, % |",
            "| --- | ---: | ---: | ---: |",
        ]
        for method, row in group["rows"].items():
            right = f"{100 * row['right']:.0f} ({100 * row['low']:.0f} to {100 * row['high']:.0f})"
            unknown = f"{100 * row['called_unknown']:.0f} | {100 * row['absent_called_unknown']:.0f}"
            lines.append(f"| {method} | {right} | {unknown} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    run(main)
