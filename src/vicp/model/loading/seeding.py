"""PyTorch's global random numbers from a seed, for layers that draw their weights from them."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

_ONE_THREAD = RLock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from `seed` inside the block, and leave the global random state as it was.

    The state is one for the whole process, so threads that draw weights wait for each other: two models built at once
    from one seed are equal.
    """
    with _ONE_THREAD, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
