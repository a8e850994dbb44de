"""Which names an identity or a category may have: whatever people write, and nothing that could be taken for a path."""

import unicodedata

from vicp.errors import GalleryError

UNKNOWN = "unknown"  # the category of photos that fit none
_LONGEST = 200


def check_name(name: str, what: str = "identity") -> str:
    """Returns the name.

    Raises:
        GalleryError: it is empty, too long, has control characters, or climbs out of a folder if taken for a path.
    """
    if not name.strip():
        raise GalleryError(f"an empty {what}: give it a name")
    if len(name) > _LONGEST:
        raise GalleryError(f"{what} {name[:20]!r}... has {len(name)} characters, {_LONGEST} are allowed: shorten it")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise GalleryError(f"{what} {name!r} has control characters: give it a name that can be written down")
    parts = name.replace("\\", "/").split("/")
    if name[0] in "/\\" or any(part in (".", "..") for part in parts):
        raise GalleryError(
            f"{what} {name!r} reads like a path out of the gallery: give it a name without '..' or a leading '/'"
        )
    return name
