"""Distil a backbone from a teacher that knows ImageNet, on crops of photos and drawn objects together."""

import copy
import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vicp.config import RunConfig
from vicp.data.images import normalise
from vicp.data.seeds import derive_seed, generator
from vicp.errors import ConfigError
from vicp.image_transform import ImageTransform
from vicp.model.backbone import Backbone
from vicp.model.build import vision_backbone
from vicp.model.loading.backbone_checkpoint import load_backbone, save_backbone
from vicp.model.loading.checkpoint import is_checkpoint, load_pretrained
from vicp.model.loading.packaged import packaged
from vicp.model.loading.seeding import seeded
from vicp.train.backbone_run import start_backbone_run
from vicp.train.distillation.batches import DistillationBatch, DistillationData
from vicp.train.distillation.crops import CropSampler, PhotoFile
from vicp.train.distillation.feature_cache import FeatureCache
from vicp.train.distillation.losses import distillation_losses
from vicp.train.distillation.student import Student, start_from
from vicp.train.distillation.teacher import TEACHER, TEACHER_SIZE
from vicp.train.logging import Show, training_bar
from vicp.train.optim import Muon, check_finite, orthogonalise
from vicp.train.pretraining.pretrainer import whiten_patches
from vicp.train.signals import StopRequest, stop_on_signals
from vicp.train.state import Checkpoint, TrainState, append_log, start_log

logger = logging.getLogger(__name__)
COOLDOWN, WARMUP = 0.3, 50  # share of a run over which the rate falls, and steps over which it rises
AVERAGE = 0.99  # of the averaged weights, which are the ones that are saved
SAVED = ("distill.pt", "backbone")


def distill(config: RunConfig, *, resume: bool = False, bar: bool = False) -> Path:
    """Train the backbone of `config.model` and save it in transformers' format; return its folder.

    Args:
        config: The run's.
        resume: Go on from the last saved step; from the start where there is none.
        bar: Show a progress bar, where there is a terminal.

    Raises:
        ConfigError: A setting out of range, a backbone that has weights already or is of another family, or a folder
            that holds another run.
        DataError: Photos that cannot be read.
        MissingExtraError: The teacher is not installed.
        WeightsError: The run to resume is damaged, or `distill.previous` cannot be loaded.
        TrainingError: A loss or gradient is not finite.
        StoppedError: SIGINT or SIGTERM came; the run is saved.
    """
    check_teacher(config)
    settings, out = config.distill, start_backbone_run(config, SAVED, resume=resume)
    with stop_on_signals() as stop, training_bar("distilling", settings.num_steps, visible=bar) as show:
        (previous, transform), cache = load_previous(settings.previous), FeatureCache(Path(settings.cache))
        if settings.photos:
            files = [PhotoFile.parse(text) for text in settings.photos]
            cache.fill(CropSampler(files, size=TEACHER_SIZE, seed=config.seed), previous, transform)
        data = DistillationData(config, cache)
        training = Distillation(config, start_student(config, data, previous))
        data.turn_targets(training.student, out / "targets.pt")
        training.take_steps(data, stop=stop, show=show)
    return training.export(out / "backbone")


def check_teacher(config: RunConfig) -> None:
    """Raise `ConfigError` where the teacher is unknown, photos are missing, or patches do not fill a photo."""
    if config.distill.teacher != TEACHER:
        raise ConfigError(f"distill.teacher: no teacher '{config.distill.teacher}'; there is {TEACHER}")
    missing = [file.path for text in config.distill.photos if not Path((file := PhotoFile.parse(text)).path).exists()]
    if missing:
        raise ConfigError(f"distill.photos: no such file: {', '.join(missing)}")
    if config.model.image_size % int(config.model.backbone.sizes.get("patch_size", config.model.image_size)):
        raise ConfigError("model.image_size: expected a multiple of model.backbone.sizes.patch_size")


def load_previous(source: str) -> tuple[Backbone, ImageTransform]:
    """Return an earlier backbone that reads CLS and the mean patch, and how photos become its input.

    Args:
        source: A packaged checkpoint, the folder of a VICP checkpoint, or a vision model as transformers has it.

    Raises:
        WeightsError: It cannot be loaded.
    """
    if is_checkpoint(packaged(source) or Path(source)):
        model = load_pretrained(source)
        return model.backbone, model.config.image_transform
    return load_backbone(source, pooling="both")


def start_student(config: RunConfig, data: DistillationData, previous: Backbone) -> Student:
    """Return a student with the weights of an earlier backbone, or with fresh ones and a patch embedding that whitens.

    Raises:
        ConfigError: The earlier backbone has other sizes.
    """
    seed = derive_seed(config.seed, "backbone")
    with seeded(seed):
        student = Student(vision_backbone(config.model, seed=seed).vit)
    vit = student.vit
    if config.distill.start == "previous":
        try:
            start_from(previous.vit, vit)
        except RuntimeError as error:
            raise ConfigError(f"distill.start: '{config.distill.previous}' has a backbone of other sizes") from error
        return student
    photos = normalise(data.cache.first(256, "pixels")["pixels"], data.transform)
    whiten_patches(vit.embeddings.patch_embeddings.projection, photos)
    nn.init.normal_(vit.embeddings.position_embeddings, std=0.2, generator=generator(config.seed, "start"))
    return student


class Distillation:
    """A run: the student in float32, its bfloat16 copy that takes the gradients, its running average, the optimiser.

    Args:
        config: The run's.
        student: At its start; a saved run's weights replace it.

    Raises:
        WeightsError: The run to resume is damaged.
    """

    def __init__(self, config: RunConfig, student: Student) -> None:
        self.config, self.student = config, student
        self.averaged = nn.ModuleDict({"student": student, "average": copy.deepcopy(student)})
        settings = config.distill
        self.optimizer = BFloat16Muon(
            student, ["vit.encoder"], learning_rate=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.checkpoint = Checkpoint(Path(config.out) / "distill.pt")

    def take_steps(self, data: DistillationData, *, stop: StopRequest, show: Show) -> None:
        """Take every step from the last saved one on: step, log, save."""
        settings, out = self.config.distill, Path(self.config.out)
        start = self.checkpoint.load(self.averaged, self.optimizer).step
        start_log(out / "distill.jsonl", start)
        fast, clock = copy.deepcopy(self.student).bfloat16(), time.monotonic()
        with batches_ahead(self.config, data, start) as batches:
            for step in range(start, settings.num_steps):
                rate, done = self._set_rate(step), step + 1
                losses = distillation_losses(fast, next(batches))
                self._descend(fast, losses.total(settings), step=done)
                self._follow(min(AVERAGE, done / (done + 10)))
                if done % self.config.train.log_every == 0:
                    numbers = losses.numbers()
                    show(done, numbers)
                    seconds = (time.monotonic() - clock) / (done - start)
                    append_log(out / "distill.jsonl", {"step": done, **numbers, "lr": rate, "s/step": seconds})
                    logger.info("step %d %s", done, {name: round(value, 3) for name, value in numbers.items()})
                if done % self.config.train.save_every == 0 or done == settings.num_steps or stop:
                    self.checkpoint.save(self.averaged, self.optimizer, TrainState(done))
                if stop and done < settings.num_steps:
                    raise stop.error(done, settings.num_steps, out)

    def export(self, folder: Path) -> Path:
        """Write the averaged backbone in float16 as transformers reads it, with its preprocessor; return the folder."""
        average = self.averaged["average"]
        assert isinstance(average, Student)
        vit = copy.deepcopy(average.vit).eval().half()
        vit.set_attn_implementation("sdpa")
        save_backbone(vit, folder, self.config.model.image_transform, pooling=self.config.model.pooling)
        return folder

    def _set_rate(self, step: int) -> float:
        """Set the learning rate: up over the first steps, down to 2 % over the last three tenths; return it."""
        settings = self.config.distill
        left = 1 - step / settings.num_steps
        rate = settings.learning_rate * min(1.0, (step + 1) / WARMUP, 0.02 + 0.98 * left / COOLDOWN)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("scale", 1.0)
        return rate

    def _descend(self, fast: Student, loss: Tensor, *, step: int) -> None:
        """Move the float32 weights down the gradient of their bfloat16 copy, clipped to norm 1.

        Raises:
            TrainingError: The loss or the gradient is not finite; the weights are as they were.
        """
        fast.zero_grad()
        loss.backward()
        for parameter, copied in zip(self.student.parameters(), fast.parameters(), strict=True):
            parameter.grad = None if copied.grad is None else copied.grad.float()
        norm = float(nn.utils.clip_grad_norm_(self.student.parameters(), 1.0))
        out = Path(self.config.out)
        check_finite(step, out, loss=loss.item(), gradient=norm, remedy="lower distill.learning_rate")
        self.optimizer.step()
        with torch.no_grad():
            for parameter, copied in zip(self.student.parameters(), fast.parameters(), strict=True):
                copied.copy_(parameter)

    @torch.no_grad()
    def _follow(self, share: float) -> None:
        """Keep a share of the average and take the rest from the student."""
        for average, parameter in zip(self.averaged["average"].parameters(), self.student.parameters(), strict=True):
            average.lerp_(parameter, 1 - share)


@contextmanager
def batches_ahead(config: RunConfig, data: DistillationData, start: int) -> Iterator[Iterator[DistillationBatch]]:
    """Give the batches from a step on, made ahead by a thread; over the last part of a run photos are seen whole."""
    settings = config.distill

    def batch(step: int) -> DistillationBatch:
        whole = step >= settings.visible_until * settings.num_steps
        return data.batch(step, 1.0 if whole else settings.visible_share)

    with ThreadPoolExecutor(1, initializer=lambda: torch.set_num_threads(1)) as pool:
        waiting: list[Future[DistillationBatch]] = [pool.submit(batch, start), pool.submit(batch, start + 1)]

        def batches() -> Iterator[DistillationBatch]:
            for step in range(start, settings.num_steps):
                ready = waiting.pop(0).result()
                waiting.append(pool.submit(batch, step + 2))
                yield ready

        yield batches()
        for future in waiting:
            future.cancel()


class BFloat16Muon(Muon):
    """Muon that orthogonalises in bfloat16, for processors that multiply it natively."""

    @staticmethod
    def _orthogonal(parameter: Tensor, grad: Tensor, state: dict[str, Any], momentum: float = 0.95) -> Tensor:
        average: Tensor = state.setdefault("momentum", torch.zeros_like(parameter))
        average.lerp_(grad, 1 - momentum)
        step = orthogonalise(grad.lerp(average, momentum).bfloat16()).float()
        return step.mul(float(max(1.0, parameter.shape[0] / parameter.shape[1]) ** 0.5))
