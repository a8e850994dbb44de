"""Leave-one-out retrieval on labelled photo sets: of a frozen readout, and whitened by same-pairs of other identities.

Every photo is looked up among all others of its set by cosine. For K same-pairs half of the identities give the pairs,
and photos of the other half are looked up among themselves: the mean over draws.
"""

import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from vicp.adapt.methods.whitening import scatter_of_pairs
from vicp.data.moments import codes_within
from vicp.metrics import Retrieval, retrieval

SETS = ("lion", "zebra_rapid", "holstein2025", "cattely", "eth80", "household50", "lego_minifig", "grocery")
BURSTS = {"zebra_rapid": 5}  # frames at most so many apart show one encounter
WITH_BURSTS = " with bursts"  # after the name of a set whose frames of one encounter are looked up for each other
DRAWS, SHRINKAGE = 5, 0.3
COUNTS = ("all", "rank1", "frozen", "pairs16", "pairs64")


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """Photos of a set.

    Attributes:
        pixels: (n, 3, S, S) uint8, squashed to a square.
        identities: (n,) int64, of category and identity.
        encounters: (n,) int64: photos of one identity and encounter are not looked up for each other.
    """

    pixels: Tensor
    identities: np.ndarray
    encounters: np.ndarray

    def with_bursts(self) -> "PhotoSet":
        """Return the set with every photo an encounter of its own."""
        return replace(self, encounters=np.arange(len(self.identities)))


def load_set(path: Path, size: int) -> PhotoSet:
    """Return the photos of a Parquet table of photos."""
    table = pq.read_table(path, columns=["category", "identity", "sequence", "image"]).to_pandas()
    pixels = np.stack([_square(data, size) for data in table["image"]])
    _, identities = np.unique((table["category"] + "/" + table["identity"]).to_numpy(str), return_inverse=True)
    encounters = np.arange(len(table))
    if path.stem in BURSTS:
        frames = table["sequence"].str.extract(r"(\d+)$", expand=False).to_numpy(np.int64)
        encounters = codes_within(np.zeros(len(frames), dtype=np.int64), frames, BURSTS[path.stem])
    return PhotoSet(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), identities, encounters)


def _square(data: bytes, size: int) -> np.ndarray:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=2.0))


def leave_one_out(embeddings: Tensor, photos: PhotoSet, rows: np.ndarray) -> Retrieval:
    """Return what the photos of these rows, with embeddings (m, D), find among one another."""
    identities, encounters = photos.identities[rows], photos.encounters[rows]
    return retrieval(
        embeddings,
        embeddings,
        identities,
        identities,
        leave_one_out=True,
        query_groups=encounters,
        gallery_groups=encounters,
        ties="mean",
    )


def same_pairs(identities: np.ndarray, num: int, rng: np.random.Generator) -> np.ndarray:
    """Return pairs (K, 2) of rows of one identity: identities in turn, photos at random, no pair twice."""
    groups = [np.flatnonzero(identities == name) for name in rng.permutation(np.unique(identities))]
    groups = [group for group in groups if len(group) > 1]
    pairs: dict[tuple[int, int], None] = {}
    for turn in range(40 * num):
        if len(pairs) == num:
            break
        a, b = sorted(rng.choice(groups[turn % len(groups)], 2, replace=False).tolist())
        pairs[a, b] = None
    return np.array(list(pairs))


def score(features: Tensor, photos: PhotoSet, *, draws: int = DRAWS) -> dict[str, float]:
    """Return mAP and rank-1 of all photos, and mAP of half of the identities, frozen and by pairs of the others.

    Args:
        features: Readouts (n, D) of the photos.
        photos: The set.
        draws: Of the halves and pairs.
    """
    embeddings, identities = F.normalize(features.float(), dim=1), photos.identities
    found: dict[str, list[float]] = {"frozen": [], "pairs16": [], "pairs64": []}
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        names = rng.permutation(np.unique(identities))
        known = np.isin(identities, names[: len(names) // 2])
        support, test = np.flatnonzero(known), np.flatnonzero(~known)
        found["frozen"].append(leave_one_out(embeddings[test], photos, test).map)
        for num in (16, 64):
            left, right = embeddings[support[same_pairs(identities[support], num, rng).T]]
            same = torch.ones(len(left), dtype=torch.bool)
            metric = scatter_of_pairs(left, right, same).whitening(SHRINKAGE)
            found[f"pairs{num}"].append(
                leave_one_out(torch.from_numpy(metric.apply(embeddings[test].numpy())), photos, test).map
            )
    everything = leave_one_out(embeddings, photos, np.arange(len(identities)))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    return {
        name: round(100 * value, 2)
        for name, value in {"all": everything.map, "rank1": everything.rank1, **means}.items()
    }
