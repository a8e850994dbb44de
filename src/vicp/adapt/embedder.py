"""Photos in, embeddings out: decode, batch, embed, cache."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.cache import EmbeddingCache
from vicp.adapt.cached_features import CachedFeatures, missing_positions
from vicp.adapt.prompt import Prompt
from vicp.data.fingerprints import PhotoFingerprint
from vicp.data.images import normalise
from vicp.data.loading import LoadedPhoto, load_photos, load_pixels
from vicp.data.photo_check import check_and_load, without
from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message
from vicp.errors import ConfigError, DataError, PromptError
from vicp.image_transform import ImageTransform
from vicp.model.backbone import Backbone, PromptStates
from vicp.model.precision import autocast, choose_precision
from vicp.model.qformer import Latents
from vicp.model.vicp import VICP
from vicp.model.visual_prompt import VisualPrompt, digest
from vicp.progress import Progress


def _silent(done: int, total: int) -> None:
    pass


@dataclass(frozen=True, eq=False)
class CheckedPhotos:
    """Photos that were read and decoded once.

    Attributes:
        table: Those that can be used (n).
        pixels: (3, S, S) uint8 by their number in the column `row`, of those that were wanted.
        fingerprints: Of all of them (n).
    """

    table: PhotoTable
    pixels: dict[int, Tensor]
    fingerprints: list[PhotoFingerprint]


@dataclass(frozen=True)
class Embedder:
    """A backbone with all that stands between a photo file and its embedding; module `load` makes them.

    Attributes:
        backbone: frozen.
        transform: How photos become its input.
        fingerprint: Of what a prompt belongs to, computed once: hashing all weights takes its time.
        model: The VICP model in eval mode whose backbone it is; None for a bare backbone.
        static: Prompt tokens (M, D) or (L, M, D) learned in training for no category in particular, if any.
        cache: None computes every embedding anew.
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
    cache: EmbeddingCache | None = None
    batch_size: int = 32
    skip_bad: bool = False
    progress: Progress = field(default=_silent)
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
        return replace(self, progress=_silent)

    def check(self, prompt: Prompt) -> None:
        """Raise `PromptError` for a prompt that was made for another model, or for something else than a prompt."""
        if not isinstance(prompt, Prompt):
            raise PromptError(f"a {type(prompt).__name__} in place of a prompt: `vicp.Prompt.load` reads a file of one")
        if prompt.fingerprint != self.fingerprint:
            raise PromptError(
                f"the prompt for '{prompt.category}' belongs to model {prompt.fingerprint}, this one is "
                f"{self.fingerprint}: use that model, or teach the category again"
            )

    def embed(self, table: PhotoTable, prompt: Prompt | None = None) -> tuple[PhotoTable, Tensor]:
        """Return the table of n photos, all of them unless `skip_bad`, and their embeddings (n, D').

        The cache holds embeddings before the prompt's metric.

        Raises:
            DataError: Photos that cannot be used, all of them listed.
            PromptError: The prompt belongs to another model.
        """
        table, (embeddings,) = self.embed_under(table, [prompt])
        return table, embeddings

    def embed_under(self, table: PhotoTable, prompts: Sequence[Prompt | None]) -> tuple[PhotoTable, list[Tensor]]:
        """Return the photos that `embed` would, and their embeddings (n, D') under each prompt; a photo is read once.

        Raises:
            DataError: Photos that cannot be used, all of them listed.
            PromptError: A prompt belongs to another model.
        """
        sources = [self._feature_sources(prompt) for prompt in prompts]
        by_source = {id(source): source for of_prompt in sources for source in of_prompt}  # each is computed once
        computed = dict(zip(by_source, self._features(list(by_source.values())), strict=True))
        by_prompt = [[computed[id(source)] for source in of_prompt] for of_prompt in sources]
        features = list(computed.values())

        def is_missing(indices: Sequence[int], keys: Sequence[bytes]) -> list[bool]:
            for each in features:
                each.find(indices, keys)
            missing = set(missing_positions(indices, features))
            return [index in missing for index in indices]

        bad: list[BadPhoto] = []
        wanted = None if self.cache is None else is_missing
        photos = load_photos(table, self.transform, wanted=wanted, ahead=2 * self.batch_size, bad=bad)
        decoded = (photo for photo in photos if photo.pixels is not None)
        while batch := list(islice(decoded, self.batch_size)):
            for each in features:
                each.compute([photo.index for photo in batch], batch)
            self.progress(batch[-1].index + 1, len(table))
        kept = self._without(table, bad)
        return kept, [
            _project(prompt, [each.stacked() for each in of_prompt])
            for prompt, of_prompt in zip(prompts, by_prompt, strict=True)
        ]

    def check_and_load(self, table: PhotoTable, indices: Sequence[int] | np.ndarray) -> CheckedPhotos:
        """Return the photos that can be used, each tried once, and the pixels of some of them.

        Args:
            table: The photos.
            indices: Those whose pixels are returned.

        Raises:
            DataError: Photos that cannot be used, all of them listed, unless `skip_bad`.
        """
        bad: list[BadPhoto] = []
        made: dict[int, PhotoFingerprint] = {}
        loaded = check_and_load(
            table, self.transform, indices=indices, progress=self.progress, fingerprints=made, bad=bad
        )
        pixels = {int(table.frame["row"].iloc[index]): photo for index, photo in loaded.items()}
        return CheckedPhotos(self._without(table, bad), pixels, [made[index] for index in sorted(made)])

    def embed_loaded(self, photos: Sequence[LoadedPhoto], prompt: Prompt | None = None) -> Tensor:
        """Return embeddings (n, D') of decoded photos, as `embed` makes them.

        Raises:
            PromptError: The prompt belongs to another model.
        """
        features, positions = self._features(self._feature_sources(prompt)), range(len(photos))
        for each in features:
            each.find(positions, [photo.key for photo in photos])
        missing = missing_positions(positions, features)
        for start in range(0, len(missing), self.batch_size):
            batch = missing[start : start + self.batch_size]
            for each in features:
                each.compute(batch, [photos[position] for position in batch])
        return _project(prompt, [each.stacked() for each in features])

    def pixels(self, table: PhotoTable) -> tuple[PhotoTable, Tensor]:
        """Return the table of n photos, all of them unless `skip_bad`, and their pixels (n, 3, S, S) uint8.

        Raises:
            DataError: Photos that cannot be used, all of them listed.
        """
        bad: list[BadPhoto] = []
        blocks = []
        done = 0
        for batch in load_pixels(table, self.transform, batch_size=self.batch_size, bad=bad):
            blocks.append(batch.pixels)
            done += len(batch.indices)
            self.progress(done, len(table))
        kept = self._without(table, bad)
        return kept, torch.cat(blocks)

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
        sources = self._feature_sources(prompt)
        states = self._prompt_states(sources)
        blocks: list[list[Tensor]] = [[] for _ in sources]
        with torch.inference_mode(), autocast(choose_precision()):
            for number, block in enumerate(pixels.split(self.batch_size)):
                photos = normalise(block, self.transform)
                photos = torch.cat([photos, photos.flip(-1)]) if mirror else photos  # (b or 2b, 3, S, S)
                for of_source, visual, state in zip(blocks, sources, states, strict=True):
                    embeddings = self.embed_batch(photos, visual, state)  # (b or 2b, D)
                    summed = embeddings.view(-1, len(block), embeddings.shape[-1]).sum(dim=0)  # (b, D)
                    of_source.append(torch.nn.functional.normalize(summed, dim=-1))
                self.progress(min((number + 1) * self.batch_size, len(pixels)), len(pixels))
        return _project(prompt, [torch.cat(of_source) for of_source in blocks])

    def embed_batch(self, photos: Tensor, visual: VisualPrompt | None, states: PromptStates | None) -> Tensor:
        """Return L2-normalised embeddings (b, D) under a visual prompt: its tokens, and its metric.

        Args:
            photos: (b, 3, S, S), normalised as the backbone takes them.
            visual: None for the frozen backbone.
            states: Keys and values of the prompt's tokens.
        """
        if self.model is None or visual is None:
            return self.backbone.embed(photos, states)
        return self.model.embed(photos, states, visual.category_metric)

    def _features(self, sources: Sequence[VisualPrompt | None]) -> list[CachedFeatures]:
        """Return no embeddings yet of each source of features."""
        return [
            CachedFeatures(partial(self._embed_decoded, visual=visual, states=states), self._space(visual), self.cache)
            for visual, states in zip(sources, self._prompt_states(sources), strict=True)
        ]

    def _embed_decoded(self, pixels: Tensor, *, visual: VisualPrompt | None, states: PromptStates | None) -> Tensor:
        """Return embeddings (b, D) of decoded photos (b, 3, S, S) uint8 under a visual prompt."""
        with torch.inference_mode(), autocast(choose_precision()):
            return self.embed_batch(normalise(pixels, self.transform), visual, states)

    def _feature_sources(self, prompt: Prompt | None) -> tuple[VisualPrompt | None, ...]:
        if prompt is None:
            return (None,)
        self.check(prompt)
        return prompt.feature_sources

    def _prompt_states(self, sources: Sequence[VisualPrompt | None]) -> list[PromptStates | None]:
        """Return keys and values of each source's prompt, computed once for all photos."""
        with torch.inference_mode():
            return [None if visual is None else self.backbone.prompt_states(visual.tokens) for visual in sources]

    def _space(self, visual: VisualPrompt | None) -> str:
        key = "none" if visual is None else digest(visual.parts)
        pooling = self.backbone.pooling
        return f"{self.fingerprint}/{pooling}/{self.transform.fingerprint}/{key}/{choose_precision()}"

    def _without(self, table: PhotoTable, bad: Sequence[BadPhoto]) -> PhotoTable:
        if bad and not self.skip_bad:
            raise DataError(bad_photos_message(bad))
        return without(table, bad)


def _project(prompt: Prompt | None, embeddings: Sequence[Tensor]) -> Tensor:
    return embeddings[0] if prompt is None else prompt.project(embeddings)


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
