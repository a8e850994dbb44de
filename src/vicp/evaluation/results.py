"""The results of an evaluation as values: rows, context reports and diagnoses."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vicp.adapt.controls import CONTEXTS

METRICS: dict[str, str] = {
    "map": "mAP",
    "rank1": "Rank-1",
    "rank5": "Rank-5",
    "minp": "mINP",
    "auc": "AUC",
    "acc": "accuracy",
    "tpr_at_fpr_1e-2": "TPR at FPR 1e-2",
    "fnmr_at_fmr_1e-2": "FNMR at FMR 1e-2",
    "auroc_new": "AUROC known or new",
    "fnir_at_fpir_1e-1": "FNIR at FPIR 0.1",
}
"""The keys of `Row.values` in the order of columns, and what people call them."""

CONTEXT_ROWS: dict[str, str] = CONTEXTS | {
    "frozen": "Plain backbone, no prompt.",
    "metric": "Closed-form whitening from the same-pairs, on frozen features.",
    "verifier": "First photos of row own in a new order, by P(same) of the in-context verifier.",
}
"""The rows of the context report in order, and one plain sentence for each."""


@dataclass(frozen=True)
class Estimate:
    """A fraction with its 95 % interval, over identities and support draws; no interval where there are too few.

    Attributes:
        value: In [0, 1]; differences in [-1, 1].
        low: Lower end of the interval.
        high: Its upper end.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def is_shown_as_zero(self) -> bool:
        """Whether a report, which gives percent with one decimal, shows it as 0.0."""
        return round(100 * self.value, 1) == 0


@dataclass(frozen=True)
class ContextSummary:
    """The context report: what a category's own pairs add over control contexts, which should not help.

    Attributes:
        rows: mAP by the keys of CONTEXT_ROWS; those that could not be had are missing.
        differences: Paired, own minus each other row.
        prompt_cosine: Mean cosine of prompts, "own draws" (of this category's own draws), "other", "shuffled".
        label_accuracy: Share of held-out labels that the LLM predicts correctly; None where it cannot be measured.
        majority_rate: The share that one answer for all pairs would get; None likewise.
        verdict: One sentence.
    """

    rows: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]
    prompt_cosine: Mapping[str, float]
    label_accuracy: Estimate | None
    majority_rate: float | None
    verdict: str


@dataclass(frozen=True)
class Row:
    """One line of the results: a method, how it used the pairs, and what that reached on a category.

    Attributes:
        method: Its name on the command line.
        adaptation: Its name, such as null, generated or auto; a reranking stage is named after a plus sign, as in
            "generated + verifier".
        protocol: Its name.
        category: Its name; "mean" for the mean over categories, "mean of fold 0" for a fold's.
        variant: See `EvaluationTask`.
        values: By the keys of METRICS; those the protocol has not are missing.
        num_queries: Photos looked up that have a right answer in the gallery.
        num_gallery: Photos they are looked up in.
        num_identities: Among the queries.
        num_pairs: K of the support; 0 where no pairs were used.
        num_draws: Supports drawn.
        seconds: For all draws, adaptation and embedding and ranking.
        chosen: What "auto" chose, by how many draws; empty for other adaptations.
        context: For a prompted method; None for others.
        paper: Values printed in the paper for the same protocol, by the keys of METRICS; usually empty.
        sides: mAP and rank-1 of the queries that show each side, by "left" and "right"; empty where no side is known.
    """

    method: str
    adaptation: str
    protocol: str
    category: str
    variant: str
    values: Mapping[str, Estimate]
    num_queries: int
    num_gallery: int
    num_identities: int
    num_pairs: int
    num_draws: int
    seconds: float
    chosen: Mapping[str, int]
    context: ContextSummary | None
    paper: Mapping[str, float]
    sides: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)


@dataclass(frozen=True)
class IdentityErrors:
    """How the photos of one identity fared; mean over its queries.

    Attributes:
        identity: Its name.
        num_queries: Its photos that were looked up.
        map: Mean average precision.
        rank1: Share of them whose first hit is right.
        confused_with: The identity that most often stands first instead; empty where none does.
        confused: How often.
    """

    identity: str
    num_queries: int
    map: float
    rank1: float
    confused_with: str
    confused: int


@dataclass(frozen=True)
class SuspectLabel:
    """A photo whose label looks wrong: others than its own identity's surround it.

    Attributes:
        photo: Its name.
        identity: The label it has.
        looks_like: The identity of its neighbours.
        own_similarity: To the closest photo of its own identity.
        other_similarity: To the closest photo of `looks_like`.
        neighbours: How many of its closest photos (of `of`) are of `looks_like`.
        of: How many closest photos were looked at.
    """

    photo: str
    identity: str
    looks_like: str
    own_similarity: float
    other_similarity: float
    neighbours: int
    of: int


@dataclass(frozen=True)
class Hit:
    """A gallery photo in a ranking: encoded thumbnail, and whether it shows the query's identity."""

    photo: bytes
    name: str
    identity: str
    similarity: float
    right: bool


@dataclass(frozen=True)
class RankList:
    """A query photo (encoded thumbnail) and its hits, the most similar first."""

    photo: bytes
    name: str
    identity: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class Diagnosis:
    """A closer look at one category with one method, on the first support draw.

    Attributes:
        category: Its name.
        method: Its name on the command line.
        adaptation: See `Row`.
        errors: Identities, the worst first.
        suspects: Likely wrong labels, the most suspicious first.
        leaks: Sentences on near-duplicates and leaks; empty where there are none.
        probes: mAP without flips by kind of query photo: "as they are", "mirrored", "background only",
            "centre only"; what queries keep of the accuracy when they show only that.
        probe_verdict: One sentence on what the probes say.
        pictures: PNG by caption.
        rank_lists: examples.
    """

    category: str
    method: str
    adaptation: str
    errors: tuple[IdentityErrors, ...]
    suspects: tuple[SuspectLabel, ...]
    leaks: tuple[str, ...]
    probes: Mapping[str, Estimate]
    probe_verdict: str
    pictures: Mapping[str, bytes]
    rank_lists: tuple[RankList, ...]


@dataclass(frozen=True)
class Evaluation:
    """A whole evaluation and how it was made.

    Attributes:
        protocol: Its name.
        protocol_sentence: What its numbers mean.
        source: Where the photos come from.
        command: That makes this report again.
        seconds: It took in all.
        seed: Of every draw.
        num_draws: Supports drawn per category.
        methods: Model fingerprint by method.
        rows: Every line; the means come first, then categories by name.
        curves: Pictures that compare methods, PNG by caption.
        diagnoses: Of categories.
        skipped: Categories and photos left out, each with its reason.
    """

    protocol: str
    protocol_sentence: str
    source: str
    command: str
    seconds: float
    seed: int
    num_draws: int
    methods: Mapping[str, str]
    rows: tuple[Row, ...]
    curves: Mapping[str, bytes]
    diagnoses: tuple[Diagnosis, ...]
    skipped: tuple[str, ...]
