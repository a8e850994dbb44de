"""An exported backbone that runs without PyTorch: a small part of its memory and of its time to start."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError

from vicp.adapt.linear_transform import Floats
from vicp.adapt.prompt import STATIC_NAME
from vicp.adapt.recipe import MethodOrAuto
from vicp.errors import ConfigError, WeightsError
from vicp.model.loading.model_facts import ModelFacts
from vicp.model.visual_prompt import VisualPrompt
from vicp.runtime.engine import Pixels
from vicp.runtime.exported import ExportedModel
from vicp.runtime.metric_directions import MetricDirections
from vicp.runtime.sessions import Array, Runtime, Session, open_session

if TYPE_CHECKING:
    from vicp.adapt.embedder import Embedder

_LINEAR: tuple[MethodOrAuto, ...] = ("null", "metric")  # methods that take frozen embeddings alone


@dataclass(frozen=True)
class ExportedEngine:
    """An exported model; its graphs are opened when they are first needed.

    Attributes:
        folder: Holds the export.
        exported: What `export.json` says.
        source: What opens the model again.
        runtime: The library that runs the graphs.
        is_named: Somebody chose the runtime by name.
    """

    folder: Path
    exported: ExportedModel
    source: str | None = None
    runtime: Runtime = "onnx"
    is_named: bool = False

    @property
    def facts(self) -> ModelFacts:
        """What its embeddings depend on."""
        return self.exported.facts

    def embedding_function(self, visual: VisualPrompt | None) -> Callable[[Pixels], Floats]:
        """Return a function from photos (b, 3, S, S) to L2-normalised embeddings (b, D) under a visual prompt.

        Raises:
            WeightsError: A file of the export is missing or damaged.
        """
        keys, values = self._no_prompt if visual is None else self._states(visual.tokens)
        metric = None if visual is None else visual.category_metric

        def embed(pixels: Pixels) -> Floats:
            inputs: dict[str, Array] = {"pixels": pixels, "prompt_keys": keys, "prompt_values": values}
            embeddings: Floats = self._backbone.run(["photo_embedding"], inputs)[0]
            if metric is None or self._directions is None:
                return embeddings
            return self._directions.embed(embeddings, metric)

        return embed

    def patches(self, pixels: Pixels) -> Floats:
        """Return the patch tokens (b, N, D) of photos (b, 3, S, S), without a prompt."""
        keys, values = self._no_prompt
        inputs: dict[str, Array] = {"pixels": pixels, "prompt_keys": keys, "prompt_values": values}
        patches: Floats = self._backbone.run(["patch_tokens"], inputs)[0]
        return patches

    def teaches(self, method: MethodOrAuto) -> bool:
        """Return whether its frozen embeddings are all that a method takes, as far as PyTorch is not to be had."""
        if find_spec("torch") is None:
            return method in (*_LINEAR, "auto")
        is_bare = self.facts.is_backbone and not (self.folder / STATIC_NAME).is_file()
        return method in _LINEAR and (self.is_named or is_bare)

    def torch_embedder(self) -> "Embedder":
        """Return the model in PyTorch.

        Raises:
            ConfigError: The folder holds the export alone, or PyTorch is not installed.
        """
        if find_spec("torch") is None:
            raise ConfigError("PyTorch is not installed, without which --adapt metric and null alone can teach")
        from vicp.adapt.checkpoints import open_embedder
        from vicp.model.loading.checkpoint import CONFIG_NAME

        if not (self.folder / CONFIG_NAME).is_file():
            raise ConfigError(f"{self.folder}: an exported model cannot teach; give the checkpoint it was made of")
        return open_embedder(self.source or str(self.folder))

    @property
    def _no_prompt(self) -> tuple[Floats, Floats]:
        layers, heads, width = self.exported.prompt_shape
        nothing = np.zeros((layers, heads, 0, width), dtype=np.float32)
        return nothing, nothing

    def _states(self, tokens: Floats) -> tuple[Floats, Floats]:
        """Return the keys and values (L, H, M, d) of prompt tokens (M, D) or (L, M, D)."""
        num_layers = self.exported.prompt_shape[0]
        per_layer = np.broadcast_to(tokens, (num_layers, *tokens.shape[-2:])).astype(np.float32)
        session = self._open(self.exported.prompt_states)
        keys, values = session.run(["prompt_keys", "prompt_values"], {"tokens": np.ascontiguousarray(per_layer)})
        return keys, values

    @cached_property
    def _backbone(self) -> Session:
        return self._open(self.exported.backbone)

    @cached_property
    def _directions(self) -> MetricDirections | None:
        if self.exported.metric_head is None:
            return None
        path = self.folder / self.exported.metric_head
        try:
            return MetricDirections.load(path)
        except (OSError, TypeError, SafetensorError) as error:
            raise WeightsError(f"{path}: missing or damaged ({error}): `vicp export` makes it again") from error

    def _open(self, name: str) -> Session:
        return open_session(self.folder / name, self.runtime)

    def __reduce__(self) -> tuple[type["ExportedEngine"], tuple[Path, ExportedModel, str | None, Runtime, bool]]:
        """Return what opens it again in another process: sessions stay in theirs."""
        return ExportedEngine, (self.folder, self.exported, self.source, self.runtime, self.is_named)
