"""Work in threads whose results come in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


def map_in_order(items: Iterable[S], work: Callable[[S], T], *, threads: int, ahead: int) -> Iterator[T]:
    """Yield `work(item)` in the order of the items, at most `ahead` of them under way."""
    waiting: deque[Future[T]] = deque()
    upcoming = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="photos")
    try:
        while True:
            waiting.extend(pool.submit(work, item) for item in islice(upcoming, ahead - len(waiting)))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
