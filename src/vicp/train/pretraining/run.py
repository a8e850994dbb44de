"""Pretrain mini's backbone on factors of the procedural world, a teacher's patches and natural photos."""

import logging
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from vicp.config import RunConfig
from vicp.data.seeds import derive_seed, generator
from vicp.train.backbone_run import start_backbone_run
from vicp.train.logging import Show, training_bar
from vicp.train.optim import Muon, check_finite, set_learning_rate
from vicp.train.pretraining.photos import PretrainPhotos, photos_to_learn
from vicp.train.pretraining.pretrainer import Pretrainer, start_pretrainer
from vicp.train.pretraining.step import pretrain_step
from vicp.train.pretraining.teacher import Teacher, train_teacher
from vicp.train.signals import StopRequest, stop_on_signals
from vicp.train.state import Checkpoint, TrainState, append_log, start_log

logger = logging.getLogger(__name__)
SAVED = ("teacher.pt", "pretrain.pt", "backbone")


def pretrain(config: RunConfig, *, resume: bool = False, bar: bool = False) -> Path:
    """Train the backbone of `config.model` and saves it in transformers' format; returns its folder.

    Args:
        config: The run's.
        resume: Go on from the last saved step; from the start where there is none.
        bar: Show a progress bar, where there is a terminal.

    Raises:
        ConfigError: A setting out of range, a backbone that has weights already or is of another family, or a folder
            that holds another run.
        DataError: `pretrain.photos` cannot be read.
        WeightsError: The run to resume is damaged.
        TrainingError: A loss or gradient is not finite.
        StoppedError: SIGINT or SIGTERM came; the run is saved.
    """
    out, photos = start_backbone_run(config, SAVED, resume=resume), photos_to_learn(config)
    with stop_on_signals() as stop, training_bar("pretraining", config.pretrain.num_steps, visible=bar) as show:
        seed, taught = derive_seed(config.seed, "teacher"), Checkpoint(out / "teacher.pt")
        teacher = train_teacher(photos, taught, seed=seed, stop=stop)
        model = start_pretrainer(config, photos)
        take_steps(config, model, teacher, photos, stop=stop, show=show)
    model.vit.eval().save_pretrained(out / "backbone")
    return out / "backbone"


def take_steps(
    config: RunConfig, model: Pretrainer, teacher: Teacher, photos: PretrainPhotos, *, stop: StopRequest, show: Show
) -> None:
    """Take every step from the last saved one on: step, log, save."""
    settings, out = config.pretrain, Path(config.out)
    optimizer = Muon(model, ["vit.encoder"], learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
    checkpoint = Checkpoint(out / "pretrain.pt")
    start = checkpoint.load(model, optimizer).step
    start_log(out / "pretrain.jsonl", start)
    clock = time.monotonic()
    for step in range(start, settings.num_steps):
        rate, done = set_learning_rate(optimizer, step, settings.num_steps, peak=settings.learning_rate), step + 1
        terms = pretrain_step(model, teacher, photos, generator(config.seed, "pretrain", step))
        descend(optimizer, model, terms.total(settings), step=done, out=out)
        numbers = terms.numbers()
        show(done, numbers)
        if done % config.train.log_every == 0:
            seconds = (time.monotonic() - clock) / (done - start)
            append_log(out / "pretrain.jsonl", {"step": done, **numbers, "lr": rate, "s/step": seconds})
            logger.info("step %d %s", done, {name: round(value, 3) for name, value in numbers.items()})
        if done % config.train.save_every == 0 or done == settings.num_steps or stop:
            checkpoint.save(model, optimizer, TrainState(done))
        if stop and done < settings.num_steps:
            raise stop.error(done, settings.num_steps, out)


def descend(optimizer: torch.optim.Optimizer, model: nn.Module, loss: Tensor, *, step: int, out: Path) -> None:
    """Take one step along the gradient, clipped to norm 1.

    Raises:
        TrainingError: The loss or the gradient is not finite; the weights are as they were.
    """
    optimizer.zero_grad()
    loss.backward()
    norm = float(nn.utils.clip_grad_norm_(model.parameters(), 1.0))
    check_finite(step, out, loss=loss.item(), gradient=norm, remedy="lower pretrain.learning_rate")
    optimizer.step()
