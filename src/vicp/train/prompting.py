"""VICP as a job: episodes with their context, first on cached tokens, then with prompted photos."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModel, PreTrainedModel

from vicp.config import RunConfig
from vicp.data.seeds import derive_seed
from vicp.errors import ConfigError, WeightsError
from vicp.losses.objective import Objective
from vicp.model.build import build_model
from vicp.model.vicp import VICP
from vicp.model.weights import copy_tensors, is_checkpoint, load_weights, own_tensors
from vicp.train.batch import Batch, Ground, Shard
from vicp.train.ground import draw_exam, draw_step, image_transform, make_grounds, pairs_of_step
from vicp.train.job import Job, num_joint_steps, photos_per_step
from vicp.train.step import Trainee
from vicp.train.validate import ContextCheck, check_context

DIRECTION_EPISODES = 64  # whose photos set the directions that fresh parts start from


def vicp_job(config: RunConfig, *, device: torch.device, shard: Shard) -> Job:
    """Training of the generator; the backbone, and the LLM unless told otherwise, stay frozen.

    Raises:
        ConfigError: settings that contradict each other, or the photos.
        DataError: photos that cannot be used.
        WeightsError: `train.backbone` does not fit.
    """
    settings, episodes = config.train, config.episodes
    model = start_model(config).to(device)
    check_fits(config, model)
    freeze_all_but(model, settings.learns)
    model.set_gradient_checkpointing(settings.gradient_checkpointing)
    trainee = make_trainee(config, model).to(device)
    grounds = make_grounds(config, model.backbone, num_pairs=max(episodes.pairs), shard=shard)
    start_directions(model, grounds.train, config)
    exam = draw_exam(grounds, config, support=True, asked=trainee.needs_asked)
    num_warmup = settings.warmup_steps

    def draw(step: int) -> list[Batch]:
        warm = step < num_warmup
        contexts = episodes.contexts if warm else episodes.joint_contexts
        return draw_step(
            grounds.train,
            config,
            step,
            pairs_of_step(config, step),
            contexts=contexts,
            asked=trainee.needs_asked,
            photos=not warm,
            shard=shard,
        )

    def validate(warm: bool) -> ContextCheck:
        check = check_context(model, exam, image_transform(config), rank=not warm)
        model.train()
        return check

    def save(folder: Path) -> None:
        model.save_pretrained(folder)

    return Job(
        trainee=trainee,
        matrices=(
            "model.connector.qformer",
            "model.reasoner.llm.model.layers",
            "model.reasoner.pairs",  # of the set transformer
            "model.reasoner.queries",
        ),
        num_warmup=num_warmup,
        num_steps=num_warmup + num_joint_steps(config, grounds.num_photos),
        photos_per_step=photos_per_step(config),
        draw=draw,
        validate=validate,
        save=save,
    )


def make_trainee(config: RunConfig, model: VICP) -> Trainee:
    """The model with the losses of `train`; what is fresh in it comes from the seed."""
    settings = config.train
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, "trainee"))
        return Trainee(
            model,
            transform=image_transform(config),
            objective=Objective(
                icl=settings.icl_weight,
                alignment=settings.align_weight,
                pair=settings.pair_weight,
                agreement=settings.agreement_weight,
                contrastive=settings.contrastive_weight,
            ),
            margin=settings.margin,
            mining=settings.mining,
        )


def start_directions(model: VICP, ground: Ground, config: RunConfig) -> None:
    """Sets what is fresh of metric head, glance and evidence by the readouts of photos to train on."""
    told = set() if config.train.start is None else _parts(own_tensors(load_weights(Path(config.train.start))))
    head, glance, evidence = model.metric_head, model.connector.glance, model.evidence
    if (head is None and glance is None) or {"connector", "evidence"} <= told or (told and evidence is None):
        return
    episodes = [ground.draw(config.episodes, 0, config.seed, "directions", n) for n in range(DIRECTION_EPISODES)]
    tokens = torch.cat([ground.tokens(episode.pool, episode.batch) for episode in episodes]).float()
    encoding = model.backbone.split(tokens, config.model.image_size)
    readouts = encoding.readout(model.backbone.readout).to(model.prompt_slots.device)
    if glance is not None and not told:
        glance.start_from(readouts)
    readouts = torch.nn.functional.normalize(readouts, dim=-1)
    if head is not None and not told:
        head.start_from(readouts)
    if head is not None and evidence is not None:
        evidence.start_from(head.along(readouts))


def check_fits(config: RunConfig, model: VICP) -> None:
    """Raises `ConfigError` if a context that may be drawn is longer than the LLM was made for."""
    wanted = {
        "episodes.pairs": max(config.episodes.pairs),
        "episodes.validation_pairs": config.episodes.validation_pairs,
    }
    for key, num_pairs in wanted.items():
        if model.max_pairs is not None and num_pairs > model.max_pairs:
            raise ConfigError(
                f"{key}: {num_pairs} pairs do not fit the LLM, which takes "
                f"{model.max_pairs} of {config.model.num_latents} latents per image"
            )


def freeze_all_but(model: VICP, learns: Sequence[str]) -> None:
    """Freezes the parts of a model that are not named; none named: nothing.

    Raises:
        ConfigError: it has no such part.
    """
    there = {name: part for name, part in model.named_children() if any(True for _ in part.parameters())}
    for name in learns:
        if name not in there:
            raise ConfigError(f"train.learns: this model has no part '{name}'; it has {', '.join(there)}")
    if not learns:
        return
    model.prompt_slots.requires_grad_(False)
    for name in there.keys() - set(learns):
        there[name].requires_grad_(False)


def start_model(config: RunConfig) -> VICP:
    """A fresh model from the config's seed, its backbone from `train.backbone` where that is given."""
    model = build_model(config.model, seed=derive_seed(config.seed, "model"))
    start = config.train.start
    if start is None:
        start_backbone(config, model.backbone.vit)
    else:
        there, own = own_tensors(load_weights(Path(start))), own_tensors(model)
        fresh = tuple(f"{part}." for part in ("evidence", "trust") if part not in _parts(there))
        own = {name: tensor for name, tensor in own.items() if not name.startswith(fresh)}
        copy_tensors(there, own, where=f"train.start: {start}")
    return model.train()


def _parts(tensors: Mapping[str, Tensor]) -> set[str]:
    """The parts of a model that have any of these tensors."""
    return {name.split(".")[0] for name in tensors}


def start_backbone(config: RunConfig, vit: PreTrainedModel) -> None:
    """Copies the weights of `train.backbone` into a vision model of the same architecture.

    Raises:
        WeightsError: it cannot be loaded, or has other tensors.
    """
    source = config.train.backbone
    if source is not None:
        copy_tensors(_vision_model(source).state_dict(), vit.state_dict(), where=f"train.backbone: {source}")


def _vision_model(source: str) -> PreTrainedModel:
    """The vision model of the packaged `mini`, of a VICP checkpoint's folder, or of one that transformers wrote."""
    if source == "mini" or is_checkpoint(Path(source)):
        return VICP.from_pretrained(source).backbone.vit
    try:
        return AutoModel.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise WeightsError(f"train.backbone: cannot load '{source}'; `vicp pretrain` makes one") from error
