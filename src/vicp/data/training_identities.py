"""Which individuals and photos a checkpoint was trained on: hashes in its folder, so that no evaluation looks them up.

A hash is 8 bytes of BLAKE2b: of an individual's category and name, and of a photo's file. Names alone miss individuals
that were renamed, and files alone miss an individual's other photos, so either is enough to know an individual again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from vicp.data.photo_check import Hashes, photo_hashes
from vicp.data.records import PhotoTable
from vicp.errors import WeightsError
from vicp.io import atomic_write, content_hash

NAME = "training_identities.safetensors"


@dataclass(frozen=True, eq=False)
class TrainingIdentities:
    """The individuals and photos that a checkpoint was trained on.

    Attributes:
        identities: (n,) hashes of "category/identity", ascending.
        photos: (m,) hashes of the encoded photos, ascending.
    """

    identities: Hashes
    photos: Hashes

    @classmethod
    def of(cls, tables: Sequence[PhotoTable]) -> "TrainingIdentities":
        """Return those of these tables, every photo of which is read once; photos that cannot be read are left out."""
        names = {name for table in tables for name in table.identities}
        photos = {int(one) for table in tables for one in photo_hashes(table).tolist()} - {0}
        return cls(_sorted([content_hash(name.encode()) for name in names]), _sorted(photos))

    @classmethod
    def load(cls, folder: Path) -> "TrainingIdentities | None":
        """Return those of the checkpoint in a folder; None where it carries none.

        Raises:
            WeightsError: The file is damaged.
        """
        path = folder / NAME
        if not path.is_file():
            return None
        try:
            arrays = load_file(path)
            return cls(arrays["identities"], arrays["photos"])
        except (OSError, SafetensorError, KeyError) as error:
            raise WeightsError(f"{path}: damaged ({error}); fetch or train the checkpoint again") from error

    def save(self, folder: Path) -> None:
        """Write them into a checkpoint's folder.

        Raises:
            WeightsError: They cannot be written.
        """
        try:
            with atomic_write(folder / NAME) as part:
                part.write_bytes(save({"identities": self.identities, "photos": self.photos}))
        except OSError as error:
            raise WeightsError(f"{folder / NAME}: cannot be written ({error.strerror}): make room") from error

    def joined(self, other: "TrainingIdentities") -> "TrainingIdentities":
        """Return those of both."""
        return TrainingIdentities(np.union1d(self.identities, other.identities), np.union1d(self.photos, other.photos))

    def rows_in(self, table: PhotoTable, photos: Hashes) -> NDArray[np.bool_]:
        """Return which photos (n,) of a table are of individuals that were trained on, by name or by any photo.

        Args:
            table: n photos.
            photos: Of `photo_hashes` for the table.
        """
        names = np.array(table.identities, dtype=object)
        _, codes = np.unique(names, return_inverse=True)
        trained = np.isin(photos, self.photos) | np.isin(_hashes_of(names), self.identities)
        return np.isin(codes, codes[trained])


def _hashes_of(names: NDArray[np.object_]) -> Hashes:
    """Return the hash of every name (n,), each name hashed once."""
    hash_of = {name: content_hash(name.encode()) for name in set(names)}
    return np.array([hash_of[name] for name in names], dtype=np.uint64)


def _sorted(values: "set[int] | list[int]") -> Hashes:
    return np.array(sorted(values), dtype=np.uint64)
