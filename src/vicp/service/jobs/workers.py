"""One thread for the model and one for changes, each with a bounded queue: more work is told to come again."""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from vicp.service.problems import BusyError

T = TypeVar("T")
_Task = tuple["Future[Any]", Callable[[], Any]]


class Worker:
    """A thread that does one thing after the other.

    Args:
        name: Of the thread.
        size: How much may wait.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self._tasks: queue.Queue[_Task | None] = queue.Queue(maxsize=size)
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Return how much waits."""
        return self._tasks.qsize()

    def submit(self, task: Callable[[], T]) -> "Future[T]":
        """Return what will hold the result of a task.

        Raises:
            BusyError: Too much waits already, or the worker is stopping.
        """
        future: Future[T] = Future()
        if self._stopped:
            raise BusyError
        try:
            self._tasks.put_nowait((future, task))
        except queue.Full as error:
            raise BusyError from error
        return future

    async def run(self, task: Callable[[], T]) -> T:
        """Return the result of a task when its turn has come and it is done."""
        return await asyncio.wrap_future(self.submit(task))

    def wait_for(self, task: Callable[[], T]) -> T:
        """Return the result of a task, for a job's own thread, which waits until there is room."""
        future: Future[T] = Future()
        self._tasks.put((future, task))
        return future.result()

    def stop(self) -> None:
        """Finish what is being done and what waits, and take no more."""
        self._stopped = True
        self._tasks.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (item := self._tasks.get()) is not None:
            future, task = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(task())
            except BaseException as error:
                future.set_exception(error)
