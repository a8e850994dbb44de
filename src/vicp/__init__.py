"""Tell individuals of any category apart from a handful of labelled pairs of photos."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vicp.model.vicp import VICP
    from vicp.model.visual_prompt import VisualPrompt

    __version__: str

__all__ = ["VICP", "VisualPrompt", "__version__"]

_HOMES = {"VICP": "vicp.model.vicp", "VisualPrompt": "vicp.model.visual_prompt"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("vicp")
    if name not in _HOMES:
        raise AttributeError(f"module 'vicp' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
