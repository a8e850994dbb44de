"""What an exported model's folder says of it, in `export.json`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vicp.errors import WeightsError
from vicp.image_transform import ImageTransform

EXPORT_NAME = "export.json"
FORMAT = "vicp-export-1"


@dataclass(frozen=True)
class ExportedModel:
    """An exported model: its files, relative to the folder, and the facts that its embeddings depend on.

    Attributes:
        fingerprint: Of the model, which prompts carry.
        is_backbone: Whether there is no prompt generator.
        pooling: Which tokens become the embedding.
        transform: How photos become its input; the graph itself scales and normalises pixels.
        precision: Of its weights.
        prompt_shape: L, H and d of a prompt's keys and values (L, H, M, d).
        backbone: The graph of photos.
        prompt_states: The graph of prompt tokens.
        metric_head: Directions of the emitted metric; None where the model emits none.
    """

    fingerprint: str
    is_backbone: bool
    pooling: str
    transform: ImageTransform
    precision: str
    prompt_shape: tuple[int, int, int]
    backbone: str
    prompt_states: str
    metric_head: str | None

    def to_json(self) -> str:
        """Return the content of `export.json`."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> "ExportedModel":
        """Return the exported model in a folder.

        Raises:
            WeightsError: There is none, or its description is damaged or of another version.
        """
        path = folder / EXPORT_NAME
        try:
            saved: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if saved.pop("format") != FORMAT:
                raise ValueError(f"another format than {FORMAT}")
            transform = {**saved.pop("transform")}
            mean, std = (tuple(transform.pop(name)) for name in ("mean", "std"))
            shape = tuple(saved.pop("prompt_shape"))
            return cls(transform=ImageTransform(mean=mean, std=std, **transform), prompt_shape=shape, **saved)
        except (OSError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise WeightsError(f"{path}: no usable exported model ({error}): `vicp export` makes one") from error
