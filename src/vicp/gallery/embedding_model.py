"""The embedding model of a gallery, and the settings from which it is opened again."""

from collections.abc import Mapping
from typing import Any

from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_backbone_embedder, load_model
from vicp.errors import GalleryError


def model_settings(embedder: Embedder) -> dict[str, str | None]:
    """Return the settings that say which model a gallery is of.

    `model` is the name of a VICP model, `backbone` that of a bare backbone; both are None for one without a name.
    """
    is_backbone = embedder.model is None
    return {
        "model": None if is_backbone else embedder.source,
        "backbone": embedder.source if is_backbone else None,
        "fingerprint": embedder.fingerprint,
    }


def open_model(uri: str, settings: Mapping[str, Any]) -> Embedder:
    """Return what embeds the photos of a gallery with these settings.

    Raises:
        GalleryError: They do not name a model.
        WeightsError: It cannot be had.
    """
    if settings["backbone"] is not None:
        return load_backbone_embedder(settings["backbone"])
    if settings["model"] is not None:
        return load_model(settings["model"])
    raise GalleryError(f"{uri}: does not say how its model is opened: give the model")
