"""The library's first noun: a model that teaches, encodes, verifies and identifies photos as a program has them."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import MethodOrAuto
from vicp.data.inputs import Photo, Photos, as_photo_table, is_single
from vicp.data.records import PhotoTable
from vicp.data.support.support_file import GivenPairs, given_support
from vicp.decisions.belief import EVEN
from vicp.decisions.outcome import ErrorTargets, Identification, IdentificationReport, Verification
from vicp.decisions.rule import DEFAULT_TARGETS
from vicp.errors import ConfigError, DataError
from vicp.gallery.queries import PhotoSource, pair_table, query_tables
from vicp.gallery.recognition.cluster import LEVEL, ClusterMethod, Grouping, cluster_photos
from vicp.gallery.recognition.cluster_proposal import ClusterProposal
from vicp.gallery.recognition.identify import identify_photos, identify_with, search_photos
from vicp.gallery.recognition.verify import verify_photos
from vicp.gallery.search.category_search import CategorySearch, Question
from vicp.progress import progress_bar
from vicp.runtime.engine import EngineName
from vicp.runtime.opening import open_encoder
from vicp.runtime.photo_encoder import EncoderSource, encoder_of

if TYPE_CHECKING:
    from torch import Tensor

    from vicp.adapt.embedder import Embedder
    from vicp.adapt.teach import TeachResult

Pairs = int | GivenPairs


class Model:
    """A frozen backbone, and where there is one the prompt generator on top of it; `vicp.load` makes one.

    Photos are given as a path (a photo, a folder, a CSV or Parquet table), a PIL image, a uint8 array (H, W),
    (H, W, 3) or (H, W, 4), a sequence of these, or a `PhotoTable`.

    Example:
        >>> model = vicp.load("mini")  # doctest: +SKIP
        >>> prompt = model.teach("photos", category="cat", pairs=16)  # doctest: +SKIP
        >>> model.verify("a.jpg", "b.jpg", prompt=prompt).sentence  # doctest: +SKIP
        'almost certainly the same individual, 97 % (91 to 99 %)'

    Args:
        model: What embeds photos: a `PhotoEncoder`, or an engine such as an `Embedder`.
    """

    def __init__(self, model: EncoderSource) -> None:
        self.encoder = encoder_of(model)

    def __repr__(self) -> str:
        """Return one line: what opens the model again, and its fingerprint."""
        return f"Model({self.encoder.engine.source or 'unnamed'!r}, fingerprint={self.encoder.fingerprint!r})"

    @cached_property
    def embedder(self) -> "Embedder":
        """The model in PyTorch, which teaches; opened when it is first needed.

        Raises:
            ConfigError: An exported model, which cannot teach.
            WeightsError: The weights cannot be had.
        """
        return self.encoder.torch_embedder()

    def teach(
        self,
        photos: Photos,
        *,
        category: str,
        pairs: Pairs | None = None,
        identities: Sequence[str] | None = None,
        adapt: MethodOrAuto = "auto",
        seed: int = 0,
        skip_bad: bool = False,
    ) -> Prompt:
        """Return a prompt for a category, learned from labelled pairs of its photos; no weight changes.

        Args:
            photos: Photos of the category; each with an identity, unless labelled pairs are given.
            category: What the photos show; of several categories, the one to teach.
            pairs: How many pairs to draw from the identities (64, or as many as there are, if None); or a CSV with the
                columns left, right and same; or such pairs as a sequence.
            identities: Who is on each photo of a sequence, in the same order.
            adapt: The adaptation method; "auto" takes what does best on individuals held out of the pairs.
            seed: Of the pairs that are drawn.
            skip_bad: Go on without photos that cannot be used, instead of raising.

        Raises:
            ConfigError: No such method, or it needs a prompt generator or a static prompt and this model has none.
            DataError: Photos or pairs that cannot be used, or no category.

        Example:
            >>> prompt = model.teach(["a.jpg", image], identities=["Tom", "Tim"], category="cat")  # doctest: +SKIP
        """
        return self.teach_and_report(
            photos, category=category, pairs=pairs, identities=identities, adapt=adapt, seed=seed, skip_bad=skip_bad
        ).prompt

    def teach_and_report(
        self,
        photos: Photos,
        *,
        category: str,
        pairs: Pairs | None = None,
        identities: Sequence[str] | None = None,
        adapt: MethodOrAuto = "auto",
        seed: int = 0,
        skip_bad: bool = False,
    ) -> "TeachResult":
        """Return the prompt and how it came about: what was read and left out, and pairs that look mislabelled.

        Arguments and errors are those of `teach`.
        """
        from vicp.adapt.teach import of_one_category, teach_category

        given = None if pairs is None or isinstance(pairs, int) else pairs
        table = as_photo_table(
            photos, category=category, identities=identities, need_identity=given is None, skip_bad=skip_bad
        )
        table = of_one_category(table, category)
        support = None if given is None else given_support(given, table)
        return teach_category(
            replace(self.encoder, skip_bad=skip_bad).teaching_model(adapt),
            table,
            category=category,
            num_pairs=_number_of(pairs) if isinstance(pairs, int) else None,
            support=support,
            seed=seed,
            adapt=adapt,
        )

    @overload
    def encode(
        self,
        photos: Photos,
        *,
        prompt: Prompt | None = None,
        batch_size: int = 32,
        show_progress_bar: bool = False,
        convert_to_numpy: Literal[True] = True,
    ) -> NDArray[np.float32]: ...

    @overload
    def encode(
        self,
        photos: Photos,
        *,
        prompt: Prompt | None = None,
        batch_size: int = 32,
        show_progress_bar: bool = False,
        convert_to_numpy: Literal[False],
    ) -> "Tensor": ...

    def encode(
        self,
        photos: Photos,
        *,
        prompt: Prompt | None = None,
        batch_size: int = 32,
        show_progress_bar: bool = False,
        convert_to_numpy: bool = True,
    ) -> "NDArray[np.float32] | Tensor":
        """Return embeddings float32 (n, D) of photos, (D,) of a single one; their dot product is the similarity.

        Args:
            photos: One photo, or several.
            prompt: Of their category; None gives plain embeddings of the frozen backbone.
            batch_size: Photos per forward pass.
            show_progress_bar: On stderr.
            convert_to_numpy: An array; otherwise a torch tensor.

        Raises:
            ConfigError: A batch size below 1.
            DataError: Photos that cannot be used, all of them listed.
            PromptError: The prompt belongs to another model.
        """
        if batch_size < 1:
            raise ConfigError(f"batch_size {batch_size}: expected at least 1")
        with progress_bar("Encoding") if show_progress_bar else nullcontext(self.encoder.progress) as progress:
            encoder = replace(self.encoder, batch_size=batch_size, progress=progress)
            _, embeddings = encoder.embed(as_photo_table(photos, allow_repeats=True), prompt)
        embeddings = embeddings[0] if is_single(photos) else embeddings
        if convert_to_numpy:
            return embeddings
        import torch

        return torch.from_numpy(embeddings)

    def verify(
        self,
        a: PhotoSource,
        b: PhotoSource,
        *,
        prompt: Prompt | None = None,
        targets: ErrorTargets = DEFAULT_TARGETS,
        prior_new: float = EVEN,
    ) -> Verification:
        """Return whether two photos show one individual: what is believed, with a range, and what is promised.

        Args:
            a: A photo; in a table, the column `viewpoint` says which side it shows.
            b: Another photo.
            prompt: Of their category; None compares plain embeddings, and P is borrowed from other categories.
            targets: The error rates of a promise.
            prior_new: P(different) before the photos are seen.

        Raises:
            ConfigError: A prior that is no probability.
            DataError: A photo that cannot be used.
            PromptError: The prompt belongs to another model.
        """
        question = Question(targets, prior_new)
        return verify_photos(self.encoder, pair_table(a, b), prompt=prompt, question=question)

    def identify(
        self,
        photo: Photo,
        *,
        gallery: Photos | CategorySearch,
        prompt: Prompt | None = None,
        targets: ErrorTargets = DEFAULT_TARGETS,
        prior_new: float = EVEN,
        top: int = 5,
    ) -> Identification:
        """Return whom of a gallery a photo shows: what is believed of whom, with ranges, and what is promised.

        Args:
            photo: One photo.
            gallery: Photos of known individuals; or `search_in` of them, which embeds them once for many questions.
            prompt: Of their category; None compares plain embeddings.
            targets: The error rates of a promise.
            prior_new: P(somebody new) before the photo is seen.
            top: How many individuals to name.

        Raises:
            DataError: More than one photo, one that cannot be used, or a gallery photo without an identity.
            PromptError: The prompt belongs to another model.
        """
        report = self.identify_all(photo, gallery=gallery, prompt=prompt, targets=targets, prior_new=prior_new, top=top)
        if len(report.identifications) != 1:
            raise DataError(
                f"{len(report.identifications)} photos to identify, expected one: `identify_all` takes several"
            )
        return report.identifications[0]

    def identify_all(
        self,
        photos: PhotoSource | Sequence[PhotoSource],
        *,
        gallery: Photos | CategorySearch,
        prompt: Prompt | None = None,
        targets: ErrorTargets = DEFAULT_TARGETS,
        prior_new: float = EVEN,
        top: int = 5,
    ) -> IdentificationReport:
        """Return whom of a gallery every photo shows: photos, folders and tables; else as `identify`."""
        queries, question = query_tables(photos, skip_bad=self.encoder.skip_bad), Question(targets, prior_new, top)
        if isinstance(gallery, CategorySearch):
            return identify_with(self.encoder, gallery, queries, prompt=prompt, question=question)
        return identify_photos(self.encoder, self._known(gallery), queries, prompt=prompt, question=question)

    def cluster(
        self,
        photos: Photos,
        *,
        prompt: Prompt | None = None,
        method: ClusterMethod = "agglomerative",
        cut: float = LEVEL,
        prior_new: float | None = None,
        ignore_names: bool = False,
    ) -> ClusterProposal:
        """Return photos without a name in groups, by what `verify` says of each two; those with a name are known.

        Args:
            photos: Of one category.
            prompt: Of their category; None compares plain embeddings.
            method: Agglomerative joins groups while their mean P(same) is at least `cut`; hdbscan does so within
                dense regions alone.
            cut: The P(same) from which two groups are one.
            prior_new: P(different) of two photos and P(new) of one before they are seen; None estimates it.
            ignore_names: Group all photos, whoever they are said to show.

        Raises:
            ConfigError: A number out of range.
            DataError: Photos that cannot be used, none without a name, or too many.
            PromptError: The prompt belongs to another model.
        """
        grouping = Grouping(method, cut, prior_new)
        table = as_photo_table(photos, skip_bad=self.encoder.skip_bad)
        return cluster_photos(self.encoder, table, prompt=prompt, grouping=grouping, ignore_names=ignore_names)

    def search_in(
        self, gallery: Photos, *, prompt: Prompt | None = None, identities: Sequence[str] | None = None
    ) -> CategorySearch:
        """Return the search of known individuals, their photos embedded; for a gallery that lasts see `vicp.Gallery`.

        Args:
            gallery: Photos of known individuals.
            prompt: Of their category.
            identities: Who is on each photo of a sequence, in the same order.

        Raises:
            DataError: Photos that cannot be used or have no identity.
            PromptError: The prompt belongs to another model.
        """
        return search_photos(self.encoder, self._known(gallery, identities), prompt=prompt)[1]

    def _known(self, gallery: Photos, identities: Sequence[str] | None = None) -> PhotoTable:
        """Return the photos of known individuals."""
        return as_photo_table(gallery, identities=identities, need_identity=True, skip_bad=self.encoder.skip_bad)


def load(source: str | os.PathLike[str] = "mini", *, engine: EngineName = "auto") -> Model:
    """Return a model: a preset, a checkpoint's folder, a hub name, or a bare vision transformer of transformers.

    Args:
        source: "mini" or "distilled" (both ship with the package and work offline), "paper", a folder that training
            wrote, or the folder or hub name of a vision transformer. "distilled" and vision transformers have no prompt
            generator: `teach` fits a metric or tunes prompt tokens.
        engine: What runs the backbone: "torch"; without PyTorch, for the packaged checkpoints and what `vicp export`
            wrote, "onnx" (ONNX Runtime) or "openvino" (extra `openvino`); "auto" is ONNX Runtime where it can be.
            Teaching takes PyTorch, except for adaptations "metric" and "null" where the engine is chosen by name or the
            exported model has no prompt generator.

    Raises:
        WeightsError: There is no such checkpoint, or its weights cannot be used.
        ConfigError: It holds something else, or cannot be fetched.

    Example:
        >>> vicp.load("mini").encode("a.jpg").shape  # doctest: +SKIP
        (384,)
    """
    return Model(open_encoder(os.fspath(source), engine=engine))


def _number_of(pairs: int) -> int:
    if pairs < 1:
        raise DataError(f"pairs={pairs}: expected at least 1, or None for as many as there are, up to 64")
    return pairs
