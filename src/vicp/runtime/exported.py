"""What an exported model's folder says of it, in `export.json`."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from vicp.errors import WeightsError
from vicp.image_transform import ImageTransform
from vicp.model.loading.model_facts import ModelFacts

EXPORT_NAME = "export.json"
FORMAT = "vicp-export-1"


@dataclass(frozen=True)
class ExportedModel:
    """An exported model: its facts, and its files, relative to the folder.

    Attributes:
        facts: What its embeddings depend on; the graph itself scales and normalises pixels.
        prompt_shape: L, H and d of a prompt's keys and values (L, H, M, d).
        backbone: The graph of photos.
        prompt_states: The graph of prompt tokens.
        metric_head: Directions of the emitted metric; None where the model emits none.
    """

    facts: ModelFacts
    prompt_shape: tuple[int, int, int]
    backbone: str
    prompt_states: str
    metric_head: str | None

    def to_json(self) -> str:
        """Return the content of `export.json`."""
        graphs = asdict(self)
        return json.dumps({"format": FORMAT, **graphs.pop("facts"), **graphs}, indent=2) + "\n"

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
            image = ImageTransform(mean=mean, std=std, **transform)
            facts = {each.name: saved.pop(each.name) for each in fields(ModelFacts) if each.name != "transform"}
            shape = tuple(saved.pop("prompt_shape"))
            return cls(facts=ModelFacts(transform=image, **facts), prompt_shape=shape, **saved)
        except (OSError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise WeightsError(f"{path}: no usable exported model ({error}): `vicp export` makes one") from error
