"""The baselines as training methods: the backbone fine-tuned, or one static prompt learned, on the same photos."""

from pathlib import Path

import torch
from torch import Tensor, nn

from vicp.adapt.load import load_backbone_embedder
from vicp.adapt.prompt import STATIC_NAME
from vicp.config import RunConfig
from vicp.data.images import normalise
from vicp.data.seeds import derive_seed
from vicp.errors import ConfigError
from vicp.image_transform import ImageTransform
from vicp.losses.identity import make_identity_loss
from vicp.losses.objective import LossTerms, Objective, weigh
from vicp.model.additions.gradient_checkpointing import checkpoint_layers
from vicp.model.additions.lora import add_lora, merge_lora
from vicp.model.additions.static_prompt import StaticPrompt
from vicp.model.backbone import Backbone
from vicp.model.build import vision_backbone
from vicp.model.loading.backbone_checkpoint import save_backbone
from vicp.model.loading.seeding import seeded
from vicp.model.visual_prompt import VisualPrompt
from vicp.train.distributed import gather
from vicp.train.episodes.batch import Batch, Shard
from vicp.train.episodes.sources import TrainingData, image_transform, make_training_data, sample_step, validation_task
from vicp.train.initialize import initialize_backbone
from vicp.train.methods.method import TrainingMethod, num_joint_steps, photos_per_step
from vicp.train.validation import Ranking, check_ranking

CLASSIFIERS = ("arcface", "adaface")  # a class vector per identity
CONTEXT_STRIDE = 1 << 20  # above every identity of a rule episode


class Baseline(nn.Module):
    """A backbone, a static prompt or none, and a loss on identities.

    Args:
        backbone: Trained where its parameters take gradients.
        prompt: Learned prompt tokens; None embeds plainly.
        loss: Of `make_identity_loss`.
        transform: How pixels become the backbone's input.
        by_context: Identities are defined anew in each context (rule episodes of the procedural world).
    """

    def __init__(
        self,
        backbone: Backbone,
        prompt: StaticPrompt | None,
        loss: nn.Module,
        *,
        transform: ImageTransform,
        by_context: bool,
    ) -> None:
        super().__init__()
        self.backbone, self.prompt, self.loss = backbone, prompt, loss
        self.transform, self.by_context = transform, by_context

    def forward(self, batch: Batch) -> LossTerms:
        """Return L_ID of the photos of C categories."""
        assert batch.photos is not None
        states = None if self.prompt is None else self.backbone.prompt_states(self.prompt())
        pixels = normalise(batch.photos.flatten(0, 1), self.transform)
        features = gather(self.backbone.features(pixels, states).unflatten(0, batch.photos.shape[:2]))  # (C, n, D)
        contexts = torch.arange(len(features), device=features.device)[:, None].expand_as(batch.identities)
        identities = batch.identities + (contexts * CONTEXT_STRIDE if self.by_context else 0)
        loss: Tensor = self.loss(features.flatten(0, 1), identities.flatten(), contexts.flatten())
        return weigh(Objective(), identity=loss)


def baseline_method(config: RunConfig, *, device: torch.device, shard: Shard) -> TrainingMethod:
    """Return the training of a baseline.

    Raises:
        ConfigError: Settings that contradict each other, or the photos.
        DataError: Photos that cannot be used.
        WeightsError: `train.backbone` does not fit.
    """
    settings = config.train
    if config.data.photos is None and settings.loss in CLASSIFIERS:
        raise ConfigError(
            f"train.loss: {settings.loss} needs identities that stay, which rule episodes have not; "
            "set data.photos to your photos or to world, or train.loss to triplet or supcon"
        )
    backbone = _start(config).to(device)
    training_data = make_training_data(config, backbone, num_pairs=None, shard=shard)
    module = _training_module(config, backbone, training_data).to(device).train()
    checkpoint_layers(backbone, on=settings.gradient_checkpointing)
    held_out_batches = validation_task(training_data, config, support=False, photo_tokens=False)

    def sample(step: int) -> list[Batch]:
        contexts = config.episodes.joint_contexts
        return sample_step(
            training_data.train, config, step, None, contexts=contexts, photo_tokens=False, photos=True, shard=shard
        )

    def validate(warm: bool) -> Ranking:
        prompt = None if module.prompt is None else module.prompt().detach()
        ranking = check_ranking(backbone, held_out_batches, image_transform(config), prompt)
        module.train()
        checkpoint_layers(backbone, on=settings.gradient_checkpointing)
        return ranking

    return TrainingMethod(
        module=module,
        matrices=("backbone.vit.encoder", "backbone.vit.layer"),
        num_warmup=0,
        num_steps=num_joint_steps(config, training_data.num_photos),
        photos_per_step=photos_per_step(config),
        sample=sample,
        validate=validate,
        save=lambda folder: save_baseline(config, module, folder),
        tables=training_data.tables,
    )


def save_baseline(config: RunConfig, module: Baseline, folder: Path) -> None:
    """Write a checkpoint that `--backbone FOLDER` and transformers read; a static prompt is in its folder."""
    model, lora = config.model, config.train.method == "finetune" and config.train.tune == "lora"
    vit = merge_lora(module.backbone) if lora else module.backbone.vit
    save_backbone(vit, folder, model.image_transform, pooling=model.pooling)
    if module.prompt is not None:
        VisualPrompt(
            tokens=module.prompt().detach().float().cpu().numpy(),
            states=None,
            category="any",
            num_pairs=0,
            seed=config.seed,
            fingerprint=load_backbone_embedder(str(folder)).fingerprint,
        ).save(folder / STATIC_NAME)


def _start(config: RunConfig) -> Backbone:
    """Return the backbone a baseline starts from: frozen under a static prompt, else with the weights it tunes."""
    settings = config.train
    backbone = vision_backbone(config.model, seed=derive_seed(config.seed, "model"))
    initialize_backbone(config, backbone.vit)
    if settings.method == "static":
        return backbone
    if settings.tune == "lora":
        with seeded(derive_seed(config.seed, "lora")):
            try:
                return add_lora(backbone, rank=settings.lora_rank, last_layers=settings.lora_layers)
            except ValueError as error:
                raise ConfigError(f"train.lora_rank, train.lora_layers: {error}") from error
    return Backbone(backbone.vit.requires_grad_(True), pooling=config.model.pooling, frozen=False)


def _training_module(config: RunConfig, backbone: Backbone, training_data: TrainingData) -> Baseline:
    settings, model = config.train, config.model
    of_classes = settings.loss in CLASSIFIERS
    by_context = training_data.num_identities == 0
    with seeded(derive_seed(config.seed, "training module")):
        prompt = None
        if settings.method == "static":
            prompt = StaticPrompt(backbone, num_prompts=model.num_prompts, per_layer=model.prompts_per_layer)
        loss = make_identity_loss(
            settings.loss,
            num_identities=CONTEXT_STRIDE * config.episodes.joint_contexts
            if by_context
            else training_data.num_identities,
            embedding_dim=backbone.embedding_dim,
            margin=settings.class_margin if of_classes else settings.margin if settings.loss == "triplet" else None,
            scale=settings.class_scale if of_classes else None,
            temperature=settings.temperature,
            mining=settings.mining,
        )
    return Baseline(backbone, prompt, loss, transform=image_transform(config), by_context=by_context)
