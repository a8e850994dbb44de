"""VICP as a training method: episodes with a context, first on cached tokens, then with prompted photos."""

from collections.abc import Sequence

import torch

from vicp.config import RunConfig
from vicp.data.seeds import derive_seed
from vicp.errors import ConfigError
from vicp.losses.objective import Objective
from vicp.model.loading.checkpoint import save_checkpoint
from vicp.model.loading.seeding import seeded
from vicp.model.vicp import VICP
from vicp.train.episodes.batch import Batch, Shard
from vicp.train.episodes.sources import image_transform, make_training_data, pairs_of_step, sample_step, validation_task
from vicp.train.initialize import initialize_components, initialize_model
from vicp.train.methods.method import TrainingMethod, num_joint_steps, photos_per_step
from vicp.train.methods.vicp_losses import VICPTrainingModule
from vicp.train.validation import ContextCheck, check_context

MATRICES = (
    "model.qformer.transformer",
    "model.reasoner.llm.model.layers",
    "model.reasoner.pairs",  # of the set transformer
    "model.reasoner.queries",
)


def vicp_method(config: RunConfig, *, device: torch.device, shard: Shard) -> TrainingMethod:
    """Return the training of the prompt generator; the backbone and, by default, the LLM stay frozen.

    Raises:
        ConfigError: Settings that contradict each other, or the photos.
        DataError: Photos that cannot be used.
        WeightsError: `train.backbone` does not fit.
    """
    episodes, num_warmup = config.episodes, config.train.warmup_steps
    model = _trainable_model(config).to(device)
    module = make_training_module(config, model).to(device)
    training_data = make_training_data(config, model.backbone, num_pairs=max(episodes.pairs), shard=shard)
    initialize_components(model, training_data.train, config)
    held_out_batches = validation_task(training_data, config, support=True, photo_tokens=module.needs_photo_tokens)

    def sample(step: int) -> list[Batch]:
        warm = step < num_warmup
        contexts = episodes.contexts if warm else episodes.joint_contexts
        return sample_step(
            training_data.train,
            config,
            step,
            pairs_of_step(config, step),
            contexts=contexts,
            photo_tokens=module.needs_photo_tokens,
            photos=not warm,
            shard=shard,
        )

    def validate(warm: bool) -> ContextCheck:
        check = check_context(model, held_out_batches, image_transform(config), rank=not warm)
        model.train()
        return check

    return TrainingMethod(
        module=module,
        matrices=MATRICES,
        num_warmup=num_warmup,
        num_steps=num_warmup + num_joint_steps(config, training_data.num_photos),
        photos_per_step=photos_per_step(config),
        sample=sample,
        validate=validate,
        save=lambda folder: save_checkpoint(model, folder),
        tables=training_data.tables,
    )


def _trainable_model(config: RunConfig) -> VICP:
    """Return the model that training starts from, with the parts frozen that do not learn."""
    model = initialize_model(config)
    check_fits(config, model)
    freeze_all_but(model, config.train.learns)
    model.set_gradient_checkpointing(config.train.gradient_checkpointing)
    return model


def make_training_module(config: RunConfig, model: VICP) -> VICPTrainingModule:
    """Return the model with the losses that `train` weighs; parts without a checkpoint are drawn from the seed."""
    settings = config.train
    with seeded(derive_seed(config.seed, "training module")):
        return VICPTrainingModule(
            model,
            transform=image_transform(config),
            objective=Objective(
                identity=settings.identity_weight,
                icl=settings.icl_weight,
                alignment=settings.align_weight,
                pair=settings.pair_weight,
                agreement=settings.agreement_weight,
                contrastive=settings.contrastive_weight,
                smooth_ap=settings.smooth_ap_weight,
                distillation=settings.distil_weight,
            ),
            margin=settings.margin,
            mining=settings.mining,
        )


def check_fits(config: RunConfig, model: VICP) -> None:
    """Raise `ConfigError` if a context that may be drawn is longer than the LLM's sequence."""
    pairs_by_key = {
        "episodes.pairs": max(config.episodes.pairs),
        "episodes.validation_pairs": config.episodes.validation_pairs,
    }
    for key, num_pairs in pairs_by_key.items():
        if model.max_pairs is not None and num_pairs > model.max_pairs:
            raise ConfigError(
                f"{key}: {num_pairs} pairs do not fit the LLM, which takes "
                f"{model.max_pairs} of {config.model.num_latents} latents per image"
            )


def freeze_all_but(model: VICP, learns: Sequence[str]) -> None:
    """Freeze every part of a model that is not named; an empty `learns` freezes nothing.

    Raises:
        ConfigError: It has no such part, or a frozen one.
    """
    trainable = {name: part for name, part in model.named_children() if any(p.requires_grad for p in part.parameters())}
    for name in learns:
        if name not in trainable:
            raise ConfigError(
                f"train.learns: no part '{name}' of this model can learn; these can: {', '.join(trainable)}"
            )
    if not learns:
        return
    model.prompt_slots.requires_grad_(False)
    for name in trainable.keys() - set(learns):
        trainable[name].requires_grad_(False)
