"""What a reproduction takes, said before it starts: downloads, steps, GPU hours, memory and disk.

Hours are counts of operations over what one data-centre GPU does of them, or the time to decode the photos where that
is longer: estimates, not measurements.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache

from vicp.config import RunConfig
from vicp.data.records import PhotoTable
from vicp.reproduction.rows import TableRow
from vicp.reproduction.settings import Reproduction, TrainingRun, categories_by_role, training_runs
from vicp.train.methods.method import num_joint_steps, photos_per_step

GPU_FLOPS = 1e14  # per second: a tenth of what an H100 does at most, for the parts are small
DECODED_PER_SECOND = 200  # photos, of one thread
EMBEDDED_PER_SECOND = 25  # photos, of one processor core, by a ViT-S/14
VIT_FLOPS = 12.5e9  # a photo through a ViT-S/14 at 224 pixels
QFORMER_FLOPS = 7.5e9  # a photo's tokens through BLIP-2's Q-Former
LLM_FLOPS = 1.6e9  # a position through Qwen3-0.6B, attention to 4,192 positions included
SIZES_GB = {"facebook/dinov2-small": 0.09, "openai/clip-vit-base-patch16": 0.6, "Qwen/Qwen3-0.6B": 1.5}
MEMORY_GB = {"vicp": 24, "finetune": 12}


@dataclass(frozen=True)
class RowPlan:
    """What one row takes.

    Attributes:
        name: Of the row.
        is_finished: It has been measured already.
        trainings: To be run or gone on with.
        steps: Of these trainings, all together.
        gpu_hours: They take on one GPU.
        memory_gb: Of the GPU.
        cpu_hours: The evaluation takes on one processor core, which embeds the photos.
    """

    name: str
    is_finished: bool
    trainings: int
    steps: int
    gpu_hours: float
    memory_gb: float
    cpu_hours: float


@dataclass(frozen=True)
class Plan:
    """What a reproduction takes: by row, what is downloaded (name and gigabytes, None where unknown), and disk."""

    rows: tuple[RowPlan, ...]
    downloads: tuple[tuple[str, float | None], ...]
    features_gb: float


def make_plan(reproduction: Reproduction, table: PhotoTable, finished: Sequence[str]) -> Plan:
    """Return what the rows take that are not finished."""
    rows: list[RowPlan] = []
    planned: set[str] = set()
    features = 0.0
    for row in reproduction.rows:
        trainings = [run for run in training_runs(reproduction, row, table) if not run.is_finished]
        trainings = [] if row.name in finished else [run for run in trainings if run.config.out not in planned]
        planned |= {run.config.out for run in trainings}
        rows.append(_row_plan(reproduction, row, trainings, table, is_finished=row.name in finished))
        features += sum(_features_gb(run, table) for run in trainings)
    return Plan(tuple(rows), _downloads(reproduction), features)


def plan_lines(reproduction: Reproduction, plan: Plan) -> list[str]:
    """Return the plan for people."""
    todo = [row for row in plan.rows if not row.is_finished]
    lines = [f"{reproduction.dataset.name}: {len(todo)} of {len(plan.rows)} rows to do, into {reproduction.out}"]
    for name, size in plan.downloads:
        lines.append(f"  downloads {name}" + (f", about {size:g} GB" if size is not None else ", of unknown size"))
    if not plan.downloads:
        lines.append("  downloads nothing")
    for row in plan.rows:
        if row.is_finished:
            lines.append(f"  {row.name}: finished")
            continue
        training = "no training"
        if row.trainings:
            count = f"{row.trainings} training{'s' * (row.trainings != 1)}, {row.steps} steps"
            training = f"{count}, about {row.gpu_hours:.1f} GPU hours and {row.memory_gb:g} GB of its memory"
        lines.append(f"  {row.name}: {training}; evaluation about {row.cpu_hours:.1f} hours of one processor core")
    hours, cores = sum(row.gpu_hours for row in todo), sum(row.cpu_hours for row in todo)
    lines.append(
        f"  in all about {hours:.1f} GPU hours and {cores:.1f} core hours; {plan.features_gb:.1f} GB of features"
    )
    lines.append("  Hours are estimates from counts of operations, for one data-centre GPU.")
    return lines


def plan_facts(plan: Plan) -> dict[str, Any]:
    """Return the plan for JSON."""
    downloads = [{"name": name, "gigabytes": size} for name, size in plan.downloads]
    return {
        "rows": [asdict(row) for row in plan.rows],
        "downloads": downloads,
        "features_gb": plan.features_gb,
    }


def train_photos(run: TrainingRun, table: PhotoTable) -> int:
    """Return how many photos a training is on, before any are kept for its validation."""
    rows = table.frame["category"].isin(run.seen) & (table.frame["split"] == run.config.data.split)
    return int(rows.sum())


def _row_plan(
    reproduction: Reproduction, row: TableRow, trainings: Sequence[TrainingRun], table: PhotoTable, *, is_finished: bool
) -> RowPlan:
    steps = [_steps(run, table) for run in trainings]
    seconds = sum(count * _step_seconds(run.config) for run, count in zip(trainings, steps, strict=True))
    method = trainings[0].config.train.method if trainings else ""
    return RowPlan(
        row.name,
        is_finished,
        trainings=len(trainings),
        steps=sum(steps),
        gpu_hours=seconds / 3600,
        memory_gb=MEMORY_GB.get(method, 0),
        cpu_hours=0.0 if is_finished else _embedded(reproduction, row, table) / EMBEDDED_PER_SECOND / 3600,
    )


def _steps(run: TrainingRun, table: PhotoTable) -> int:
    warmup = run.config.train.warmup_steps if run.config.train.method == "vicp" else 0
    return warmup + num_joint_steps(run.config, train_photos(run, table))


def _step_seconds(config: RunConfig) -> float:
    """Return the time of a step: of the operations, or of decoding its photos."""
    photos, support = photos_per_step(config), 0
    flops = 4.0 * VIT_FLOPS * photos  # forward twice, for memory, and backward
    if config.train.method == "vicp":
        pairs = max(config.episodes.pairs) * config.episodes.joint_contexts * config.train.accumulate
        support = 2 * pairs
        flops += support * (VIT_FLOPS + 3 * QFORMER_FLOPS + 3 * config.model.num_latents * LLM_FLOPS)
    return max(flops / GPU_FLOPS, (photos + support) / (DECODED_PER_SECOND * config.data.threads))


def _embedded(reproduction: Reproduction, row: TableRow, table: PhotoTable) -> int:
    """Return how many photos an evaluation embeds: each with its mirror image, under each prompt of each draw."""
    _, unseen = categories_by_role(reproduction, table)
    tested = table.frame["split"] == "test"
    if row.kind == "supervised":
        tested &= table.frame["category"].isin(unseen)
    prompts = {"null": 1, "finetuned": 1 + reproduction.num_draws, "generated": 2 + 3 * reproduction.num_draws}[
        row.adaptation
    ]
    return 2 * int(tested.sum()) * prompts


def _features_gb(run: TrainingRun, table: PhotoTable) -> float:
    """Return what a training keeps of the tokens of support photos, for a ViT-S/14 at 224 pixels."""
    data = run.config.data
    if run.config.train.method != "vicp" or not data.keep_features:
        return 0.0
    return min(data.keep_features_gb, 2 * train_photos(run, table) * 257 * 384 * 2 / 1e9)


def _downloads(reproduction: Reproduction) -> tuple[tuple[str, float | None], ...]:
    """Return the hub names whose weights are neither in a folder nor in the cache."""
    wanted: dict[str, None] = {}
    for row in reproduction.rows:
        if row.kind == "clip":
            wanted[reproduction.clip] = None
        else:
            wanted[reproduction.backbone] = None
        if row.recipe == "vicp.yaml":
            wanted[reproduction.llm] = None
    missing = [name for name in wanted if name and not Path(name).exists()]
    return tuple(
        (name, SIZES_GB.get(name))
        for name in missing
        if not isinstance(try_to_load_from_cache(name, "config.json"), str)
    )
