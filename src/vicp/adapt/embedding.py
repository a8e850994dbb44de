"""Photos in, embeddings out: decode, batch, embed, remember."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.cache import EmbeddingCache, photo_key
from vicp.data.images import ImageTransform, normalise
from vicp.data.loading import check_photos, load_pixels, without
from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message
from vicp.errors import DataError
from vicp.model.precision import autocast, choose_precision
from vicp.model.prompt import CategoryPrompt
from vicp.model.vicp import VICP

Progress = Callable[[int, int], None]  # photos done, photos in all


def _silent(done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class Embedder:
    """A model with all that stands between a photo file and its embedding.

    Attributes:
        model: in eval mode.
        cache: None computes every embedding anew.
        batch_size: photos per forward pass.
        skip_bad: go on without photos that cannot be used, instead of raising.
        progress: called after each batch.
    """

    model: VICP
    cache: EmbeddingCache | None = None
    batch_size: int = 32
    skip_bad: bool = False
    progress: Progress = field(default=_silent)

    @property
    def transform(self) -> ImageTransform:
        """How photos become the model's input."""
        config = self.model.config
        return ImageTransform(config.image_size, config.image_mean, config.image_std, config.image_fit)

    def embed(self, table: PhotoTable, prompt: CategoryPrompt | None = None) -> tuple[PhotoTable, Tensor]:
        """Embeddings (n, D) of the photos, and the table of those n: all of them unless `skip_bad`.

        Raises:
            DataError: photos that cannot be used, all of them listed.
            PromptError: the prompt belongs to another model.
        """
        keys, bad = self._keys(table)
        space = self._space(prompt)
        known = self.cache.find(space, keys) if self.cache is not None else {}
        missing = [i for i, key in enumerate(keys) if key and i not in known]
        states = None if prompt is None else self.model.prompt_states(prompt)
        precision = choose_precision()
        done = len(table) - len(missing)
        for batch in load_pixels(table, self.transform, indices=missing, batch_size=self.batch_size, bad=bad):
            with torch.inference_mode(), autocast(precision):
                embeddings = self.model.embed(normalise(batch.pixels, self.transform), states)  # (b, D)
            known.update(zip(batch.indices.tolist(), embeddings, strict=True))
            if self.cache is not None:
                self.cache.add(space, [keys[i] for i in batch.indices], embeddings)
            done += len(batch.indices)
            self.progress(done, len(table))
        kept = self._without(table, bad)
        return kept, torch.stack([known[i] for i in sorted(known)])  # (n, D)

    def usable(self, table: PhotoTable) -> PhotoTable:
        """The photos that can be read and decoded, every one of them tried.

        Raises:
            DataError: photos that cannot be used, all of them listed, unless `skip_bad`.
        """
        return self._without(table, check_photos(table, progress=self.progress))

    def pixels(self, table: PhotoTable) -> tuple[PhotoTable, Tensor]:
        """Decoded photos (n, 3, S, S) uint8 and the table of those n.

        Raises:
            DataError: photos that cannot be used, all of them listed.
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

    def latents(self, pixels: Tensor) -> Tensor:
        """Latents (n, Q, E) of decoded photos (n, 3, S, S) uint8."""
        with torch.inference_mode(), autocast(choose_precision()):
            blocks = pixels.split(self.batch_size)
            return torch.cat([self.model.latents(normalise(b, self.transform)).float() for b in blocks])

    def embed_pixels(self, pixels: Tensor, prompt: CategoryPrompt | None = None) -> Tensor:
        """Embeddings (n, D) of decoded photos (n, 3, S, S) uint8, each averaged with its mirror image.

        f(x) + f(flip x) is VICP's retrieval protocol (design.md 6).
        """
        states = None if prompt is None else self.model.prompt_states(prompt)
        rows = []
        with torch.inference_mode(), autocast(choose_precision()):
            for number, block in enumerate(pixels.split(self.batch_size)):
                photos = normalise(block, self.transform)
                both = self.model.embed(torch.cat([photos, photos.flip(-1)]), states)  # (2b, D)
                rows.append(torch.nn.functional.normalize(both[: len(block)] + both[len(block) :], dim=-1))
                self.progress(min((number + 1) * self.batch_size, len(pixels)), len(pixels))
        return torch.cat(rows)

    def _keys(self, table: PhotoTable) -> tuple[list[bytes], list[BadPhoto]]:
        """A key per photo, empty for one that cannot be read."""
        keys, bad = [], []
        for i in range(len(table)):
            try:
                keys.append(photo_key(table.photo_bytes(i)))
            except DataError as error:
                keys.append(b"")
                row = table.frame.iloc[i]
                bad.append(BadPhoto(int(row["row"]), str(row["path"]), str(error)))
        return keys, bad

    def _space(self, prompt: CategoryPrompt | None) -> str:
        tokens = b"" if prompt is None else np.ascontiguousarray(prompt.tokens.numpy()).tobytes()
        prompt_key = hashlib.blake2b(tokens, digest_size=8).hexdigest() if prompt is not None else "none"
        readout = self.model.config.readout
        return f"{self.model.fingerprint}/{readout}/{self.transform.fingerprint}/{prompt_key}/{choose_precision()}"

    def _without(self, table: PhotoTable, bad: Sequence[BadPhoto]) -> PhotoTable:
        if bad and not self.skip_bad:
            raise DataError(bad_photos_message(bad))
        return without(table, bad)
