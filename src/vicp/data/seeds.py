"""Seeds and generators derived from named parts, so that no two purposes share a random stream."""

from typing import TYPE_CHECKING

from vicp.io import content_digest

if TYPE_CHECKING:
    import torch


def derive_seed(*parts: int | str) -> int:
    """Return a 63-bit seed that depends on every part, its type and its position.

    Args:
        *parts: What the stream is for, for example `derive_seed(seed, "episodes", epoch)`.

    Returns:
        An integer in [0, 2**63).
    """
    digest = content_digest(repr(parts).encode())
    return int.from_bytes(digest, "big") >> 1


def generator(*parts: int | str) -> "torch.Generator":
    """Return a CPU generator seeded with `derive_seed(*parts)`."""
    import torch

    return torch.Generator().manual_seed(derive_seed(*parts))
