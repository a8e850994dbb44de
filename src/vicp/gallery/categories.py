"""Categories of a gallery and the prompt of each: adding one, and refusing to mix two."""

from collections.abc import Sequence

import pyarrow as pa

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.errors import GalleryError
from vicp.gallery.contents import gallery_categories, signed
from vicp.gallery.embedding_space import check_model, embedding_space_key, prompt_bytes
from vicp.gallery.store.change import Change
from vicp.gallery.store.database import change
from vicp.gallery.store.names import check_name
from vicp.gallery.store.tables import PROMPTS, SCHEMAS


def add_categories(
    embedder: Embedder,
    uri: str,
    wanted: Sequence[tuple[str, Prompt | None]],
    *,
    by: str,
    why: str = "",
    wait: bool = False,
) -> list[str]:
    """Adds the categories that the gallery does not have; returns their names.

    A category that is there keeps its prompt, and None asks for no other.

    Raises:
        GalleryError: a category is there with another prompt, or the gallery is of another model.
        PromptError: a prompt belongs to another model.
    """
    with change(uri, "categories", by=by, why=why, wait=wait) as writer:
        known = gallery_categories(writer.snapshot)
        check_model(embedder, str(writer.snapshot.settings["fingerprint"]), uri=uri)
        fresh = []
        for name, prompt in wanted:
            space = embedding_space_key(embedder, prompt, name)
            if name not in known:
                fresh.append((check_name(name, "category"), prompt))
            elif prompt is not None and known[name].space != space:
                raise GalleryError(
                    f"{uri}: the photos of {name!r} are embedded with another prompt ({known[name].method}, space "
                    f"{known[name].space}; this one is {prompt.recipe}, {space}): `vicp gallery reindex` moves them"
                )
        if fresh:
            for name, prompt in fresh:
                write_prompt(writer, embedder, name, prompt)
            writer.commit(", ".join(f"{name} ({_method(prompt)})" for name, prompt in fresh))
    return [name for name, _ in fresh]


def write_prompt(writer: Change, embedder: Embedder, category: str, prompt: Prompt | None) -> None:
    """Writes a category's prompt, without calibration: an old one would not fit it."""
    row = {
        "category": category,
        "space": embedding_space_key(embedder, prompt, category),
        "model": embedder.fingerprint,
        "method": _method(prompt),
        "prompt": prompt_bytes(prompt),
        "calibration": "",
        **signed(writer),
    }
    writer.update(PROMPTS, pa.Table.from_pylist([row], schema=SCHEMAS[PROMPTS]))


def _method(prompt: Prompt | None) -> str:
    return "no prompt" if prompt is None else str(prompt.recipe)
