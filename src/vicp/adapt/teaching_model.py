"""What teaching takes of a model: all of it in PyTorch, or a frozen backbone alone, which any engine runs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.linear_transform import Floats
from vicp.image_transform import ImageTransform
from vicp.progress import Progress, silent

if TYPE_CHECKING:
    from torch import Tensor

    from vicp.model.qformer import Latents
    from vicp.model.vicp import VICP


@dataclass(frozen=True, eq=False)
class PhotoFeatures:
    """What a model makes of n decoded photos before it sees a label.

    Attributes:
        frozen: Embeddings without a prompt (n, D), L2-normalised.
        pixels: The photos (n, 3, S, S) uint8; None where the model embeds none again.
        latents: What an LLM reads; None for a bare backbone.
    """

    frozen: Floats
    pixels: "Tensor | None" = None
    latents: "Latents | None" = None


class TeachingModel(Protocol):
    """A model that teaches; an `Embedder` is one in PyTorch."""

    @property
    def fingerprint(self) -> str:
        """Of what a prompt belongs to."""
        ...

    @property
    def source(self) -> str | None:
        """What opens the model again; None if unknown."""
        ...

    @property
    def transform(self) -> ImageTransform:
        """How photos become its input."""
        ...

    @property
    def model(self) -> "VICP | None":
        """The VICP model; None where there is no prompt generator."""
        ...

    @property
    def static(self) -> "Tensor | None":
        """Its static prompt tokens, if any."""
        ...

    @property
    def takes_prompts(self) -> bool:
        """Whether photos can be embedded under prompt tokens."""
        ...

    @property
    def skip_bad(self) -> bool:
        """Go on without photos that cannot be used."""
        ...

    @property
    def progress(self) -> Progress:
        """Called after each batch."""
        ...

    def read_photos(self, pixels: "NDArray[np.uint8] | Tensor") -> PhotoFeatures:
        """Return what the model makes of decoded photos (n, 3, S, S)."""
        ...


@dataclass(frozen=True)
class FrozenBackbone:
    """A backbone that embeds photos without a prompt, and no more: enough for metrics in closed form.

    Attributes:
        embed: Returns embeddings (b, D) of decoded photos (b, 3, S, S) uint8.
        fingerprint: As in `TeachingModel`, like the others.
    """

    embed: Callable[[NDArray[np.uint8]], Floats]
    fingerprint: str
    transform: ImageTransform
    source: str | None = None
    batch_size: int = 32
    skip_bad: bool = False
    progress: Progress = field(default=silent)
    model: ClassVar[None] = None
    static: ClassVar[None] = None
    takes_prompts: ClassVar[bool] = False

    def read_photos(self, pixels: "NDArray[np.uint8] | Tensor") -> PhotoFeatures:
        """Return the embeddings of decoded photos (n, 3, S, S)."""
        photos, rows = np.asarray(pixels), []
        for start in range(0, len(photos), self.batch_size):
            rows.append(self.embed(photos[start : start + self.batch_size]))
            self.progress(min(start + self.batch_size, len(photos)), len(photos))
        return PhotoFeatures(np.concatenate(rows))
