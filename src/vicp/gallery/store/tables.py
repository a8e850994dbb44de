"""The gallery's tables: their columns, and what identifies a row of each."""

import pyarrow as pa

_WHO = [("by", pa.string()), ("at", pa.timestamp("us", "UTC")), ("why", pa.string())]

PHOTOS = "photos"
IDENTITIES = "identities"
PAIRS = "pairs"
PROMPTS = "prompts"
ORIGINALS = "originals"

SCHEMAS: dict[str, pa.Schema] = {
    # `key` is the content hash; `identity` is null where nobody has named the individual; by, at, why are of the name.
    PHOTOS: pa.schema(
        [
            ("number", pa.int64()),
            ("key", pa.string()),
            ("category", pa.string()),
            ("identity", pa.string()),
            ("source", pa.string()),
            ("date", pa.string()),
            ("thumbnail", pa.binary()),
            *_WHO,
        ]
    ),
    # `merged_into` is what this name became; null while it is in use.
    IDENTITIES: pa.schema([("category", pa.string()), ("identity", pa.string()), ("merged_into", pa.string()), *_WHO]),
    # `left` and `right` are keys of photos.
    PAIRS: pa.schema(
        [("left", pa.string()), ("right", pa.string()), ("same", pa.bool_()), ("category", pa.string()), *_WHO]
    ),
    # `space` names the embeddings in use, `prompt` is the prompt file (empty: the plain backbone).
    PROMPTS: pa.schema(
        [
            ("category", pa.string()),
            ("space", pa.string()),
            ("model", pa.string()),
            ("method", pa.string()),
            ("prompt", pa.large_binary()),
            ("calibration", pa.string()),
            *_WHO,
        ]
    ),
    # The photo files themselves, in a table of their own so that a change of names copies none of them.
    ORIGINALS: pa.schema([("number", pa.int64()), ("image", pa.large_binary())]),
}

_KEYS = {
    PHOTOS: ["number"],
    IDENTITIES: ["category", "identity"],
    PAIRS: ["left", "right"],
    PROMPTS: ["category"],
    ORIGINALS: ["number"],
}


def key_columns(table: str) -> list[str]:
    """What identifies a row of this table."""
    return _KEYS.get(table, ["number"])


def embeddings_table(space: str) -> str:
    """The table of the embeddings of one space: of one category, model, transform and prompt, so of one width."""
    return f"embeddings_{space}"


def is_embeddings(table: str) -> bool:
    """Whether this is such a table."""
    return table.startswith("embeddings_")


def embeddings_schema(width: int) -> pa.Schema:
    """Its columns; `number` is the photo's."""
    return pa.schema([("number", pa.int64()), ("embedding", pa.list_(pa.float32(), width))])
