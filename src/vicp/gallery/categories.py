"""The categories of a gallery: the prompt of each, and the space that its embeddings lie in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from vicp.adapt.linear_transform import Floats
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import Blend
from vicp.data.records import nearest
from vicp.errors import GalleryError
from vicp.gallery.store.change import Change
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import PROMPTS, SCHEMAS, check_name, embeddings_table
from vicp.io import content_digest
from vicp.runtime.photo_encoder import PhotoEncoder


@dataclass(frozen=True)
class GalleryCategory:
    """How the photos of a category are embedded.

    Attributes:
        category: Its name.
        space: Fingerprint (16 hex digits) of all that its embeddings depend on, as `embedding_space_key` gives it.
        model: Fingerprint of the model.
        method: How the prompt was made; "no prompt" for the plain backbone.
        prompt: None for the plain backbone.
    """

    category: str
    space: str
    model: str
    method: str
    prompt: Prompt | None

    @property
    def table(self) -> str:
        """Return the name of the table of its embeddings."""
        return embeddings_table(self.space)


def gallery_categories(snapshot: Snapshot) -> dict[str, GalleryCategory]:
    """Return the categories by name, sorted.

    Raises:
        GalleryError: The gallery cannot be read.
        PromptError: A prompt is damaged, or an earlier version of this program wrote it.
    """

    def read() -> dict[str, GalleryCategory]:
        rows = sorted(snapshot.read(PROMPTS).to_pylist(), key=lambda row: str(row["category"]))
        return {row["category"]: _category_of(row, snapshot.uri) for row in rows}

    return dict(snapshot.once("categories", [PROMPTS], read))


def find_category(snapshot: Snapshot, name: str) -> GalleryCategory:
    """Return the category of this name.

    Raises:
        GalleryError: There is none.
    """
    categories = gallery_categories(snapshot)
    if name not in categories:
        raise GalleryError(f"{snapshot.uri}: no category {name!r}{nearest(name, list(categories))}")
    return categories[name]


def add_categories(writer: Change, encoder: PhotoEncoder, prompts: Mapping[str, Prompt | None]) -> list[str]:
    """Add the categories that the gallery does not have, and returns their names.

    Args:
        writer: The change to write with.
        encoder: Of the gallery's model.
        prompts: The prompt of each category by its name. None embeds a new category with the plain backbone, and
            leaves the prompt of one that is there as it is.

    Raises:
        GalleryError: A category is there with another prompt, a name that cannot be, or another model.
        PromptError: A prompt belongs to another model.
    """
    uri, categories = writer.snapshot.uri, gallery_categories(writer.snapshot)
    check_model(encoder, str(writer.snapshot.settings["fingerprint"]), uri=uri)
    new_prompts = {}
    for name, prompt in prompts.items():
        space = embedding_space_key(encoder, prompt, name)
        if name not in categories:
            new_prompts[check_name(name, "category")] = prompt
        elif prompt is not None and categories[name].space != space:
            raise GalleryError(
                f"{uri}: the photos of {name!r} are embedded with another prompt ({categories[name].method}, space "
                f"{categories[name].space}; this one is {prompt.recipe}, {space}): `vicp gallery reindex` moves them"
            )
    for name, prompt in new_prompts.items():
        write_prompt(writer, encoder, name, prompt)
    if new_prompts:
        writer.commit(", ".join(f"{name} ({_method(prompt)})" for name, prompt in new_prompts.items()))
    return list(new_prompts)


def write_prompt(writer: Change, encoder: PhotoEncoder, category: str, prompt: Prompt | None) -> None:
    """Write the prompt of a category over the one it had, without a commit."""
    row = {
        "category": category,
        "space": embedding_space_key(encoder, prompt, category),
        "model": encoder.fingerprint,
        "method": _method(prompt),
        "prompt": b"" if prompt is None else prompt.to_bytes(),
        **writer.signature(),
    }
    writer.update(PROMPTS, pa.Table.from_pylist([row], schema=SCHEMAS[PROMPTS]))


def embedding_space_key(encoder: PhotoEncoder, prompt: Prompt | None, category: str) -> str:
    """Return the fingerprint (16 hex digits) of weights, transform and prompt, for the photos of a category.

    Embeddings can be compared if one model, one transform and one prompt made them, and only then.

    Raises:
        PromptError: The prompt belongs to another model.
    """
    pooling = encoder.engine.facts.pooling
    parts = [f"{category}/{encoder.fingerprint}/{pooling}/{encoder.transform.fingerprint}".encode()]
    if prompt is not None:
        encoder.check(prompt)
        weight = prompt.recipe.weight if isinstance(prompt.recipe, Blend) else None
        parts.append(f"{prompt.recipe.features}/{weight}".encode())
        for visual in prompt.feature_sources:
            parts.append(b"/" if visual is None else b"".join(map(_array_bytes, visual.parts)))
        for transform in (prompt.whitening, prompt.emitted_metric):
            if transform is not None:
                parts.append(_array_bytes(transform.mean) + _array_bytes(transform.weight))
    return content_digest(parts).hex()


def check_model(encoder: PhotoEncoder, fingerprint: str, *, uri: str) -> None:
    """Raises `GalleryError` where the gallery's embeddings are of another model than this one."""
    if encoder.fingerprint != fingerprint:
        raise GalleryError(
            f"{uri}: its photos are embedded with model {fingerprint}, this one is {encoder.fingerprint}: use that "
            "model, or move the gallery to this one with `vicp gallery reindex`"
        )


def _category_of(row: dict[str, Any], uri: str) -> GalleryCategory:
    """Return the category that a row of the table of prompts describes."""
    name = row["category"]
    prompt = Prompt.from_bytes(row["prompt"], name=f"{uri}: the prompt of {name!r}") if row["prompt"] else None
    return GalleryCategory(name, row["space"], row["model"], row["method"], prompt)


def _method(prompt: Prompt | None) -> str:
    return "no prompt" if prompt is None else str(prompt.recipe)


def _array_bytes(array: Floats) -> bytes:
    return np.ascontiguousarray(array).tobytes()
