"""A new gallery, with the prompts of its first categories."""

from collections.abc import Sequence

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.gallery.categories import add_categories
from vicp.gallery.store.database import create_gallery


def create_with_prompts(
    embedder: Embedder,
    uri: str,
    prompts: Sequence[Prompt] = (),
    *,
    model: str | None = None,
    backbone: str | None = None,
    keep_photos: bool = True,
    by: str,
    why: str = "",
) -> list[str]:
    """Makes an empty gallery; returns the categories it has.

    Args:
        embedder: what its photos will be embedded with.
        uri: a new or empty folder, or a place in object storage.
        prompts: the prompts of its first categories.
        model: how the model is opened again; None where it is a backbone.
        backbone: likewise.
        keep_photos: keep the photo files, so that they can be embedded anew for ever; thumbnails alone otherwise.
        by: who makes it.
        why: a note for the log.

    Raises:
        GalleryError: there is one already, or the place holds something else or cannot be written.
        PromptError: a prompt belongs to another model.
    """
    for prompt in prompts:
        embedder.check(prompt)
    settings = {
        "model": model,
        "backbone": backbone,
        "fingerprint": embedder.fingerprint,
        "keep_photos": keep_photos,
    }
    create_gallery(uri, settings, by=by, why=why)
    return add_categories(embedder, uri, [(one.category, one) for one in prompts], by=by, why=why)
