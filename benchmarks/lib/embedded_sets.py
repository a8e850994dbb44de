"""Real photo sets as embeddings of a frozen backbone, kept under runs/ so that a model embeds a set once.

python -m benchmarks.lib.embedded_sets TABLE.parquet ...
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.lib.program import run
from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_model
from vicp.data.sources import open_photos
from vicp.runtime.photo_encoder import encoder_of

FOLDER = Path("runs", "embeddings")
MOST_PHOTOS = 20  # of an identity; more would only take time


@dataclass(frozen=True, eq=False)
class EmbeddedSet:
    """A set's photos, in the order of the table.

    Attributes:
        name: of the table.
        embeddings: (n, D) float32, L2-normalised, of the frozen backbone.
        identities: (n,) "category/identity".
        categories: (n,).
        paths: (n,).
    """

    name: str
    embeddings: np.ndarray
    identities: np.ndarray
    categories: np.ndarray
    paths: np.ndarray


def embedded(table: Path, folder: Path = FOLDER, *, model: str = "mini") -> EmbeddedSet:
    """The set's embeddings under a model without a prompt, from the folder or made now."""
    embedder = load_model(model)
    kept = folder / f"{table.stem}-{embedder.fingerprint}.npz"
    if not kept.exists():
        found = _embed(embedder, table)
        folder.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part.npz")
        np.savez_compressed(part, **found)
        part.replace(kept)
    with np.load(kept) as file:
        return EmbeddedSet(table.stem, *(file[name] for name in ("embeddings", "identities", "categories", "paths")))


def _embed(model: Embedder, table: Path) -> dict[str, np.ndarray]:
    photos = open_photos(table)
    rows = photos.select(thinned(np.array(photos.identities)))
    kept, embeddings = encoder_of(model).embed(rows)
    return {
        "embeddings": embeddings,
        "identities": np.array(kept.identities),
        "categories": np.array(kept.frame["category"], dtype=str),
        "paths": np.array(kept.frame["path"], dtype=str),
    }


def thinned(identities: np.ndarray, most: int = MOST_PHOTOS) -> np.ndarray:
    """Positions of at most so many photos of each identity, evenly spaced, ascending."""
    kept = []
    for name in np.unique(identities):
        own = np.flatnonzero(identities == name)
        kept.append(own[np.unique(np.linspace(0, len(own) - 1, min(most, len(own))).round().astype(int))])
    return np.sort(np.concatenate(kept))


def main() -> None:
    for name in sys.argv[1:]:
        print(name, embedded(Path(name)).embeddings.shape)


if __name__ == "__main__":
    run(main)
