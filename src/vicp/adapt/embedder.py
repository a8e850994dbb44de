"""A model in PyTorch with what stands between a photo and its embedding; for teaching, training and evaluation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.linear_transform import Floats
from vicp.adapt.prompt import Prompt, check_prompt, checked_sources
from vicp.adapt.recipe import MethodOrAuto
from vicp.adapt.teaching_model import PhotoFeatures
from vicp.data.images import normalise
from vicp.data.loading import load_pixels
from vicp.data.photo_check import without
from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message
from vicp.errors import ConfigError, DataError
from vicp.image_transform import ImageTransform
from vicp.model.backbone import Backbone, Pooling, PromptStates
from vicp.model.category_metric import CategoryMetric
from vicp.model.loading.model_facts import ModelFacts
from vicp.model.loading.precision import autocast, choose_precision
from vicp.model.qformer import Latents
from vicp.model.vicp import VICP
from vicp.model.visual_prompt import VisualPrompt
from vicp.progress import Progress, silent


@dataclass(frozen=True)
class Embedder:
    """A backbone with all that stands between a photo file and its embedding; module `load` makes them.

    Attributes:
        backbone: frozen.
        transform: How photos become its input.
        fingerprint: Of what a prompt belongs to, computed once: hashing all weights takes its time.
        model: The VICP model in eval mode whose backbone it is; None for a bare backbone.
        static: Prompt tokens (M, D) or (L, M, D) learned in training for no category in particular, if any.
        batch_size: Photos per forward pass.
        skip_bad: Go on without photos that cannot be used, instead of raising.
        progress: Called after each batch.
        source: What opens the model again: a preset, a folder or a hub name; None if unknown.
    """

    backbone: Backbone
    transform: ImageTransform
    fingerprint: str
    model: VICP | None = None
    static: Tensor | None = None
    batch_size: int = 32
    skip_bad: bool = False
    progress: Progress = field(default=silent)
    source: str | None = None

    @property
    def full_model(self) -> VICP:
        """The VICP model.

        Raises:
            ConfigError: There is only a backbone.
        """
        if self.model is None:
            raise ConfigError(
                "a generated prompt and the in-context verifier need a VICP model, and this is a bare backbone: "
                "give --model, or choose another --adapt"
            )
        return self.model

    def without_progress(self) -> "Embedder":
        """Return the same embedder, which reports no progress."""
        return replace(self, progress=silent)

    @property
    def pooling(self) -> Pooling:
        """Which tokens become the embedding."""
        return self.backbone.pooling

    @property
    def facts(self) -> ModelFacts:
        """What its embeddings depend on, on this machine."""
        return ModelFacts(self.fingerprint, self.is_backbone, self.pooling, self.transform, choose_precision())

    @property
    def is_backbone(self) -> bool:
        """Whether there is no prompt generator."""
        return self.model is None

    @property
    def takes_prompts(self) -> bool:
        """Whether the backbone takes prompt tokens, which those of timm do not."""
        return bool(self.backbone.layers)

    def teaches(self, method: MethodOrAuto) -> bool:
        """Return false: in PyTorch there is more to teach with than frozen embeddings."""
        return False

    def torch_embedder(self) -> "Embedder":
        """Return itself: an engine of another library opens one."""
        return self

    def check(self, prompt: Prompt) -> None:
        """Raise `PromptError` for a prompt that was made for another model, or for something else than a prompt."""
        check_prompt(prompt, self.fingerprint)

    def pixels(self, table: PhotoTable) -> tuple[PhotoTable, Tensor]:
        """Return the table of n photos, all of them unless `skip_bad`, and their pixels (n, 3, S, S) uint8.

        Raises:
            DataError: Photos that cannot be used, all of them listed.
        """
        bad: list[BadPhoto] = []
        blocks = []
        done = 0
        for batch in load_pixels(table, self.transform, batch_size=self.batch_size, bad=bad):
            blocks.append(torch.from_numpy(batch.pixels))
            done += len(batch.indices)
            self.progress(done, len(table))
        if bad and not self.skip_bad:
            raise DataError(bad_photos_message(bad))
        return without(table, bad), torch.cat(blocks)

    def read_photos(self, pixels: NDArray[np.uint8] | Tensor) -> PhotoFeatures:
        """Return what the model makes of n decoded photos (n, 3, S, S) uint8 before it sees a label."""
        photos = torch.as_tensor(pixels)
        latents = None if self.model is None else self.latents(photos)
        return PhotoFeatures(self.embed_pixels(photos).numpy(), photos, latents)

    def latents(self, pixels: Tensor) -> Latents:
        """Return float32 latents of n decoded photos (n, 3, S, S) uint8.

        Raises:
            ConfigError: A bare backbone, which has none.
        """
        model = self.full_model
        with torch.inference_mode(), autocast(choose_precision()):
            blocks = pixels.split(self.batch_size)
            latents = Latents.cat([model.latents(normalise(block, self.transform)) for block in blocks])
        return latents.apply(lambda values: values.float())

    def embed_pixels(self, pixels: Tensor, prompt: Prompt | None = None, *, mirror: bool = False) -> Tensor:
        """Return embeddings (n, D') of decoded photos (n, 3, S, S) uint8, as `embed` makes them.

        Args:
            pixels: The photos.
            prompt: None for the frozen backbone.
            mirror: Each embedding is the mean of f(x) and f(flip x), which is the paper's retrieval protocol; for
                evaluation alone, since nothing else mirrors.

        Raises:
            PromptError: The prompt belongs to another model.
        """
        sources = checked_sources(prompt, self.fingerprint)
        states = self._prompt_states(sources)
        metrics = [None if visual is None else as_tensors(visual.category_metric) for visual in sources]
        blocks: list[list[Tensor]] = [[] for _ in sources]
        with torch.inference_mode(), autocast(choose_precision()):
            for number, block in enumerate(pixels.split(self.batch_size)):
                photos = normalise(block, self.transform)
                photos = torch.cat([photos, photos.flip(-1)]) if mirror else photos  # (b or 2b, 3, S, S)
                for of_source, metric, state in zip(blocks, metrics, states, strict=True):
                    embeddings = self.embed_batch(photos, state, metric)  # (b or 2b, D)
                    summed = embeddings.view(-1, len(block), embeddings.shape[-1]).sum(dim=0)  # (b, D)
                    of_source.append(torch.nn.functional.normalize(summed, dim=-1))
                self.progress(min((number + 1) * self.batch_size, len(pixels)), len(pixels))
        return _project(prompt, [torch.cat(of_source) for of_source in blocks])

    def embed_batch(self, photos: Tensor, states: PromptStates | None, metric: CategoryMetric[Tensor] | None) -> Tensor:
        """Return L2-normalised embeddings (b, D) under a visual prompt: its tokens, and its metric.

        Args:
            photos: (b, 3, S, S), normalised as the backbone takes them.
            states: Keys and values of the prompt's tokens; None for the frozen backbone.
            metric: The prompt's; None where it has none.
        """
        if self.model is None or states is None:
            return self.backbone.embed(photos, states)
        return self.model.embed(photos, states, metric)

    def embedding_function(self, visual: VisualPrompt | None) -> Callable[[NDArray[np.uint8]], Floats]:
        """Return a function from decoded photos (b, 3, S, S) to embeddings (b, D) under a visual prompt."""
        (states,) = self._prompt_states([visual])
        metric = None if visual is None else as_tensors(visual.category_metric)

        def embed(pixels: NDArray[np.uint8]) -> Floats:
            with torch.inference_mode(), autocast(choose_precision()):
                photos = normalise(torch.from_numpy(pixels), self.transform)
                embeddings: Floats = self.embed_batch(photos, states, metric).float().numpy()
            return embeddings

        return embed

    def patches(self, pixels: NDArray[np.uint8]) -> Floats:
        """Return the patch tokens (b, N, D) of decoded photos (b, 3, S, S), without a prompt."""
        with torch.inference_mode():
            photos = normalise(torch.from_numpy(pixels), self.transform)
            patches: Floats = self.backbone.encode(photos).patches.float().numpy()
        return patches

    def _prompt_states(self, sources: Sequence[VisualPrompt | None]) -> list[PromptStates | None]:
        """Return keys and values of each source's prompt, computed once for all photos."""
        with torch.inference_mode():
            return [
                None if visual is None else self.backbone.prompt_states(torch.tensor(visual.tokens))
                for visual in sources
            ]


def as_tensors(metric: CategoryMetric[Floats] | None) -> CategoryMetric[Tensor] | None:
    """Return a prompt's metric as the model takes it."""
    return None if metric is None else metric.map(torch.tensor)


def _project(prompt: Prompt | None, embeddings: Sequence[Tensor]) -> Tensor:
    if prompt is None:
        return embeddings[0]
    return torch.from_numpy(prompt.project([each.numpy() for each in embeddings]))


class HasEmbedder(Protocol):
    """A model that photos are embedded with, such as `vicp.Model`."""

    @property
    def embedder(self) -> Embedder:
        """What embeds photos."""
        ...


def embedder_of(model: Embedder | HasEmbedder) -> Embedder:
    """Return the embedder of a model.

    Raises:
        ConfigError: It is no model.
    """
    embedder = model if isinstance(model, Embedder) else getattr(model, "embedder", None)
    if not isinstance(embedder, Embedder):
        raise ConfigError(f"{model!r} in place of a model: `vicp.load` opens one")
    return embedder
