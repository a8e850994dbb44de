"""Class `GalleryReader`: who is on photos, and what is in a gallery; nothing is changed."""

import os
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Self

import pandas as pd

from vicp.adapt.recipe import MethodOrAuto
from vicp.decisions.belief import EVEN
from vicp.decisions.outcome import ErrorTargets, IdentificationReport, Verification
from vicp.decisions.rule import DEFAULT_TARGETS
from vicp.gallery.categories import GalleryCategory, gallery_categories
from vicp.gallery.contents import identities, photos
from vicp.gallery.embedding_model import open_model
from vicp.gallery.labelling.active_learning import Strategy
from vicp.gallery.labelling.gallery_pairs import propose_in_gallery
from vicp.gallery.labelling.proposals import PairProposals
from vicp.gallery.photo_filter import ALL_PHOTOS, PhotoFilter
from vicp.gallery.queries import PhotoSource, pair_table, query_tables
from vicp.gallery.recognition.cluster import LEVEL, ClusterMethod, Grouping, cluster_gallery
from vicp.gallery.recognition.cluster_proposal import ClusterProposal
from vicp.gallery.recognition.identify import identify_in_gallery
from vicp.gallery.recognition.verify import verify_in_gallery
from vicp.gallery.search.category_search import Question
from vicp.gallery.stats import GalleryStats, gallery_stats
from vicp.gallery.store.database import read_gallery
from vicp.gallery.store.journal import LogEntry, log_entries
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.version_cache import VersionCache
from vicp.runtime.photo_encoder import EncoderSource, PhotoEncoder, encoder_of

if TYPE_CHECKING:
    from vicp.adapt.teach import TeachResult


class GalleryReader:
    """A gallery that answers "who is this?" and says what is in it, without an author or a lock.

    Every method reads the gallery as it is at that moment; what its tables were read and fitted for is kept until they
    change.

    Args:
        uri: A folder, or a place in object storage such as s3://bucket/gallery.
        model: What embeds photos: a `vicp.Model`, or an encoder; None opens the one that the gallery names, as soon
            as a method needs it.
    """

    def __init__(self, uri: str | os.PathLike[str], model: EncoderSource | None = None) -> None:
        self.uri = os.fspath(uri)
        self._encoder = None if model is None else encoder_of(model)
        self._cache = VersionCache()

    def __repr__(self) -> str:
        """Return where it is."""
        return f"{type(self).__name__}({self.uri!r})"

    @property
    def encoder(self) -> PhotoEncoder:
        """Return what embeds photos; the model is opened where that has not been done.

        Raises:
            GalleryError: The gallery does not say how its model is opened.
            WeightsError: The model cannot be had.
        """
        if self._encoder is None:
            self._encoder = open_model(self.uri, self.snapshot.settings)
        return self._encoder

    def with_model(self, model: EncoderSource) -> Self:
        """Return the same gallery, whose photos are embedded by this model; what one has computed, both know."""
        other = copy(self)
        other._encoder = encoder_of(model)
        return other

    @property
    def snapshot(self) -> Snapshot:
        """Return the gallery as it is now; later changes do not show in it."""
        return read_gallery(self.uri, self._cache)

    # Who is who

    def identify(
        self,
        photos: PhotoSource | Sequence[PhotoSource],
        *,
        category: str | None = None,
        targets: ErrorTargets = DEFAULT_TARGETS,
        prior_new: float = EVEN,
        top: int = 5,
        allow_unknown: bool = True,
        together: bool = False,
        among: PhotoFilter = ALL_PHOTOS,
        exact: bool = False,
    ) -> IdentificationReport:
        """Return whom every photo shows: the individuals it looks most like, or somebody new.

        Args:
            photos: What to identify.
            category: Theirs; None lets the prompts decide where the gallery has several.
            targets: The error rates of a promise.
            prior_new: P(somebody new) before a photo is seen.
            top: How many individuals to name.
            allow_unknown: Say so of a photo that fits no category.
            together: All photos show one individual: there is one answer, to which each moment contributes the same,
                however many photos were taken in it.
            among: The photos of the gallery to compare with: of one side, one camera, some days.
            exact: Compare every photo, even where a large category has an index.

        Raises:
            DataError: Photos that cannot be used.
            GalleryError: No such category, nothing enrolled, or another model.
        """
        tables = query_tables(photos, skip_bad=self.encoder.skip_bad)
        return identify_in_gallery(
            self.encoder,
            self.snapshot,
            tables,
            category=category,
            question=Question(targets, prior_new, top),
            allow_unknown=allow_unknown,
            together=together,
            among=among,
            exact=exact,
        )

    def verify(
        self,
        a: PhotoSource,
        b: PhotoSource,
        *,
        category: str | None = None,
        targets: ErrorTargets = DEFAULT_TARGETS,
        prior_new: float = EVEN,
    ) -> Verification:
        """Return whether two photos show the same individual, under the gallery's prompt for them.

        Args:
            a: A photo.
            b: Another.
            category: Theirs; None lets the first photo decide.
            targets: The error rates of a promise.
            prior_new: P(different) before the photos are seen.

        Raises:
            ConfigError: A prior that is no probability.
            DataError: A photo that cannot be used.
            GalleryError: No such category, a photo that fits none, or another model.
        """
        return verify_in_gallery(
            self.encoder, self.snapshot, pair_table(a, b), category=category, question=Question(targets, prior_new)
        )

    def cluster(
        self,
        *,
        category: str | None = None,
        method: ClusterMethod = "agglomerative",
        cut: float = LEVEL,
        prior_new: float | None = None,
    ) -> ClusterProposal:
        """Return a proposal that groups the photos without a name into individuals; nothing is changed.

        Args:
            category: One of the gallery's, or all of them.
            method: Agglomerative joins groups while their mean P(same) is at least `cut`; hdbscan does so within
                dense regions alone.
            cut: The P(same) from which two groups are one.
            prior_new: P(different) of two photos and P(new) of one before they are seen; None estimates it.

        Raises:
            ConfigError: A number out of range.
            GalleryError: No photo without a name, or too many.
        """
        return cluster_gallery(self.snapshot, category=category, grouping=Grouping(method, cut, prior_new))

    # What to label, and what labels teach

    def next_pairs(
        self,
        category: str,
        *,
        count: int = 16,
        strategy: Strategy = "balanced",
        author: str | None = None,
        among: PhotoFilter = ALL_PHOTOS,
        seed: int = 0,
    ) -> PairProposals:
        """Return the pairs of photos that are most worth a label, by their keys; nothing is changed.

        Args:
            category: One of the gallery's.
            count: How many pairs.
            strategy: "balanced" takes likely same-pairs and uncertain pairs in turn.
            author: Who labels; pairs that this author could not tell are left out.
            among: The photos to propose pairs of: of one side, one camera, some days.
            seed: Of what is drawn.

        Raises:
            DataError: Fewer than two photos, or no pair is left to propose.
            GalleryError: No such category.
        """
        return propose_in_gallery(
            self.snapshot, category, count=count, strategy=strategy, seed=seed, author=author, among=among
        )

    def teach(
        self, category: str, *, from_names: bool = False, adapt: MethodOrAuto = "auto", seed: int = 0
    ) -> "TeachResult":
        """Return a prompt learned from the gallery's labelled pairs or names; `reindex` puts it to use.

        Args:
            category: One of the gallery's.
            from_names: Sample pairs from the named photos, instead of taking the labelled pairs.
            adapt: The adaptation method; "auto" takes what does best on individuals held out of the pairs.
            seed: Of what is drawn.

        Raises:
            DataError: No labelled pair, too few names, or photos that cannot be used.
            GalleryError: No such category, or a photo that is neither kept nor where it was.
        """
        from vicp.gallery.teaching import teach_from_gallery

        return teach_from_gallery(self.encoder, self.snapshot, category, from_names=from_names, adapt=adapt, seed=seed)

    # What is in it

    def categories(self) -> dict[str, GalleryCategory]:
        """Return the categories by name, each with its prompt."""
        return gallery_categories(self.snapshot)

    def photos(self) -> pd.DataFrame:
        """Return a row per photo: number, key, category, identity, source, date, author, at, reason."""
        return photos(self.snapshot)

    def identities(self) -> pd.DataFrame:
        """Return a row per name in use: category, identity, photos, author, at, reason."""
        return identities(self.snapshot)

    def stats(self) -> GalleryStats:
        """Return what is in the gallery, in numbers."""
        return gallery_stats(self.snapshot)

    def log(self) -> list[LogEntry]:
        """Return the changes, oldest first."""
        return log_entries(self.snapshot.entries)
