"""What runs a backbone, whichever library does it: decoded photos in, embeddings out, arrays of NumPy."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.linear_transform import Floats
from vicp.adapt.recipe import MethodOrAuto
from vicp.model.loading.model_facts import ModelFacts
from vicp.model.visual_prompt import VisualPrompt

if TYPE_CHECKING:
    from vicp.adapt.embedder import Embedder

EngineName = Literal["auto", "torch", "onnx", "openvino"]
Pixels = NDArray[np.uint8]


@runtime_checkable
class Engine(Protocol):
    """A frozen backbone that runs."""

    @property
    def facts(self) -> ModelFacts:
        """What its embeddings depend on."""
        ...

    @property
    def source(self) -> str | None:
        """What opens the model again: a preset, a folder or a hub name; None if unknown."""
        ...

    def embedding_function(self, visual: VisualPrompt | None) -> Callable[[Pixels], Floats]:
        """Return a function from photos (b, 3, S, S) to L2-normalised embeddings (b, D) under a visual prompt."""
        ...

    def patches(self, pixels: Pixels) -> Floats:
        """Return the patch tokens (b, N, D) of photos (b, 3, S, S), without a prompt."""
        ...

    def teaches(self, method: MethodOrAuto) -> bool:
        """Return whether its frozen embeddings are all that a method takes."""
        ...

    def torch_embedder(self) -> "Embedder":
        """Return the model in PyTorch, which teaches and trains."""
        ...
