"""Pretrains mini's backbone: the factors of the procedural world, a teacher's patches, natural photos told apart."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vicp.config import PretrainConfig, RunConfig
from vicp.config_files import dump_config
from vicp.data.augment import random_view
from vicp.data.images import ImageTransform, normalise
from vicp.data.natural import NATURAL_FACTORS, dress, read_photos
from vicp.data.seeds import derive_seed, generator
from vicp.data.sources.world import FACTORS, NUM_VALUES, draw_silhouettes, draw_values
from vicp.data.sources.world_render import render
from vicp.errors import ConfigError
from vicp.model.backbone import Backbone
from vicp.model.build import vision_backbone
from vicp.train.check import check_ranges
from vicp.train.muon import Muon
from vicp.train.resume import Checkpoint, Standing, append_log, check_same_settings, start_log
from vicp.train.schedule import set_learning_rate
from vicp.train.start import start_backbone
from vicp.train.teacher import TEACHER_DIM, Teacher, train_teacher

logger = logging.getLogger(__name__)
WORN = [NATURAL_FACTORS.index(name) for name in ("hue", "texture", "decal", "light")]


class Pretrainer(nn.Module):
    """A ViT with what its pretraining asks of it: every factor, the teacher's patches, and one vector per view.

    The factor heads are MLPs, so that the features need not be linear in the factors.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        width = backbone.width
        self.vit = backbone.vit.requires_grad_(True).train()
        self.vit.set_attn_implementation("eager")  # faster than SDPA in training on a CPU
        self.factors = nn.Sequential(
            nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, len(FACTORS) * NUM_VALUES)
        )
        self.dressed = nn.Sequential(
            nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, len(WORN) * NUM_VALUES)
        )
        self.patches = nn.Linear(width, TEACHER_DIM)
        self.views = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, 128))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """CLS and mean patch (B, 2D), and the patch tokens (B, N, D), of photos (B, 3, S, S)."""
        tokens = self.vit(pixel_values=pixels).last_hidden_state  # (B, 1+N, D)
        return torch.cat([tokens[:, 0], tokens[:, 1:].mean(dim=1)], dim=-1), tokens[:, 1:]


@dataclass(frozen=True)
class PretrainTerms:
    """The losses of one step and the share of factor values read right."""

    factors: Tensor
    patches: Tensor
    views: Tensor
    dressed: Tensor
    accuracy: Tensor


def pretrain(config: RunConfig, *, resume: bool = False) -> Path:
    """Trains the backbone of `config.model` and saves it in transformers' format; returns its folder.

    Raises:
        ConfigError: a setting out of range, or a backbone that has weights already or is of another family.
        DataError: `pretrain.photos` cannot be read.
        WeightsError: the run to resume is damaged.
    """
    check_ranges(config)
    settings, out = config.pretrain, Path(config.out)
    if config.model.backbone.source is not None or config.model.backbone.family != "dinov2":
        raise ConfigError("model.backbone: pretraining starts from nothing; expected family dinov2 and no source")
    transform = ImageTransform(config.model.image_size, config.model.image_mean, config.model.image_std)
    photos = None
    if settings.photos is not None:
        photos = read_photos(settings.photos, settings.photo_column, transform, key="pretrain.photos")
    silhouettes = draw_silhouettes(settings.num_silhouettes, seed=derive_seed(config.seed, "pretrain"), split="seen")
    if resume:
        check_same_settings(config, out / "pretrain.yaml")
    dump_config(config, out / "pretrain.yaml")
    taught, checkpoint = Checkpoint(out / "teacher.pt"), Checkpoint(out / "pretrain.pt")
    if not resume:
        for old in (taught, checkpoint):
            old.path.unlink(missing_ok=True)
    seed = derive_seed(config.seed, "teacher")
    teacher = train_teacher(settings, silhouettes, transform, taught, seed=seed)
    model = start_pretrainer(config, silhouettes, transform)
    optimizer = Muon(model, ["vit.encoder"], learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
    start = checkpoint.load(model, optimizer).step
    start_log(out / "pretrain.jsonl", start)

    clock = time.monotonic()
    for step in range(start, settings.num_steps):
        rate = set_learning_rate(optimizer, step, settings.num_steps, peak=settings.learning_rate)
        draw = generator(config.seed, "pretrain", step)
        terms = pretrain_step(model, teacher, silhouettes, photos, settings, transform, draw)
        optimizer.zero_grad()
        natural = settings.views_weight * terms.views + settings.dressed_weight * terms.dressed
        (terms.factors + terms.patches + natural).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        done = step + 1
        if done % config.train.log_every == 0:
            values = {name: value.item() for name, value in vars(terms).items()}
            seconds = (time.monotonic() - clock) / (done - start)
            append_log(out / "pretrain.jsonl", {"step": done, **values, "lr": rate, "s/step": seconds})
            logger.info("step %d %s", done, {name: round(value, 3) for name, value in values.items()})
        if done % config.train.save_every == 0 or done == settings.num_steps:
            checkpoint.save(model, optimizer, Standing(done))
    model.vit.eval().save_pretrained(out / "backbone")
    return out / "backbone"


def start_pretrainer(config: RunConfig, silhouettes: Tensor, transform: ImageTransform) -> Pretrainer:
    """A ViT with its heads: from `train.backbone`, or fresh from the seed with a patch embedding that whitens.

    Raises:
        WeightsError: `train.backbone` does not fit.
    """
    seed = derive_seed(config.seed, "backbone")
    draw = generator(config.seed, "whitening")
    values = draw_values(256, generator=draw)
    shapes = silhouettes[torch.randint(len(silhouettes), (256,), generator=draw)]
    pixels = normalise(render(values, shapes, size=transform.size, generator=draw), transform)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Pretrainer(vision_backbone(config.model, seed=seed))
    if config.train.backbone is not None:
        start_backbone(config, model.vit)
        return model
    embeddings = model.vit.embeddings
    whiten_patches(embeddings.patch_embeddings.projection, pixels)
    nn.init.normal_(embeddings.position_embeddings, std=0.2, generator=draw)
    return model


@torch.no_grad()
def whiten_patches(projection: nn.Conv2d, pixels: Tensor) -> None:
    """Sets a patch embedding to the whitened principal components of patches.

    Fine texture has a thousandth of the variance of plain colour; under random filters a ViT is long in finding it.

    Args:
        projection: (D, 3, p, p) filters, set in place, the strongest components first.
        pixels: normalised photos (B, 3, S, S).
    """
    patches = F.unfold(pixels, projection.kernel_size, stride=projection.stride).transpose(1, 2).flatten(0, 1)
    patches = patches - patches.mean(dim=0)  # (B*N, 3*p*p)
    variance, components = torch.linalg.eigh(patches.T @ patches / len(patches))  # ascending
    variance = variance.flip(0)[: projection.out_channels]
    components = components.flip(1)[:, : projection.out_channels]  # (3*p*p, <= D)
    floor = 0.003 * patches.var()  # what is weaker is sensor noise
    filters = 0.5 * components * (variance + floor).rsqrt()
    projection.weight[: filters.shape[1]] = filters.T.reshape(-1, *projection.weight.shape[1:])
    if projection.bias is not None:
        projection.bias.zero_()


def pretrain_step(
    model: Pretrainer,
    teacher: Teacher,
    silhouettes: Tensor,
    photos: Tensor | None,
    settings: PretrainConfig,
    transform: ImageTransform,
    draw: torch.Generator,
) -> PretrainTerms:
    """A batch of world objects, and two views each of some natural photos, in one forward."""
    values = draw_values(settings.batch_size, generator=draw)  # (B, 6)
    shapes = silhouettes[torch.randint(len(silhouettes), (settings.batch_size,), generator=draw)]
    pixels = [render(values, shapes, size=transform.size, generator=draw)]
    if photos is not None:
        chosen = photos[torch.randint(len(photos), (settings.photos_per_step,), generator=draw)]
        pixels += [random_view(chosen, generator=draw), random_view(chosen, generator=draw)]
    worn = draw_values(settings.dressed_per_step if photos is not None else 0, generator=draw)
    if photos is not None and len(worn):
        shown, scenes = photos[torch.randint(len(photos), (2 * NUM_VALUES,), generator=draw)].chunk(2)
        pixels.append(dress(shown, scenes, worn, generator=draw))
    inputs = normalise(torch.cat(pixels), transform)
    features, patches = model(inputs)  # (B + 2 * photos, 2D), (B + 2 * photos, N, D)
    shown = teacher.patches(inputs, round(patches.shape[1] ** 0.5))
    logits = model.factors(features[: len(values)]).unflatten(-1, (len(FACTORS), NUM_VALUES))
    views = model.views(features[len(values) : len(features) - len(worn)])
    return PretrainTerms(
        factors=F.cross_entropy(logits.flatten(0, 1), values.flatten()),
        patches=F.mse_loss(model.patches(patches), shown),
        views=two_view_loss(views, settings.temperature) if len(views) else logits.new_zeros(()),
        dressed=_told(model.dressed(features[len(features) - len(worn) :]), worn[:, WORN]),
        accuracy=(logits.argmax(dim=-1) == values).float().mean(),
    )


def _told(logits: Tensor, values: Tensor) -> Tensor:
    """Cross-entropy of factor values (B, F) from logits (B, F * 8); 0 without photos."""
    if not len(values):
        return logits.sum()
    return F.cross_entropy(logits.unflatten(-1, (-1, NUM_VALUES)).flatten(0, 1), values.flatten())


def two_view_loss(views: Tensor, temperature: float) -> Tensor:
    """NT-Xent (SimCLR, equation 1) of views (2B, D): rows b and B + b show the same photo."""
    views = F.normalize(views, dim=-1)
    logits = views @ views.T / temperature  # (2B, 2B)
    logits = logits.masked_fill(torch.eye(len(views), dtype=torch.bool), float("-inf"))
    partner = torch.arange(len(views)).roll(len(views) // 2)
    return F.cross_entropy(logits, partner)
