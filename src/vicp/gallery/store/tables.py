"""The gallery's tables: their columns, keys, and valid names."""

import unicodedata

import pyarrow as pa

from vicp.errors import GalleryError

_LONGEST_NAME = 200

_SIGNATURE = [("author", pa.string()), ("at", pa.timestamp("us", "UTC")), ("reason", pa.string())]

PHOTOS = "photos"
IDENTITIES = "identities"
PAIRS = "pairs"
PROMPTS = "prompts"
ORIGINALS = "originals"
FINGERPRINTS = "fingerprints"
SET_ASIDE = "set_aside"
LABELLED = "same is not null"  # of `pairs`
VIEWPOINTS, CAMERAS = "viewpoints", "cameras"

SCHEMAS: dict[str, pa.Schema] = {
    # `key` is the content hash; `identity` is null where nobody has named the individual; the signature (author,
    # at, reason) is of the name.
    PHOTOS: pa.schema(
        [
            ("number", pa.int64()),
            ("key", pa.string()),
            ("category", pa.string()),
            ("identity", pa.string()),
            ("source", pa.string()),
            ("date", pa.string()),
            ("thumbnail", pa.binary()),
            *_SIGNATURE,
        ]
    ),
    # `merged_into` is what this name became; null while it is in use.
    IDENTITIES: pa.schema(
        [("category", pa.string()), ("identity", pa.string()), ("merged_into", pa.string()), *_SIGNATURE]
    ),
    # `left` and `right` are keys of photos; `same` is null where the author could not tell.
    PAIRS: pa.schema(
        [("left", pa.string()), ("right", pa.string()), ("same", pa.bool_()), ("category", pa.string()), *_SIGNATURE]
    ),
    # `space` names the embeddings in use, `prompt` is the prompt file (empty: the plain backbone).
    PROMPTS: pa.schema(
        [
            ("category", pa.string()),
            ("space", pa.string()),
            ("model", pa.string()),
            ("method", pa.string()),
            ("prompt", pa.large_binary()),
            *_SIGNATURE,
        ]
    ),
    # The photo files themselves, in a table of their own so that a change of names copies none of them.
    ORIGINALS: pa.schema([("number", pa.int64()), ("image", pa.large_binary())]),
    # What the same photo is known by when its bytes differ: `PhotoFingerprint.to_bytes`.
    FINGERPRINTS: pa.schema([("number", pa.int64()), ("fingerprint", pa.binary())]),
    # Photos that nobody can be told on: kept, and left out of what is compared. Galleries made before lack the table.
    SET_ASIDE: pa.schema([("number", pa.int64()), *_SIGNATURE]),
}

OPTIONAL_FACTS = {"viewpoint": VIEWPOINTS, "camera": CAMERAS}
"""The table of each fact that few photos have: the side it shows, and where it was taken. It is made for the first
photo that says so."""

_KEYS = {
    PHOTOS: ["number"],
    IDENTITIES: ["category", "identity"],
    PAIRS: ["left", "right"],
    PROMPTS: ["category"],
    ORIGINALS: ["number"],
    FINGERPRINTS: ["number"],
    SET_ASIDE: ["number"],
}


def key_columns(table: str) -> list[str]:
    """Return the columns that identify a row of this table."""
    return _KEYS.get(table, ["number"])


def fact_schema(column: str) -> pa.Schema:
    """Return the columns of the table of one of OPTIONAL_FACTS; `number` is the photo's."""
    return pa.schema([("number", pa.int64()), (column, pa.string())])


def embeddings_table(space: str) -> str:
    """Return the name of the table of one space: of one category, model, transform and prompt, so of one width."""
    return f"embeddings_{space}"


def is_embeddings(table: str) -> bool:
    """Return whether this is the name of a table of embeddings."""
    return table.startswith("embeddings_")


def embeddings_schema(dim: int) -> pa.Schema:
    """Return the columns of a table of embeddings of this width; `number` is the photo's."""
    return pa.schema([("number", pa.int64()), ("embedding", pa.list_(pa.float32(), dim))])


def check_name(name: str, what: str = "identity") -> str:
    """Return the name, if an identity or a category may have it: whatever people write, and nothing like a path.

    Raises:
        GalleryError: It is empty, too long, has control characters, or climbs out of a folder if taken for a path.
    """
    if not name.strip():
        raise GalleryError(f"an empty {what}: give it a name")
    if len(name) > _LONGEST_NAME:
        raise GalleryError(
            f"{what} {name[:20]!r}... has {len(name)} characters, {_LONGEST_NAME} are allowed: shorten it"
        )
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise GalleryError(f"{what} {name!r} has control characters: give it a name that can be written down")
    parts = name.replace("\\", "/").split("/")
    if name[0] in "/\\" or any(part in (".", "..") for part in parts):
        raise GalleryError(
            f"{what} {name!r} reads like a path out of the gallery: give it a name without '..' or a leading '/'"
        )
    return name
