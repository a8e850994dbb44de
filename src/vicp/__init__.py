"""Tell individuals of any category apart from a handful of labelled pairs of photos."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vicp.model.prompt import CategoryPrompt
    from vicp.model.vicp import VICP

__all__ = ["VICP", "CategoryPrompt"]

_HOMES = {"VICP": "vicp.model.vicp", "CategoryPrompt": "vicp.model.prompt"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vicp' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
