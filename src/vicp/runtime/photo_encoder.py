"""Photos in, embeddings out: read, decode, batch, embed with any engine, cache."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vicp.adapt.linear_transform import Floats
from vicp.adapt.prompt import Prompt, check_prompt, checked_sources
from vicp.adapt.recipe import MethodOrAuto
from vicp.adapt.teaching_model import FrozenBackbone, TeachingModel
from vicp.data.loading import LoadedPhoto, load_photos
from vicp.data.photo_check import without
from vicp.data.photos.fingerprints import PhotoFingerprint
from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message
from vicp.errors import ConfigError, DataError
from vicp.image_transform import ImageTransform
from vicp.model.visual_prompt import VisualPrompt, digest
from vicp.progress import Progress, silent
from vicp.runtime.cache import EmbeddingCache
from vicp.runtime.cached_features import CachedFeatures, missing_positions
from vicp.runtime.engine import Engine, Pixels

if TYPE_CHECKING:
    from vicp.adapt.embedder import Embedder

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PhotoEncoder:
    """An engine with all that stands between a photo file and its embedding.

    Attributes:
        engine: Runs the backbone.
        cache: None computes every embedding anew.
        batch_size: Photos per forward pass.
        skip_bad: Go on without photos that cannot be used, instead of raising.
        progress: Called after each batch.
    """

    engine: Engine
    cache: EmbeddingCache | None = None
    batch_size: int = 32
    skip_bad: bool = False
    progress: Progress = field(default=silent)

    @property
    def fingerprint(self) -> str:
        """Of the model, which prompts carry."""
        return self.engine.facts.fingerprint

    @property
    def transform(self) -> ImageTransform:
        """How photos become the model's input."""
        return self.engine.facts.transform

    def without_progress(self) -> "PhotoEncoder":
        """Return the same encoder, which reports no progress."""
        return replace(self, progress=silent)

    def teaching_model(self, method: MethodOrAuto) -> TeachingModel:
        """Return what teaches by a method: a frozen backbone where that is linear algebra, else the model in PyTorch.

        An LLM reads the pairs whatever the method, for labels that look wrong. So a VICP model takes PyTorch, unless an
        exported engine was chosen by name or PyTorch is not installed.

        Raises:
            ConfigError: An exported model, and a method that takes PyTorch.
        """
        engine = self.engine
        if not engine.teaches(method):
            return self.torch_embedder()
        if method == "auto":
            _log.warning("PyTorch is not installed: of the adaptation methods, metric and null alone are tried")
        return FrozenBackbone(
            engine.embedding_function(None),
            self.fingerprint,
            self.transform,
            engine.source,
            self.batch_size,
            self.skip_bad,
            self.progress,
        )

    def torch_embedder(self) -> "Embedder":
        """Return the model in PyTorch with this encoder's settings.

        Raises:
            ConfigError: An exported model, which cannot teach.
        """
        embedder = self.engine.torch_embedder()
        return replace(embedder, batch_size=self.batch_size, skip_bad=self.skip_bad, progress=self.progress)

    def check(self, prompt: Prompt) -> None:
        """Raise `PromptError` for a prompt that was made for another model, or for something else than a prompt."""
        check_prompt(prompt, self.fingerprint)

    def embed(self, table: PhotoTable, prompt: Prompt | None = None) -> tuple[PhotoTable, Floats]:
        """Return the table of n photos, all of them unless `skip_bad`, and their embeddings (n, D') float32.

        The cache holds embeddings before the prompt's metric.

        Raises:
            DataError: Photos that cannot be used, all of them listed.
            PromptError: The prompt belongs to another model.
        """
        table, (embeddings,) = self.embed_under(table, [prompt])
        return table, embeddings

    def embed_under(self, table: PhotoTable, prompts: Sequence[Prompt | None]) -> tuple[PhotoTable, list[Floats]]:
        """Return the photos that `embed` would, and their embeddings (n, D') under each prompt; a photo is read once.

        Raises:
            DataError: Photos that cannot be used, all of them listed.
            PromptError: A prompt belongs to another model.
        """
        sources = [checked_sources(prompt, self.fingerprint) for prompt in prompts]
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
        if bad and not self.skip_bad:
            raise DataError(bad_photos_message(bad))
        return without(table, bad), [
            _project(prompt, [each.stacked() for each in of_prompt])
            for prompt, of_prompt in zip(prompts, by_prompt, strict=True)
        ]

    def embed_with_fingerprints(
        self, table: PhotoTable, prompt: Prompt | None = None
    ) -> tuple[PhotoTable, Floats, list[PhotoFingerprint]]:
        """Return what `embed` does, and the fingerprints (n) of the photos, each of which is read once.

        Raises:
            DataError: Photos that cannot be used, all of them listed.
            PromptError: The prompt belongs to another model.
        """
        bad: list[BadPhoto] = []
        embeddings: list[Floats] = []
        fingerprints: list[PhotoFingerprint] = []
        photos = load_photos(table, self.transform, fingerprints=True, ahead=2 * self.batch_size, bad=bad)
        while batch := list(islice(photos, self.batch_size)):
            embeddings.append(self.embed_loaded(batch, prompt))
            fingerprints += [photo.fingerprint for photo in batch if photo.fingerprint is not None]
            self.progress(batch[-1].index + 1, len(table))
        if bad and not self.skip_bad:
            raise DataError(bad_photos_message(bad))
        return without(table, bad), np.concatenate(embeddings), fingerprints

    def embed_loaded(self, photos: Sequence[LoadedPhoto], prompt: Prompt | None = None) -> Floats:
        """Return embeddings (n, D') of decoded photos, as `embed` makes them.

        Raises:
            PromptError: The prompt belongs to another model.
        """
        features, positions = self._features(checked_sources(prompt, self.fingerprint)), range(len(photos))
        for each in features:
            each.find(positions, [photo.key for photo in photos])
        missing = missing_positions(positions, features)
        for start in range(0, len(missing), self.batch_size):
            batch = missing[start : start + self.batch_size]
            for each in features:
                each.compute(batch, [photos[position] for position in batch])
        return _project(prompt, [each.stacked() for each in features])

    def embed_pixels(self, pixels: Pixels, prompt: Prompt | None = None) -> Floats:
        """Return embeddings (n, D') of a few decoded photos (n, 3, S, S), as `embed` makes them.

        Raises:
            PromptError: The prompt belongs to another model.
        """
        sources = checked_sources(prompt, self.fingerprint)
        return _project(prompt, [self.engine.embedding_function(source)(pixels) for source in sources])

    def _features(self, sources: Sequence[VisualPrompt | None]) -> list[CachedFeatures]:
        """Return no embeddings yet of each source of features."""
        return [
            CachedFeatures(self.engine.embedding_function(visual), self._space(visual), self.cache)
            for visual in sources
        ]

    def _space(self, visual: VisualPrompt | None) -> str:
        facts, key = self.engine.facts, "none" if visual is None else digest(visual.parts)
        return f"{facts.fingerprint}/{facts.pooling}/{facts.transform.fingerprint}/{key}/{facts.precision}"


def _project(prompt: Prompt | None, embeddings: Sequence[Floats]) -> Floats:
    return embeddings[0] if prompt is None else prompt.project(embeddings)


class HasEncoder(Protocol):
    """A model that photos are embedded with, such as `vicp.Model`."""

    @property
    def encoder(self) -> PhotoEncoder:
        """What embeds photos."""
        ...


EncoderSource = PhotoEncoder | Engine | HasEncoder


def encoder_of(model: EncoderSource) -> PhotoEncoder:
    """Return what embeds photos with a model, or with an engine such as an `Embedder`.

    Raises:
        ConfigError: It is no model.
    """
    if isinstance(model, PhotoEncoder):
        return model
    if isinstance(model, Engine):
        names = ("batch_size", "skip_bad", "progress")
        return PhotoEncoder(model, **{name: getattr(model, name) for name in names if hasattr(model, name)})
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, PhotoEncoder):
        raise ConfigError(f"{model!r} in place of a model: `vicp.load` opens one")
    return encoder
