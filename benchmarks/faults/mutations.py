"""Damage to a file's bytes, drawn at random: what disks, transfers and other programs make of files."""

import numpy as np

_EXTREMES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)
_HEADER = 512  # bytes at the beginning, where lengths, sizes and types stand
_MOST_CUT = 4096


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Return the bytes after one to four changes; never more than about twice as many."""
    for _ in range(int(rng.integers(1, 5))):
        data = _CHANGES[rng.integers(len(_CHANGES))](data, rng)
    return data


def _set_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Random bytes at random places."""
    changed = bytearray(data)
    for place in rng.integers(0, max(1, len(data)), int(rng.integers(1, 9))) if data else ():
        changed[place] = rng.integers(256)
    return bytes(changed)


def _set_header(data: bytes, rng: np.random.Generator) -> bytes:
    """The least and greatest numbers where a length, a size or a type may stand."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 5))) if data else ():
        place, width = int(rng.integers(0, min(len(data), _HEADER))), int(rng.choice([1, 2, 4]))
        changed[place : place + width] = bytes([int(rng.choice(_EXTREMES))]) * len(changed[place : place + width])
    return bytes(changed)


def _truncate(data: bytes, rng: np.random.Generator) -> bytes:
    """The end missing."""
    return data[: int(rng.integers(0, len(data) + 1))]


def _remove(data: bytes, rng: np.random.Generator) -> bytes:
    """A piece missing."""
    start = int(rng.integers(0, len(data) + 1))
    return data[:start] + data[start + int(rng.integers(1, _MOST_CUT)) :]


def _repeat(data: bytes, rng: np.random.Generator) -> bytes:
    """A piece twice or many times."""
    start, size = int(rng.integers(0, len(data) + 1)), int(rng.integers(1, 64))
    piece = data[start : start + size]
    return data[:start] + piece * int(rng.integers(2, 1 + max(2, min(200, len(data) // size)))) + data[start:]


def _zero(data: bytes, rng: np.random.Generator) -> bytes:
    """A piece of zeros, as a disk gives that lost a block."""
    start = int(rng.integers(0, len(data) + 1))
    piece = data[start : start + int(rng.integers(1, _MOST_CUT))]
    return data[:start] + bytes(len(piece)) + data[start + len(piece) :]


def _append(data: bytes, rng: np.random.Generator) -> bytes:
    """Noise at the end."""
    return data + rng.bytes(int(rng.integers(1, _MOST_CUT)))


def _swap(data: bytes, rng: np.random.Generator) -> bytes:
    """Two pieces in the other order."""
    first, second = sorted(int(place) for place in rng.integers(0, len(data) + 1, 2))
    return data[:first] + data[second:] + data[first:second]


_CHANGES = (_set_bytes, _set_bytes, _set_header, _set_header, _truncate, _remove, _repeat, _zero, _append, _swap)
