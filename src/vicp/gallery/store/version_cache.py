"""Values that are computed from tables, kept as long as the tables are at the versions that they were computed from."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

T = TypeVar("T")
_KEPT_VALUES = 64


@dataclass(eq=False)
class _Slot:
    """One value, of the newest version that was asked for."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    version: Hashable = field(default_factory=object)
    value: Any = None


class VersionCache:
    """The values of one gallery; threads that want the same value wait for the one that computes it."""

    def __init__(self) -> None:
        self._slots: OrderedDict[Hashable, _Slot] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, version: Hashable, make: Callable[[], T]) -> T:
        """Return the value of a key at a version; what it was at another version is forgotten."""
        slot = self._slot(key)
        with slot.lock:
            if slot.version != version:
                slot.value, slot.version = make(), version
            return cast(T, slot.value)

    def put(self, key: Hashable, version: Hashable, value: object) -> None:
        """Keep a value that is known without computing it."""
        slot = self._slot(key)
        with slot.lock:
            slot.value, slot.version = value, version

    def _slot(self, key: Hashable) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > _KEPT_VALUES:
                self._slots.popitem(last=False)
            return slot
