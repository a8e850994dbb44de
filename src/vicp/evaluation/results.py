"""What an evaluation found, as values: the rows of its tables, the context report, the diagnosis of a category."""

from collections.abc import Mapping
from dataclasses import dataclass

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
        value: in [0, 1]; differences in [-1, 1].
        low: lower end of the interval.
        high: its upper end.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ContextSummary:
    """The context report: what a category's own pairs add over control contexts, which should not help.

    Attributes:
        rows: mAP by the keys of CONTEXT_ROWS; those that could not be had are missing.
        differences: paired, own minus each other row.
        prompt_cosine: mean cosine of prompts, "own draws" (of this category's own draws), "other", "shuffled".
        label_accuracy: share of held-out labels that the LLM predicts correctly; None where it cannot be measured.
        majority_rate: the share that one answer for all pairs would get; None likewise.
        verdict: one sentence.
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
        method: its name on the command line.
        adaptation: null, static, generated, metric, tuned or auto; a second stage is named after a plus sign, as
            in "generated + verifier".
        protocol: its name.
        category: its name; "mean" for the mean over categories, "mean of fold 0" for a fold's.
        variant: see `EvaluationTask`.
        values: by the keys of METRICS; those the protocol has not are missing.
        num_queries: photos looked up that have a right answer in the gallery.
        num_gallery: photos they are looked up in.
        num_identities: among the queries.
        num_pairs: K of the support; 0 where no pairs were used.
        num_draws: supports drawn.
        seconds: for all draws, adaptation and embedding and ranking.
        chosen: what "auto" chose, by how many draws; empty for other adaptations.
        context: for a prompted method; None for others.
        paper: values printed in the paper for the same protocol, by the keys of METRICS; usually empty.
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


@dataclass(frozen=True)
class IdentityErrors:
    """How the photos of one identity fared; mean over its queries.

    Attributes:
        identity: its name.
        num_queries: its photos that were looked up.
        map: mean average precision.
        rank1: share of them whose first hit is right.
        confused_with: the identity that most often stands first instead; empty where none does.
        confused: how often.
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
        photo: its name.
        identity: the label it has.
        looks_like: the identity of its neighbours.
        own_similarity: to the closest photo of its own identity.
        other_similarity: to the closest photo of `looks_like`.
        neighbours: how many of its closest photos (of `of`) are of `looks_like`.
        of: how many closest photos were looked at.
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
        category: its name.
        method: its name on the command line.
        adaptation: see `Row`.
        errors: identities, the worst first.
        suspects: likely wrong labels, the most suspicious first.
        leaks: sentences on near-duplicates and leaks; empty where there are none.
        probes: mAP without flips by kind of query photo: "as they are", "mirrored", "background only",
            "centre only"; what queries keep of the accuracy when they show only that.
        probe_verdict: one sentence on what the probes say.
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
        protocol: its name.
        protocol_sentence: what its numbers mean.
        source: where the photos come from.
        command: that makes this report again.
        seconds: it took in all.
        seed: of every draw.
        num_draws: supports drawn per category.
        methods: model fingerprint by method.
        rows: every line; the means come first, then categories by name.
        curves: pictures that compare methods, PNG by caption.
        diagnoses: of categories.
        skipped: categories and photos left out, each with its reason.
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


@dataclass(frozen=True)
class DemoCategory:
    """The context report of one category in `vicp demo`.

    Attributes:
        category: its name.
        queries: how many photos were looked up.
        gallery: in how many photos.
        identities: of how many individuals.
        pairs: labelled pairs in the context.
        other: the category whose pairs the row "other" used.
        context: mAP of every row, with the verdict.
        rank1: by row, the share of queries whose first hit is right.
        rank_lists: examples.
        matches: the picture of matched patches, PNG; None if there is none.
    """

    category: str
    queries: int
    gallery: int
    identities: int
    pairs: int
    other: str
    context: ContextSummary
    rank1: Mapping[str, float]
    rank_lists: tuple[RankList, ...]
    matches: bytes | None


@dataclass(frozen=True)
class DemoReport:
    """What `vicp demo` measured, and how.

    Attributes:
        source: where the photos come from.
        model: name and fingerprint.
        command: that makes this report again.
        seconds: it took.
        seed: of every draw.
        protocol: what the numbers mean, in a sentence.
        context: mAP of every row, mean over categories, with the verdict.
        rank1: by row, mean over categories.
        categories: measured; at least one.
        skipped: categories or photos left out, each with its reason.
    """

    source: str
    model: str
    command: str
    seconds: float
    seed: int
    protocol: str
    context: ContextSummary
    rank1: Mapping[str, float]
    categories: tuple[DemoCategory, ...]
    skipped: tuple[str, ...]
