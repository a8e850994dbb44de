"""Know photos by their pixels, whatever their bytes: those that a gallery has, and those that nearly are."""

from dataclasses import dataclass

from vicp.data.decoding.decode import PLAIN
from vicp.data.loading import LoadedPhoto
from vicp.data.photos.fingerprints import FingerprintIndex, PhotoFingerprint
from vicp.gallery.contents import photos
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import FINGERPRINTS


@dataclass(frozen=True)
class KnownPhoto:
    """A photo of the gallery, or one that is being enrolled.

    Attributes:
        category: Its category.
        identity: Its name; None without.
        source: Where it came from.
        number: In the gallery; None of one that is being enrolled.
    """

    category: str
    identity: str | None
    source: str
    number: int | None

    @property
    def name(self) -> str:
        """Return category and identity, for people."""
        return f"{self.category}/{self.identity or 'unnamed'}"


class PhotosByPixels:
    """The photos of a gallery and of one enrolment, found by their pixels.

    Args:
        snapshot: The gallery.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._photos: list[KnownPhoto] = []
        self._index = FingerprintIndex()
        if FINGERPRINTS not in snapshot.tables:
            return
        rows = snapshot.read(FINGERPRINTS)
        prints = dict(zip(rows["number"].to_pylist(), rows["fingerprint"].to_pylist(), strict=True))
        frame = photos(snapshot, ("category", "identity", "source"))
        for number, category, identity, source in frame.itertuples(index=False, name=None):
            if number in prints:
                known = KnownPhoto(category, identity if isinstance(identity, str) else None, source, number)
                self.add(PhotoFingerprint.from_bytes(prints[number]), known)

    def add(self, fingerprint: PhotoFingerprint, known: KnownPhoto) -> None:
        """Add a photo."""
        self._index.add(fingerprint)
        self._photos.append(known)

    def equal(self, photo: LoadedPhoto) -> KnownPhoto | None:
        """Return the photo of the same pixels, if there is one."""
        return None if photo.fingerprint is None else self._at(self._index.find_equal(photo.fingerprint))

    def near(self, photo: LoadedPhoto) -> KnownPhoto | None:
        """Return the photo that nearly is this one, if there is one; plain colours are like each other and no photo."""
        if photo.fingerprint is None or PLAIN in photo.remarks:
            return None
        return self._at(self._index.find_near(photo.fingerprint))

    def _at(self, position: int | None) -> KnownPhoto | None:
        return None if position is None else self._photos[position]
