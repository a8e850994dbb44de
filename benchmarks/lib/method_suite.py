"""What the methods of a task are made of: a model, baselines and settings; and what an outcome depends on of these."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vicp.adapt.embedder import Embedder
from vicp.adapt.methods.finetuned import FinetuneSettings
from vicp.adapt.recipe import TunedPrompt
from vicp.model.loading.weights import fingerprint
from vicp.model.visual_prompt import digest

NUM_SUPERVISED = 1000  # labelled photos
SUPERVISED = FinetuneSettings(steps=150, rate=3e-4, loss="triplet")
TUNED = TunedPrompt("generated", steps=30, rate=2e-2)


@dataclass(frozen=True, eq=False)
class MethodSuite:
    """What methods are made of.

    Attributes:
        embedder: a VICP model.
        triplet: the baseline trained on the seen world, for `triplet`; Triplet+ may start from it.
        tuned: recipe of `tuned_*`, by method and K; `TUNED` where there is none.
        finetuned: settings of `triplet_plus_*`, by method and K, and whether they start from `triplet`.
        supervised: settings of `supervised`.
        num_supervised: its photos.
    """

    embedder: Embedder
    triplet: Embedder | None = None
    tuned: Mapping[tuple[str, int], TunedPrompt] = field(default_factory=dict)
    finetuned: Mapping[tuple[str, int], tuple[FinetuneSettings, bool]] = field(default_factory=dict)
    supervised: FinetuneSettings = SUPERVISED
    num_supervised: int = NUM_SUPERVISED

    @property
    def baseline(self) -> Embedder:
        """The triplet baseline.

        Raises:
            ValueError: there is none.
        """
        if self.triplet is None:
            raise ValueError("this needs the triplet baseline")
        return self.triplet

    def tuning(self, method: str, num_pairs: int) -> TunedPrompt:
        """The recipe of a `tuned_*`."""
        return self.tuned.get((method, num_pairs), TUNED)

    def finetuning(self, method: str, num_pairs: int) -> tuple[FinetuneSettings, bool]:
        """The settings of a `triplet_plus_*`, and whether it starts from the triplet baseline."""
        return self.finetuned.get((method, num_pairs), (FinetuneSettings(), self.triplet is not None))


def subject(method: str, suite: MethodSuite, num_pairs: int) -> str:
    """What stands for all that an outcome depends on, the task and K apart: weights, and settings of steps."""
    match method.removesuffix("_pairs").removesuffix("_identities"):
        case "frozen" | "bayes":
            return _backbone_fingerprint(suite.embedder)
        case "static":
            static = [] if suite.embedder.static is None else [suite.embedder.static]
            return f"{_backbone_fingerprint(suite.embedder)}-{digest(static)}"
        case "triplet":
            return suite.baseline.fingerprint
        case "triplet_plus":
            settings, from_triplet = suite.finetuning(method, num_pairs)
            start = suite.baseline.fingerprint if from_triplet else _backbone_fingerprint(suite.embedder)
            return f"{start}-{settings}"
        case "supervised":
            return f"{_backbone_fingerprint(suite.embedder)}-{suite.num_supervised}-{suite.supervised}"
        case "tuned":
            return f"{suite.embedder.fingerprint}-{suite.tuning(method, num_pairs)}"
        case _:
            return suite.embedder.fingerprint


def _backbone_fingerprint(embedder: Embedder) -> str:
    """Seeds that share a backbone share what does not depend on the rest."""
    return f"{fingerprint(embedder.backbone)}-{embedder.backbone.pooling}"
