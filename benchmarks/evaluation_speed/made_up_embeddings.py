"""Made-up embeddings of the sizes that `evaluate.py` measures: Market-1501's and PetFace's.

Only the shape of the task is theirs: how many photos of how many identities, and how hard it is (mAP about 0.6 at
Market-1501's size, with some identities always found and others hardly ever).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from vicp.data.seeds import derive_seed

SEED = 0
FULL = {"queries": 3368, "identities": 750, "photos": 13115, "distractors": 2798, "width": 384, "pets": 115708}
QUICK = {"queries": 120, "identities": 40, "photos": 500, "distractors": 100, "width": 32, "pets": 600}
DOUBLINGS = (1, 2, 4)
FACTORS, NOISE = 64, 1.75


def write_market(folder: Path, sizes: dict[str, int], times: int = 1) -> int:
    """A gallery `times` as large as Market-1501's, and its queries. Returns the number of gallery rows.

    A larger gallery holds the rows of the smaller, and distractors; each distractor is an identity of its own.
    """
    rng = np.random.default_rng(derive_seed(SEED, "market"))
    people, size = np.arange(sizes["identities"]), sizes["photos"] + sizes["distractors"]
    queries, photos = (
        np.concatenate([people, rng.choice(people, size=sizes[name] - len(people))]) for name in ("queries", "photos")
    )
    distractors = len(people) + np.arange(sizes["distractors"] + (DOUBLINGS[-1] - 1) * size)
    known = rng.permutation(np.concatenate([photos, distractors[: sizes["distractors"]]]))
    more = distractors[sizes["distractors"] :][: (times - 1) * size]
    draw = embedder(len(people) + len(distractors), sizes["width"], rng)
    save(folder, "query", draw(queries), queries)
    save(folder, "gallery", np.concatenate([draw(known), draw(more)]), np.concatenate([known, more]))
    return size * times


def write_petface(folder: Path, sizes: dict[str, int]) -> None:
    """Identities of two to eight photos, in any order."""
    rng = np.random.default_rng(derive_seed(SEED, "petface"))
    counts = rng.integers(2, 9, size=sizes["pets"] // 2)
    identities = rng.permutation(np.repeat(np.arange(len(counts)), counts)[: sizes["pets"]])
    save(folder, "gallery", embedder(int(identities.max()) + 1, sizes["width"], rng)(identities), identities)


def embedder(num_identities: int, width: int, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Embeddings (n, D) of photos of identities (n,): a centre, and noise by how hard identity and photo are.

    Centres lie in few dimensions, as learned features do, so that distractors can look alike.
    """
    mixing = rng.standard_normal((min(FACTORS, width), width), dtype=np.float32)
    centres = rng.standard_normal((num_identities, len(mixing)), dtype=np.float32) @ mixing
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    hard = NOISE * rng.lognormal(sigma=0.4, size=num_identities)

    def draw(identities: np.ndarray) -> np.ndarray:
        rows = rng.standard_normal((len(identities), width), dtype=np.float32) / np.float32(np.sqrt(width))
        rows *= (hard[identities] * rng.lognormal(sigma=0.35, size=len(identities))).astype(np.float32)[:, None]
        rows += centres[identities]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    return draw


def save(folder: Path, side: str, embeddings: np.ndarray, identities: np.ndarray) -> None:
    np.save(folder / f"{side}.npy", embeddings)
    np.save(folder / f"{side}_ids.npy", identities.astype(np.int64))
