"""Real photo sets: what `vicp evaluate` measures, for each checkpoint and K, gathered by set and method."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.context.variants import VARIANTS, Variant
from benchmarks.lib.method_suite import MethodSuite
from benchmarks.lib.seed_statistics import Floats, Interval, mean_over_seeds
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.fitting import fit
from vicp.adapt.methods import finetuned
from vicp.adapt.methods.finetuned import FinetuneSettings
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import TunedPrompt
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.evaluation.config import Adapting, EvaluationConfig, adapt_support
from vicp.evaluation.estimates import Sample, estimate_map, mean_of
from vicp.evaluation.methods import parse_method
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.protocols.protocol import find_protocol
from vicp.evaluation.protocols.tasks import make_tasks
from vicp.evaluation.reranking.stages import Stage
from vicp.evaluation.result_cache import MethodResult, part_path
from vicp.evaluation.runner import EvaluationRunner
from vicp.evaluation.task import EvaluationTask
from vicp.metrics import interval

SEED, SHORTLIST = 0, 50
OF_ADAPTATION = {  # by row of a method result; each also has the frozen backbone
    "generated": {
        "static": "static",
        "own": "generated",
        "null": "context null",
        "other": "context other",
        "shuffled": "context shuffled",
        "verifier": "generated + verifier",
    },
    "metric": {"metric": "metric"},
    "tuned": {"tuned_identities": "tuned"},
    "auto": {
        "chosen_identities": "auto",
        "chosen_patches": "auto + patches",
        "chosen_k_reciprocal": "auto + k-reciprocal",
    },
    "auto_repaired": {"chosen_repaired": "auto"},
    "prompt": {"prompt": "prompt"},
    **{name: {name: "prompt"} for name in ("prompt_shuffled", "emitted_metric", "no_llm")},
}
STAGES: dict[str, tuple[Stage, ...]] = {"auto": ("patches", "k-reciprocal")}  # by adaptation
TRIPLET_PLUS = "triplet_plus_identities"
ADAPTATIONS = (*OF_ADAPTATION, "finetuned")  # the last of no checkpoint, but Triplet


@dataclass(frozen=True)
class RealSets:
    """Which sets, and how they are measured.

    Attributes:
        paths: a Parquet table each.
        ks: numbers of pairs K.
        draws: supports per category.
        runs: folder of finished parts.
        names: of the checkpoints, one per training seed.
        triplet: the baseline's folder, if any.
        adaptations: those to measure.
    """

    paths: Sequence[Path]
    ks: Sequence[int]
    draws: int
    runs: Path
    names: tuple[str, ...]
    triplet: str | None
    adaptations: tuple[str, ...] = ADAPTATIONS


@dataclass(frozen=True, eq=False)
class RealRow:
    """What a method reached on a set: mAP in percent, mean over categories and seeds.

    Attributes:
        value: as measured.
        resampled: (R,) with other identities, support draws and seeds; those of one set are paired.
        num_categories: behind it.
        num_seeds: likewise.
        notes: what "auto" chose, by how many draws.
        pairs: fewest and most that could be drawn in a category.
        identities: fewest and most that are looked up in a category.
    """

    value: float
    resampled: Floats
    num_categories: int
    num_seeds: int
    notes: Mapping[str, int]
    pairs: tuple[int, int]
    identities: tuple[int, int]

    @property
    def interval(self) -> Interval:
        """The value with its 95 % interval."""
        return Interval(self.value, *interval(self.resampled))

    def minus(self, other: "RealRow") -> Interval:
        """The paired difference."""
        return Interval(self.value - other.value, *interval(self.resampled - other.resampled))


@dataclass(frozen=True)
class MeasuredCheckpoint:
    """A checkpoint with some of the adaptations, measured and kept apart from the others."""

    name: str
    embedder: Embedder
    adaptations: tuple[str, ...]
    rows: Mapping[str, str]


RealTable = dict[str, dict[str, dict[int, RealRow]]]  # by set, method and K


def real_rows(sets: RealSets, suites: Sequence[MethodSuite], *, measure: bool) -> RealTable:
    """What is there of each set and, to `measure`, what is not."""
    found: RealTable = {}
    for path in sets.paths:
        if not measure and not (sets.runs / path.stem).is_dir():
            continue
        table = open_photos(path)
        tasks, _ = make_tasks(EvaluationPhotos.apart(table), find_protocol("vicp-retrieval"), seed=SEED)
        for k in sets.ks:
            for method, row in rows_of_set(sets, suites, path, table, tasks, k, measure=measure).items():
                found.setdefault(path.stem, {}).setdefault(method, {})[k] = row
    return found


def rows_of_set(
    sets: RealSets,
    suites: Sequence[MethodSuite],
    path: Path,
    table: PhotoTable,
    tasks: Sequence[EvaluationTask],
    k: int,
    *,
    measure: bool,
) -> dict[str, RealRow]:
    by_row: dict[str, dict[str, tuple[float, Floats]]] = {}  # by checkpoint
    notes: Counter[str] = Counter()
    categories, pairs, num_queried = 0, {k}, {0}
    for checkpoint in measured_checkpoints(sets, suites, k):
        runner = runner_of(sets, suites[0], checkpoint, path, table, tasks, k)
        method_results = [
            (task, method_result)
            for task in tasks
            if (method_result := method_result_of(runner, checkpoint, task, measure=measure))
        ]
        if not method_results or (not measure and len(method_results) < len(tasks)):
            continue
        categories = len(method_results)
        pairs = {method_result.num_pairs for _, method_result in method_results if method_result.num_pairs} or pairs
        num_queried = {len({table.identities[row] for row in task.query}) for task, _ in method_results}
        for method, row in checkpoint.rows.items():
            samples = [estimate_map(s.results[row], runner.units(e)) for e, s in method_results if s.results.get(row)]
            if len(samples) == len(method_results):
                one: Sample = mean_of(samples)
                by_row.setdefault(method, {})[checkpoint.name] = (one.value, one.resampled)
        for _, method_result in method_results if "auto" in checkpoint.adaptations else ():
            notes.update(method_result.chosen)
    rows = {}
    for method, by_checkpoint in by_row.items():
        seeds = list(by_checkpoint.values())
        value, resampled = mean_over_seeds([r for _, r in seeds], [v for v, _ in seeds])
        chosen = dict(notes) if method == "chosen_identities" else {}
        ends = (min(pairs), max(pairs)), (min(num_queried), max(num_queried))
        rows[method] = RealRow(100 * value, 100 * resampled, categories, len(seeds), chosen, *ends)
    return rows


def measured_checkpoints(sets: RealSets, suites: Sequence[MethodSuite], k: int) -> list[MeasuredCheckpoint]:
    """Every checkpoint, then Triplet, and what Triplet+ starts from."""
    first = suites[0]
    _, from_triplet = first.finetuning(TRIPLET_PLUS, k)
    plus = {TRIPLET_PLUS: "finetuned"}
    finetune = "finetuned" in sets.adaptations
    found = [
        MeasuredCheckpoint(name, suite.embedder, (adaptation,), {"frozen": "null", **OF_ADAPTATION[adaptation]})
        for adaptation in sets.adaptations
        if adaptation != "finetuned"
        for name, suite in zip(sets.names, suites, strict=True)
        if adaptation not in VARIANTS or VARIANTS[adaptation].is_for(suite.embedder)
    ]
    if sets.triplet is not None and first.triplet is not None:
        from_triplet = from_triplet and finetune
        num_queried = ("null", "finetuned") if from_triplet else ("null",)
        found.append(
            MeasuredCheckpoint(
                sets.triplet, first.triplet, num_queried, {"triplet": "null", **(plus if from_triplet else {})}
            )
        )
    if finetune and not from_triplet:
        found.append(MeasuredCheckpoint(f"frozen:{sets.names[0]}", first.embedder, ("finetuned",), plus))
    return found


def runner_of(
    sets: RealSets,
    suite: MethodSuite,
    checkpoint: MeasuredCheckpoint,
    path: Path,
    table: PhotoTable,
    tasks: Sequence[EvaluationTask],
    k: int,
) -> EvaluationRunner:
    variant = VARIANTS.get(checkpoint.adaptations[0])
    stages = STAGES.get(checkpoint.adaptations[0], ())
    settings = repr((checkpoint.adaptations, steps_of(suite, checkpoint.adaptations, k), sets.draws, SHORTLIST, stages))
    digest = hashlib.blake2b(settings.encode(), digest_size=4).hexdigest()
    config = EvaluationConfig(
        find_protocol("vicp-retrieval"),
        num_pairs=k,
        num_draws=sets.draws,
        seed=SEED,
        adaptations=checkpoint.adaptations if variant is None else (variant.scored_as,),
        stages=stages,
        shortlist=SHORTLIST,
        adapt=adapting(suite, k, variant),
        out=sets.runs / path.stem / f"K{k}-{digest}",
    )
    return EvaluationRunner(config, table, tasks)


def steps_of(suite: MethodSuite, adaptations: Sequence[str], k: int) -> TunedPrompt | FinetuneSettings | None:
    """The settings of the gradient steps among these adaptations; None where they take none."""
    if "finetuned" in adaptations:
        return suite.finetuning(TRIPLET_PLUS, k)[0]
    return suite.tuning("tuned_identities", k) if "tuned" in adaptations else None


def adapting(suite: MethodSuite, k: int, variant: Variant | None) -> Adapting:
    """Adaptations with the settings that were chosen on the drawn world, the same for every set."""

    def adapt(embedder: Embedder, support: EncodedSupport, name: str) -> Prompt | Embedder:
        if variant is not None and name == variant.scored_as:
            return variant.adapt(embedder, support)
        match name:
            case "tuned":
                return fit(embedder, support, suite.tuning("tuned_identities", k))
            case "finetuned":
                settings, _ = suite.finetuning(TRIPLET_PLUS, k)
                seed = support.seed or 0
                return finetuned.finetuned(embedder, support.pixels, support.relation, settings, seed=seed)
        return adapt_support(embedder, support, name)

    return adapt


def method_result_of(
    runner: EvaluationRunner, checkpoint: MeasuredCheckpoint, task: EvaluationTask, *, measure: bool
) -> MethodResult | None:
    if measure:
        return runner.run(parse_method(checkpoint.name), task).result
    found = MethodResult.load(part_path(runner.config.out, checkpoint.name, task))
    return found if found is not None and found.fingerprint == checkpoint.embedder.fingerprint else None
