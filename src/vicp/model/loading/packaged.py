"""The checkpoints that ship inside the package, and work offline."""

from pathlib import Path

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
MODELS = ("mini",)
"""With a prompt generator."""
BACKBONES = ("distilled",)
"""Vision transformers alone, as transformers has them."""


def packaged(name: str) -> Path | None:
    """Return the folder of the checkpoint of that name; None where the package has none."""
    return CHECKPOINTS / name if name in (*MODELS, *BACKBONES) else None
