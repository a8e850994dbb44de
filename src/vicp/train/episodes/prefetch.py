"""The next step's batches, made while this one runs."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def prefetch(make: Callable[[int], T], start: int, stop: int) -> Iterator[tuple[int, T]]:
    """Yield (step, make(step)) for the steps from `start` to `stop`, one being made ahead in a thread.

    Calls come one after another and in order, so what they write is the same as without the thread.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        upcoming = pool.submit(make, start) if start < stop else None
        try:
            for step in range(start, stop):
                assert upcoming is not None
                made = upcoming.result()
                upcoming = pool.submit(make, step + 1) if step + 1 < stop else None
                yield step, made
        finally:
            if upcoming is not None:
                upcoming.cancel()
