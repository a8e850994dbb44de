"""Trains the generator: episodes in, checkpoint out. First on cached tokens, then with prompted photos."""

import dataclasses
import logging
import time
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModel

from vicp.config import RunConfig, TrainConfig, dump_config
from vicp.data.seeds import derive_seed, generator
from vicp.errors import ConfigError, WeightsError
from vicp.losses.objective import LossTerms, Objective
from vicp.model.build import build_model
from vicp.model.vicp import VICP
from vicp.model.weights import copy_tensors
from vicp.train.muon import Muon
from vicp.train.resume import Checkpoint, append_log, check_same_settings, start_log
from vicp.train.schedule import set_learning_rate
from vicp.train.step import Trainee, joint_step, warmup_step
from vicp.train.validate import check_context
from vicp.train.world import World, draw_batch, make_world

logger = logging.getLogger(__name__)


def train(config: RunConfig, *, resume: bool = False) -> Path:
    """Trains a model on the procedural world and saves it; returns the checkpoint's folder.

    Raises:
        ConfigError: settings that contradict each other.
        WeightsError: `train.backbone` does not fit, or the run to resume is damaged.
    """
    settings, out = config.train, Path(config.out)
    if resume:
        check_same_settings(config, out / "train.yaml")
    model = start_model(config)
    check_fits(config, model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, "trainee"))
        trainee = Trainee(model)
    optimizer = make_optimizer(trainee, settings)
    objective = Objective(
        icl=settings.icl_weight,
        alignment=settings.align_weight,
        pair=settings.pair_weight,
        agreement=settings.agreement_weight,
    )
    checkpoint = Checkpoint(out / "train.pt")
    start = checkpoint.load(trainee, optimizer) if resume else 0
    world = make_world(model, config, "seen", config.episodes.num_silhouettes)
    held_out = make_world(model, config, "choice", config.episodes.validation_silhouettes)
    exam = draw_batch(held_out, config.episodes, 16, config.episodes.validation_episodes, config.seed, "exam")
    dump_config(config, out / "train.yaml")
    start_log(out / "train.jsonl", start)

    clock, num_steps = time.monotonic(), settings.warmup_steps + settings.joint_steps
    for step in range(start, num_steps):
        rate = set_learning_rate(optimizer, *_phase(step, settings), peak=settings.learning_rate)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.seed, "dropout", step))
            terms = take_step(trainee, world, config, objective, step)
        optimizer.zero_grad()
        terms.total.backward()
        nn.utils.clip_grad_norm_(trainee.parameters(), settings.clip_norm)
        optimizer.step()
        done = step + 1
        if done % settings.log_every == 0:
            seconds = (time.monotonic() - clock) / (done - start)
            _log(out, done, {**_numbers(terms), "lr": rate, "s/step": seconds})
        if done % settings.save_every == 0 or done == num_steps:
            _log(out, done, dataclasses.asdict(check_context(model, held_out.tokens, exam)))
            model.train()
            checkpoint.save(trainee, optimizer, done)
    model.eval().save_pretrained(out / "checkpoint")
    return out / "checkpoint"


def take_step(trainee: Trainee, world: World, config: RunConfig, objective: Objective, step: int) -> LossTerms:
    """The losses of one step; its episodes depend on the seed and the step alone."""
    settings, episodes = config.train, config.episodes
    warm = step < settings.warmup_steps
    pick = int(torch.randint(len(episodes.pairs), (), generator=generator(config.seed, "pairs", step)))
    contexts = episodes.contexts if warm else episodes.joint_contexts
    batch = draw_batch(world, episodes, episodes.pairs[pick], contexts, config.seed, step)
    if warm:
        return warmup_step(trainee, world, batch, objective)
    return joint_step(trainee, world, batch, objective, margin=settings.margin, mining=settings.mining)


def make_optimizer(trainee: Trainee, settings: TrainConfig) -> torch.optim.Optimizer:
    """The paper's AdamW, or Muon for the matrices of Q-Former and LLM."""
    if settings.optimizer == "adamw":
        trained = [p for p in trainee.parameters() if p.requires_grad]
        return torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    hidden = ["model.connector.qformer", "model.reasoner.llm.model.layers"]
    return Muon(trainee, hidden, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)


def check_fits(config: RunConfig, model: VICP) -> None:
    """Raises `ConfigError` if a context that may be drawn is longer than the LLM was made for."""
    if model.max_pairs is not None and max(config.episodes.pairs) > model.max_pairs:
        raise ConfigError(
            f"episodes.pairs: {max(config.episodes.pairs)} pairs do not fit the LLM, which takes "
            f"{model.max_pairs} of {config.model.num_latents} latents per image"
        )


def start_model(config: RunConfig) -> VICP:
    """A fresh model from the config's seed, its backbone from `train.backbone` where that is given."""
    model = build_model(config.model, seed=derive_seed(config.seed, "model"))
    if config.train.backbone is not None:
        try:
            pretrained = AutoModel.from_pretrained(config.train.backbone)
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"train.backbone: cannot load '{config.train.backbone}'; `vicp pretrain` makes it"
            ) from error
        copy_tensors(pretrained.state_dict(), model.backbone.vit.state_dict(), where=config.train.backbone)
    return model.train()


def _phase(step: int, settings: TrainConfig) -> tuple[int, int]:
    """Steps done and to do in the current phase: the rate starts anew with the joint phase."""
    if step < settings.warmup_steps:
        return step, settings.warmup_steps
    return step - settings.warmup_steps, settings.joint_steps


def _log(out: Path, step: int, values: dict[str, float]) -> None:
    append_log(out / "train.jsonl", {"step": step, **values})
    logger.info("step %d %s", step, {name: round(value, 4) for name, value in values.items()})


def _numbers(terms: LossTerms) -> dict[str, float]:
    return {name: value.item() for name, value in vars(terms).items() if value is not None}
