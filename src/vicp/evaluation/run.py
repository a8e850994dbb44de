"""Run an evaluation: every method on every task, with finished results kept in a folder."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from vicp.adapt.embedder import Embedder, HasEmbedder
from vicp.data.records import PhotoTable
from vicp.data.sources.detections import BoxFile
from vicp.data.sources.options import ReadOptions
from vicp.errors import ConfigError, DataError
from vicp.evaluation.config import EvaluationConfig, find_adaptations
from vicp.evaluation.methods import Method, check_supported, checkpoint_name, find_method, has_verifier, make_methods
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.plots.curves import plot_curves
from vicp.evaluation.protocols.protocol import find_protocol
from vicp.evaluation.protocols.tasks import make_tasks
from vicp.evaluation.report.evaluation import EvaluationReport
from vicp.evaluation.report.published import add_published, read_published
from vicp.evaluation.reranking.stages import find_stages
from vicp.evaluation.result_cache import check_settings, table_fingerprint
from vicp.evaluation.results import Diagnosis, Row
from vicp.evaluation.runner import EvaluationRunner
from vicp.evaluation.summary import ScoredResult, method_rows, summarise
from vicp.evaluation.task import EvaluationTask
from vicp.progress import Progress


def evaluate(
    methods: Sequence[str | Embedder | HasEmbedder],
    photos: str | Path | PhotoTable | None = None,
    *,
    protocol: str = "vicp-retrieval",
    pairs: int = 32,
    support_draws: int = 5,
    adapt: Sequence[str] = (),
    rerank: Sequence[str] = (),
    shortlist: int = 50,
    share_support: float = 0.5,
    exclude: str | None = None,
    categories: Sequence[str] = (),
    unseen: Sequence[str] = (),
    keep_bursts: bool = False,
    keep_trained: bool = False,
    diagnose: bool = True,
    published: Path | None = None,
    out: Path | None = None,
    seed: int = 0,
    columns: Mapping[str, str] | None = None,
    folders: str | None = None,
    boxes: str | Path | BoxFile | None = None,
    skip_bad: bool = False,
    command: str = "",
    progress: Progress | None = None,
) -> EvaluationReport:
    """Measure methods side by side on individuals they were not taught.

    Args:
        methods: Models, or their names, see `parse_method`.
        photos: A folder or table of photos with identities; None for the procedural world.
        protocol: One of PROTOCOLS.
        pairs: K, labelled pairs per support, at least 2.
        support_draws: Supports per category.
        adapt: Ways to use the pairs, of ADAPTATIONS; none named are all but those of gradient steps.
        rerank: Second stages to add, of STAGES.
        shortlist: Gallery photos that a second stage re-orders, at least 2.
        share_support: Share of the identities whose pairs may be taught, 0.01 to 0.99.
        exclude: Column; no gallery photo of the query's individual that shares its value counts.
        categories: Only these; none named are all of the photos.
        unseen: Categories that no method was trained on: the report then has their mean, and that of the others.
        keep_bursts: Count photos of the query's moment as answers: near-equal frames, one sequence, or seconds apart.
        keep_trained: Look up individuals that a checkpoint was trained on, too; what is measured is then too good.
        diagnose: Look closer at every category, with the first method.
        published: A CSV of numbers that others have printed, to show with ours.
        out: Folder of finished results, from which a stopped evaluation goes on; None keeps none.
        seed: Of every draw.
        columns: Of a table whose columns are called differently, as of `open_photos`.
        folders: What the folders above each photo are, as of `open_photos`.
        boxes: A file of boxes of the animals on the photos, as of `open_photos`.
        skip_bad: Go on without photos that cannot be used, instead of raising.
        command: That makes the report again, for the report.
        progress: Called after each result with those there and those in all.

    Raises:
        ConfigError: A method, protocol, adaptation or second stage that is not there, a number out of range, or a
            folder that holds another evaluation.
        DataError: Photos that cannot be used, or no category to evaluate.
        WeightsError: A checkpoint is damaged.
    """
    config = EvaluationConfig(
        find_protocol(protocol),
        num_pairs=pairs,
        num_draws=support_draws,
        seed=seed,
        adaptations=find_adaptations(adapt),
        stages=find_stages(rerank),
        shortlist=shortlist,
        share_support=share_support,
        exclude=exclude,
        categories=tuple(categories),
        unseen=tuple(unseen),
        keep_bursts=keep_bursts,
        keep_trained=keep_trained,
        diagnose=diagnose,
        published=published,
        out=out,
        command=command,
    )
    opened = make_methods(methods)
    if published is not None:
        read_published(published)  # before hours have passed
    options = ReadOptions(columns=columns, folders=folders, boxes=boxes, skip_bad=skip_bad)
    return run_evaluation(config, opened, EvaluationPhotos.open(photos, options, seed=seed), progress)


def run_evaluation(
    config: EvaluationConfig,
    methods: Sequence[Method],
    photos: EvaluationPhotos,
    progress: Progress | None = None,
) -> EvaluationReport:
    """Return the evaluation of photos that are read already.

    Args:
        config: The configuration.
        methods: At least one.
        photos: The photos.
        progress: Called after each result.

    Raises:
        ConfigError: See `evaluate`.
        DataError: See `evaluate`.
    """
    start = time.monotonic()
    runner, skipped = _make_runner(config, methods, photos.chosen(config))
    scored, diagnoses, reasons = _score(runner, methods, progress)
    skipped += [*reasons, *runner.notes.values()]
    if not scored:
        raise DataError(f"no category could be evaluated: {' '.join(skipped)}")
    return EvaluationReport(
        protocol=config.protocol.name,
        protocol_sentence=config.protocol.sentence + _excluded(config),
        source=photos.name,
        command=config.command,
        seconds=time.monotonic() - start,
        seed=config.seed,
        num_draws=config.num_draws,
        methods={method: results[0].method_result.fingerprint for method, results in scored.items()},
        rows=tuple(_rows(config, scored)),
        curves=plot_curves(scored),
        diagnoses=tuple(diagnoses),
        skipped=tuple(skipped),
    )


def _make_runner(
    config: EvaluationConfig, methods: Sequence[Method], photos: EvaluationPhotos
) -> tuple[EvaluationRunner, list[str]]:
    """Return what runs methods on the tasks of these photos, all settings checked, and what is left out and why."""
    trained = None if config.keep_trained else photos.trained_on(methods)
    tasks, skipped = make_tasks(
        photos,
        config.protocol,
        share_support=config.share_support,
        exclude=config.exclude,
        trained=trained,
        seed=config.seed,
    )
    _check_methods(methods, tasks, config)
    if config.out is not None:
        num_trained = 0 if trained is None else int(trained.sum())
        check_settings(config.out, {**_settings(config, photos.table), "photos_trained_on": num_trained})
    return EvaluationRunner(config, photos.table, tasks), skipped


def _rows(config: EvaluationConfig, scored: Mapping[str, list[ScoredResult]]) -> list[Row]:
    """Return the report's rows, the published ones among them."""
    rows = [row for method, results in scored.items() for row in method_rows(method, config, results)]
    return rows if config.published is None else add_published(rows, read_published(config.published))


def _check_methods(methods: Sequence[Method], tasks: Sequence[EvaluationTask], config: EvaluationConfig) -> None:
    """Find every checkpoint, and an adaptation that each method can do, before anything is opened.

    Raises:
        ConfigError: One is missing, or a setting has no effect on any of them.
    """
    if config.shortlist != EvaluationConfig.shortlist and not config.stages and not any(map(has_verifier, methods)):
        raise ConfigError("shortlist has no effect without a second stage: name one in rerank, or leave it out")
    if "patches" in config.stages and config.adaptations is not None and "auto" not in config.adaptations:
        raise ConfigError("the second stage patches re-orders what auto chooses: add auto to adapt, or leave it out")
    for method in methods:
        check_supported(method, config.adaptations)
        if method.embedder is None:
            kinds = [{"fold": task.fold, "category": task.category} for task in tasks]
            for kind in {checkpoint_name(method, **kind): kind for kind in kinds}.values():
                find_method(method, **kind)


def _score(
    runner: EvaluationRunner, methods: Sequence[Method], progress: Progress | None
) -> tuple[dict[str, list[ScoredResult]], list[Diagnosis], list[str]]:
    """Return the results by method, without methods that have none, what the first finds, and why some are missing."""
    scored: dict[str, list[ScoredResult]] = {}
    diagnoses, reasons = [], []
    pairs = [(method, task) for method in methods for task in runner.tasks]
    for number, (method, task) in enumerate(pairs, start=1):
        outcome = runner.run(method, task, diagnose=runner.config.diagnose and method is methods[0])
        if outcome.result is None:
            reasons.append(outcome.reason)
        else:
            scored.setdefault(method.name, []).append(summarise(task, runner.units(task), outcome.result))
        if outcome.diagnosis is not None:
            diagnoses.append(outcome.diagnosis)
        if progress is not None:
            progress(number, len(pairs))
    return scored, diagnoses, reasons


def _settings(config: EvaluationConfig, table: PhotoTable) -> Mapping[str, object]:
    """Return what results depend on, for the folder that keeps them."""
    return {
        "photos": table_fingerprint(table),
        "protocol": config.protocol.name,
        "pairs": config.num_pairs,
        "draws": config.num_draws,
        "seed": config.seed,
        "adaptations": list(config.adaptations or ()),
        "stages": list(config.stages),
        "shortlist": config.shortlist,
        "share_support": config.share_support,
        "exclude": config.exclude or "",
        "keep_bursts": config.keep_bursts,
    }


def _excluded(config: EvaluationConfig) -> str:
    if config.exclude is None:
        return ""
    return f" No photo of the query's own identity and {config.exclude} counts."
