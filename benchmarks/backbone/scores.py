"""Leave-one-out retrieval on labelled photo sets: of a frozen readout, and whitened by same-pairs of other identities.

Every photo is looked up among all others of its set by cosine. For K same-pairs half of the identities give the pairs,
and photos of the other half are looked up among themselves: the mean over draws.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from vicp.adapt.methods.whitening import apply, scatter_of_pairs

SETS = ("lion", "zebra_rapid", "holstein2025", "cattely", "eth80", "household50", "lego_minifig", "grocery")
BURSTS = {"zebra_rapid": 5}  # frames at most so many apart show one encounter
DRAWS, SHRINKAGE = 5, 0.3
COUNTS = ("all", "rank1", "frozen", "pairs16", "pairs64")


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """Photos of a set.

    Attributes:
        pixels: (n, 3, S, S) uint8, squashed to a square.
        identities: (n,) int64, of category and identity.
        frames: Numbers (n,) int64, of which those at most `burst` apart show one encounter.
        burst: 0 where photos have no frames.
    """

    pixels: Tensor
    identities: Tensor
    frames: Tensor
    burst: int = 0

    def encounters(self, rows: Tensor) -> Tensor:
        """Return which photos are not looked up for these (r, n): themselves, and frames of the same encounter."""
        near = torch.zeros(len(rows), len(self.identities), dtype=torch.bool)
        if self.burst:
            near |= (self.frames[rows, None] - self.frames).abs() <= self.burst
        near[torch.arange(len(rows)), rows] = True
        return near


def load_set(path: Path, size: int) -> PhotoSet:
    """Return the photos of a Parquet table of photos."""
    table = pq.read_table(path, columns=["category", "identity", "sequence", "image"]).to_pandas()
    pixels = np.stack([_square(data, size) for data in table["image"]])
    _, identities = np.unique((table["category"] + "/" + table["identity"]).to_numpy(str), return_inverse=True)
    burst = BURSTS.get(path.stem, 0)
    frames = table["sequence"].to_numpy(np.int64) if burst else np.zeros(len(table), dtype=np.int64)
    return PhotoSet(
        torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(identities),
        torch.from_numpy(frames),
        burst,
    )


def _square(data: bytes, size: int) -> np.ndarray:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=2.0))


def retrieval(embeddings: Tensor, photos: PhotoSet, chosen: Tensor) -> tuple[float, float]:
    """Return leave-one-out mAP and rank-1 in percent; a photo without another one of its identity asks nothing.

    Args:
        embeddings: Of the chosen photos (m, D), L2-normalised.
        photos: The whole set.
        chosen: Rows (m,) that are looked up among themselves.
    """
    names, precisions, firsts = photos.identities[chosen], [], []
    for block in torch.arange(len(chosen)).split(512):
        scores = embeddings[block] @ embeddings.T
        hidden = photos.encounters(chosen[block])[:, chosen]
        order = scores.masked_fill(hidden, -torch.inf).argsort(dim=1, descending=True)
        right = ((names[order] == names[block][:, None]) & ~hidden.gather(1, order)).float()
        total = right.sum(dim=1)
        precision = right.cumsum(dim=1) / torch.arange(1, right.shape[1] + 1)
        precisions.append(((precision * right).sum(dim=1) / total.clamp(min=1))[total > 0])
        firsts.append(right[:, 0][total > 0])
    return 100 * torch.cat(precisions).mean().item(), 100 * torch.cat(firsts).mean().item()


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
    embeddings, identities = F.normalize(features.float(), dim=1), photos.identities.numpy()
    found: dict[str, list[float]] = {"frozen": [], "pairs16": [], "pairs64": []}
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        names = rng.permutation(np.unique(identities))
        support = np.isin(identities, names[: len(names) // 2])
        test = torch.from_numpy(np.flatnonzero(~support))
        found["frozen"].append(retrieval(embeddings[test], photos, test)[0])
        for num in (16, 64):
            pairs = same_pairs(identities[support], num, rng)
            left, right = embeddings[torch.from_numpy(np.flatnonzero(support)[pairs.T])]
            same = torch.ones(len(left), dtype=torch.bool)
            metric = scatter_of_pairs(left, right, same).whitening(SHRINKAGE)
            found[f"pairs{num}"].append(retrieval(apply(metric, embeddings[test]), photos, test)[0])
    everything, rank1 = retrieval(embeddings, photos, torch.arange(len(identities)))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    return {name: round(value, 2) for name, value in {"all": everything, "rank1": rank1, **means}.items()}
