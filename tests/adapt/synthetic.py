"""Supports whose embeddings are drawn, so that what is in them is known."""

from dataclasses import replace

import numpy as np
import torch

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport, relate_identities, sample_same_size
from vicp.data.support.support import Support

DIM = 32  # of the tiny backbone
SUPPORT = Support(np.arange(5), np.arange(5, 10), np.array([True, False, True, False, True]))


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def nuisance_embeddings(seed: int, num_identities: int, num_photos: int, nuisance: float = 2.0) -> torch.Tensor:
    """Identities in dimensions 8 to 31 and, in 0 to 7, something larger that differs from photo to photo."""
    identity, photo = draw(seed, num_identities, 1, DIM), 0.3 * draw(seed + 1, num_identities, num_photos, DIM)
    identity[..., :8] = 0
    photo[..., :8] *= nuisance / 0.3
    return torch.nn.functional.normalize((identity + photo).flatten(0, 1), dim=1)  # (n, D)


def support_of(
    embeddings: torch.Tensor, identities: np.ndarray, *, num_pairs: int = 32, seed: int = 0
) -> EncodedSupport:
    """A support of these photos whose pixels are noise: only the frozen embeddings say anything."""
    names = [str(identity) for identity in identities]
    groups, relation = relate_identities(names)
    return EncodedSupport(
        category="thing",
        pixels=torch.randint(0, 256, (len(embeddings), 3, 32, 32), dtype=torch.uint8),
        pairs=sample_same_size(names, num_pairs, seed=seed),
        groups=groups,
        relation=relation,
        frozen=embeddings.numpy(),
        latents=None,
        seed=seed,
    )


def pairs_of(*rows: tuple[int, int, bool]) -> Support:
    left, right, same = zip(*rows, strict=True)
    return Support(np.array(left), np.array(right), np.array(same))


def nuisance_support(seed: int, num_identities: int = 16) -> EncodedSupport:
    """Three photos of each identity, as `nuisance_embeddings` draws them."""
    embeddings = nuisance_embeddings(seed, num_identities, 3)
    return support_of(embeddings, np.repeat(np.arange(num_identities), 3), seed=seed)


def with_latents(embedder: Embedder, support: EncodedSupport) -> EncodedSupport:
    """The support as a model with an LLM encodes it."""
    return replace(support, latents=embedder.latents(support.pixels))
