"""What categories of public sets lend to a category of which little is known: src/vicp/decisions/borrowed.json.

    python -m benchmarks.decisions.borrow TABLE.parquet ... [--model mini] [--seed 0]

Each set is a category, and so is each of its categories that has individuals enough. Of each, supports are drawn, other
photos are searched in them, and one logistic curve is fitted to all of these comparisons.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.decisions.photo_sets import taught_categories
from benchmarks.decisions.support_draws import KIND_OF, SearchDraw, draw_searches
from benchmarks.lib.embedded_sets import EmbeddedSet
from benchmarks.lib.program import ROOT, command_of, run, study_parser
from vicp.decisions.borrowed import BorrowedCategory, SimilarityKind
from vicp.decisions.laplace import Gaussian, logistic_posterior
from vicp.decisions.trials import impostor_scores, log_similarity
from vicp.io import atomic_write

DRAWS = 12
LARGEST = 24  # individuals of a drawn support
RIDGE = Gaussian(np.zeros(3), np.diag([100.0, 100.0, 0.25]))  # of a category's curve
TRIALS = 200.0  # as how many of each kind a category's comparisons count


def main() -> None:
    parser = study_parser(__doc__, "tables", "--seed", out=ROOT / "src" / "vicp" / "decisions" / "borrowed.json")
    parser.add_argument("--model", default="mini", help="whose features the sets are embedded with")
    options = parser.parse_args()
    categories = taught_categories(options.tables, options.model)
    found = {
        "command": command_of(parser, options, "benchmarks.decisions.borrow"),
        "categories": [asdict(row) for row in borrowed_categories(categories, options.model, options.seed)],
    }
    with atomic_write(options.out) as part:
        part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def borrowed_categories(categories: Mapping[str, EmbeddedSet], model: str, seed: int) -> list[BorrowedCategory]:
    """The row of each category under each kind of similarities."""
    rows = []
    for name, photos in categories.items():
        for method, kind in KIND_OF.items():
            num = len(np.unique(photos.identities))
            sizes = sorted({min(size, 3 * num // 4) for size in (6, 12, LARGEST)})
            draws = [
                draw_searches(photos, size, method, (2, 3, 4)[draw % 3], seed + draw, model=model)
                for size in sizes
                for draw in range(DRAWS)
            ]
            kept = [draw for draw in draws if draw is not None]
            if kept:
                rows.append(borrowed_category(photos.name, name, kind, num, kept))
    return rows


def borrowed_category(
    source: str, category: str, kind: SimilarityKind, individuals: int, draws: list[SearchDraw]
) -> BorrowedCategory:
    """The row of one category from its draws."""
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    places = []
    for draw in draws:
        impostors = impostor_scores(draw.held_out, centred=kind == "metric")
        assert impostors is not None
        places.append((impostors.mean, impostors.variance**0.5))
        z = (log_similarity(draw.similarity) - impostors.mean) / impostors.variance**0.5  # (Q, G)
        photos = np.broadcast_to(np.log(draw.photos), z.shape)
        features = np.stack([np.ones(z.shape), z, photos], axis=-1).reshape(-1, 3)
        same = (np.arange(z.shape[1]) == draw.truth[:, None]).ravel()
        parts.append((features, same, np.where(same, 1 / same.sum(), 1 / (~same).sum())))
    features, same, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
    curve = logistic_posterior(features, same, weight * TRIALS / len(draws), RIDGE)
    location, spread = np.mean(places, axis=0)
    numbers: list[Any] = [round(float(value), 4) for value in (location, spread, *curve.mean)]
    return BorrowedCategory(source, category, kind, individuals, *numbers)


if __name__ == "__main__":
    run(main)
