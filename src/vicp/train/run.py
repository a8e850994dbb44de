"""One training run: its method, optimiser, files, and step."""

import dataclasses
import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import broadcast_object_list
from torch import nn
from transformers.utils.logging import disable_progress_bar

from vicp.config import RunConfig, TrainConfig
from vicp.data.seeds import derive_seed
from vicp.data.training_identities import TrainingIdentities
from vicp.errors import ConfigError
from vicp.losses.objective import LossTerms
from vicp.model.loading.precision import autocast, choose_precision
from vicp.model.loading.seeding import seeded
from vicp.train.config_checks import check_settings
from vicp.train.distributed import check_sharding, shard_llm
from vicp.train.episodes.batch import Batch, Shard
from vicp.train.logging import check_trackers
from vicp.train.methods.baseline import baseline_method
from vicp.train.methods.method import TrainingMethod
from vicp.train.methods.vicp import vicp_method
from vicp.train.optim import Muon, check_finite, set_learning_rate
from vicp.train.state import Checkpoint, TrainState, check_can_go_on, without_lost_best
from vicp.train.unused_settings import OF_TRAINING, log_unused

CLASS_RATE = 10.0  # times the rate of the rest


@dataclass(frozen=True)
class Run:
    """Everything that the training loop works with.

    Attributes:
        config: The settings.
        accelerator: Devices and processes.
        method: The training method.
        module: The method's module, wrapped for several processes.
        optimizer: Of what is trained.
        trained_on: The individuals that the checkpoints carry with them; None where training shows none that exist
            outside the run, and in other processes than the main one.
    """

    config: RunConfig
    accelerator: Accelerator
    method: TrainingMethod
    module: nn.Module
    optimizer: torch.optim.Optimizer
    trained_on: TrainingIdentities | None

    @property
    def out(self) -> Path:
        """The run's folder."""
        return Path(self.config.out)

    @property
    def checkpoint(self) -> Checkpoint:
        """What `--resume` goes on from."""
        return Checkpoint(self.out / "train.pt")

    def resume(self) -> TrainState:
        """Load the checkpoint, and return how far the run is.

        Raises:
            ConfigError: There is nothing to go on from, but models that would be lost.
            WeightsError: The checkpoint is damaged or of another model.
        """
        check_can_go_on(self.checkpoint)
        return without_lost_best(self.checkpoint.load(self.method.module, self.optimizer), self.out)

    def take_step(self, step: int, batches: Sequence[Batch], *, since: float | None = None) -> dict[str, float]:
        """Update the weights by the mean gradient of the batches, and return the losses, the rate and the speed.

        Args:
            step: Steps done before.
            batches: Of this step.
            since: When the step began, by the monotonic clock, waiting for its batches included; None: now.

        Raises:
            TrainingError: A loss or gradient is not finite; the weights are as they were.
        """
        clock, settings, method = time.monotonic() if since is None else since, self.config.train, self.method
        rate = set_learning_rate(
            self.optimizer,
            *_phase(step, method),
            peak=settings.learning_rate,
            schedule=settings.schedule,
            warmup=settings.rate_warmup,
        )
        with seeded(derive_seed(self.config.seed, "dropout", step)):
            terms = [self._backward(batch, last=batch is batches[-1], share=1 / len(batches)) for batch in batches]
        losses = _means(terms)
        norm = float(nn.utils.clip_grad_norm_(method.module.parameters(), settings.clip_norm))
        remedy = "lower train.learning_rate, or set train.precision=float32"
        check_finite(step + 1, self.out, loss=losses["total"], gradient=norm, remedy=remedy)
        self.optimizer.step()
        self.optimizer.zero_grad()
        seconds = time.monotonic() - clock
        numbers = {**losses, "lr": rate, "s/step": seconds}
        return numbers | ({"img/s": method.photos_per_step / seconds} if step >= method.num_warmup else {})

    def validate(self, step: int) -> dict[str, float]:
        """Return the validation's numbers and its `score`; the main process computes and broadcasts them."""
        numbers_of_all: list[dict[str, float]] = [{}]
        if self.accelerator.is_main_process or self.config.train.shard_llm:  # all have a part of a split LLM
            precision = choose_precision(self.config.train.precision, self.accelerator.device.type)
            with autocast(precision, self.accelerator.device.type):
                check = self.method.validate(step < self.method.num_warmup)
            numbers = {n: float("nan") if v is None else v for n, v in dataclasses.asdict(check).items()}
            numbers_of_all = [{**numbers, "score": check.score}]
        broadcast_object_list(numbers_of_all)
        return numbers_of_all[0]

    def save(self, state: TrainState, *, improved: bool) -> None:
        """Write what `--resume` goes on from and, if it is the best so far, the checkpoint that users load."""
        if self.accelerator.is_main_process:
            if improved:
                self._save_model(self.out / "best")
            self.checkpoint.save(self.method.module, self.optimizer, state)
        self.accelerator.wait_for_everyone()

    def finish(self, state: TrainState) -> Path:
        """Write the last model; returns the folder of the best, or of the last where none was ranked."""
        if self.accelerator.is_main_process:
            self._save_model(self.out / "last")
        self.accelerator.wait_for_everyone()
        return self.out / ("last" if state.best is None else "best")

    def anyone(self, flag: bool) -> bool:
        """Return whether the flag is up in any process."""
        if self.accelerator.num_processes == 1:
            return flag
        flags = torch.tensor(float(flag), device=self.accelerator.device)
        return bool(self.accelerator.reduce(flags) > 0)

    def _save_model(self, folder: Path) -> None:
        self.method.save(folder)
        if self.trained_on is not None:
            self.trained_on.save(folder)

    def _backward(self, batch: Batch, *, last: bool, share: float) -> LossTerms:
        device = self.accelerator.device
        alone = nullcontext() if last else self.accelerator.no_sync(self.module)
        with alone:
            with autocast(choose_precision(self.config.train.precision, device.type), device.type):
                terms: LossTerms = self.module(batch.to(device))
            (terms.total * share).backward()
        return terms


def start_run(config: RunConfig) -> Run:
    """Return a run that is ready for its first step.

    Raises:
        ConfigError: Settings that contradict each other, the photos, or the number of processes.
        DataError: Photos that cannot be used.
        WeightsError: `train.backbone` does not fit.
    """
    check_settings(config)
    if int(os.environ.get("RANK", 0)) == 0:
        log_unused(config, OF_TRAINING)
    check_trackers(config.train.trackers)
    disable_progress_bar()  # transformers has one for each file it saves
    accelerator = Accelerator(
        cpu=not torch.accelerator.is_available(),  # explicit, or several CPU processes do not find each other
        mixed_precision="no",  # autocast is ours, and known to `VICP_PRECISION`
        log_with=list(config.train.trackers) or None,
        project_dir=config.out,
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],  # the head, in the warm-up
    )
    shard = Shard(accelerator.process_index, accelerator.num_processes)
    if config.episodes.photos % shard.num:
        raise ConfigError(
            f"episodes.photos: {config.episodes.photos} photos do not divide among {shard.num} processes; "
            f"give a multiple of {shard.num}"
        )
    check_sharding(config, shard.num)
    make = vicp_method if config.train.method == "vicp" else baseline_method
    method = make(config, device=accelerator.device, shard=shard)
    if config.train.shard_llm:
        shard_llm(method.module)
    optimizer = make_optimizer(method, config.train)
    trained_on = _trained_on(config, method) if accelerator.is_main_process else None
    return Run(config, accelerator, method, method.module, optimizer, trained_on)


def _trained_on(config: RunConfig, method: TrainingMethod) -> TrainingIdentities | None:
    """Return the individuals of the photos, and of the checkpoints that the run starts from; None without any."""
    known = [TrainingIdentities.of(method.tables)] if method.tables else []
    for source in (config.train.start, config.train.backbone):
        found = None if source is None else TrainingIdentities.load(Path(source))
        known += [] if found is None else [found]
    return reduce(TrainingIdentities.joined, known) if known else None


def make_optimizer(method: TrainingMethod, settings: TrainConfig) -> torch.optim.Optimizer:
    """Return the paper's AdamW, or Muon for the matrices between hidden layers.

    What only the loss has (class vectors of ArcFace and AdaFace) starts from nothing, at ten times the rate.
    """
    if settings.optimizer == "adamw":
        trained = [(name, p) for name, p in method.module.named_parameters() if p.requires_grad]
        fresh = [p for name, p in trained if name.startswith("loss.")]
        groups = [{"params": [p for name, p in trained if not name.startswith("loss.")], "scale": 1.0}]
        groups += [{"params": fresh, "scale": CLASS_RATE}] if fresh else []
        return torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    return Muon(
        method.module, method.matrices, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay
    )


def _phase(step: int, method: TrainingMethod) -> tuple[int, int]:
    """Return the steps done and to do in the current phase; the learning rate restarts in the joint phase."""
    if step < method.num_warmup:
        return step, method.num_warmup
    return step - method.num_warmup, method.num_steps - method.num_warmup


def _means(terms: Sequence[LossTerms]) -> dict[str, float]:
    """Return each loss by name, averaged over the batches of a step."""
    names = [name for name, value in vars(terms[0]).items() if value is not None]
    return {name: sum(float(vars(t)[name].detach()) for t in terms) / len(terms) for name in names}
