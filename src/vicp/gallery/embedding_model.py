"""The embedding model of a gallery, and the settings from which it is opened again."""

from collections.abc import Mapping
from typing import Any

from vicp.errors import GalleryError
from vicp.runtime.opening import open_encoder
from vicp.runtime.photo_encoder import PhotoEncoder


def model_settings(encoder: PhotoEncoder) -> dict[str, str | None]:
    """Return the settings that say which model a gallery is of.

    `model` is the name of a VICP model, `backbone` that of a bare backbone; both are None for one without a name.
    """
    source, is_backbone = encoder.engine.source, encoder.engine.facts.is_backbone
    return {
        "model": None if is_backbone else source,
        "backbone": source if is_backbone else None,
        "fingerprint": encoder.fingerprint,
    }


def open_model(uri: str, settings: Mapping[str, Any]) -> PhotoEncoder:
    """Return what embeds the photos of a gallery with these settings.

    Raises:
        GalleryError: They do not name a model.
        WeightsError: It cannot be had.
    """
    if settings["backbone"] is not None:
        return open_encoder(settings["backbone"], kind="backbone")
    if settings["model"] is not None:
        return open_encoder(settings["model"], kind="model")
    raise GalleryError(f"{uri}: does not say how its model is opened: give the model")
