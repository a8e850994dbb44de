"""Pretrains mini's backbone: the factors of the procedural world, a teacher's patches, natural photos told apart."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vicp.config import PretrainConfig, RunConfig, dump_config
from vicp.data.augment import random_view
from vicp.data.images import ImageTransform, normalise, photo_pixels
from vicp.data.seeds import derive_seed, generator
from vicp.data.sources.world import FACTORS, NUM_VALUES, draw_silhouettes, draw_values
from vicp.data.sources.world_render import render
from vicp.errors import DataError
from vicp.model.build import vision_backbone
from vicp.train.resume import Checkpoint, append_log
from vicp.train.schedule import set_learning_rate
from vicp.train.teacher import TEACHER_DIM, Teacher, train_teacher

logger = logging.getLogger(__name__)


class Pretrainer(nn.Module):
    """A ViT with what its pretraining asks of it: every factor, the teacher's patches, and one vector per view.

    The factor heads are MLPs, so that the features need not be linear in the factors.
    """

    def __init__(self, vit: nn.Module, width: int) -> None:
        super().__init__()
        self.vit = vit
        self.factors = nn.Sequential(
            nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, len(FACTORS) * NUM_VALUES)
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
    accuracy: Tensor


def pretrain(config: RunConfig, *, resume: bool = False) -> Path:
    """Trains the backbone of `config.model` and saves it in transformers' format; returns its folder.

    Raises:
        DataError: `pretrain.photos` cannot be read.
    """
    settings, out = config.pretrain, Path(config.out)
    transform = ImageTransform(config.model.image_size, config.model.image_mean, config.model.image_std)
    backbone = vision_backbone(config.model, seed=derive_seed(config.seed, "backbone"))
    vit = backbone.vit.requires_grad_(True).train()
    vit.set_attn_implementation("eager")  # faster than SDPA in training on a CPU
    model = Pretrainer(vit, backbone.width)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    photos = None if settings.photos is None else natural_photos(settings, transform)
    silhouettes = draw_silhouettes(
        settings.num_silhouettes, seed=derive_seed(config.seed, "pretrain"), split="seen"
    )
    out.mkdir(parents=True, exist_ok=True)
    checkpoints = Checkpoint(out / "teacher.pt"), Checkpoint(out / "pretrain.pt")
    if not resume:
        for old in checkpoints:
            old.path.unlink(missing_ok=True)
    seed = derive_seed(config.seed, "teacher")
    teacher = train_teacher(settings, silhouettes, transform, checkpoints[0], seed=seed)
    checkpoint = checkpoints[1]
    start = checkpoint.load(model, optimizer)
    dump_config(config, out / "pretrain.yaml")

    clock = time.monotonic()
    for step in range(start, settings.num_steps):
        rate = set_learning_rate(optimizer, step, settings.num_steps, peak=settings.learning_rate)
        draw = generator(config.seed, "pretrain", step)
        terms = pretrain_step(model, teacher, silhouettes, photos, settings, transform, draw)
        optimizer.zero_grad()
        (terms.factors + terms.patches + terms.views).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % config.train.log_every == 0:
            values = {name: value.item() for name, value in vars(terms).items()}
            seconds = (time.monotonic() - clock) / (step + 1 - start)
            append_log(out / "pretrain.jsonl", {"step": step + 1, **values, "lr": rate, "s/step": seconds})
            logger.info("step %d %s %.2f s/step", step + 1, values, seconds)
        if (step + 1) % config.train.save_every == 0 or step + 1 == settings.num_steps:
            checkpoint.save(model, optimizer, step + 1)
    vit.eval().save_pretrained(out / "backbone")
    return out / "backbone"


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
    inputs = normalise(torch.cat(pixels), transform)
    features, patches = model(inputs)  # (B + 2 * photos, 2D), (B + 2 * photos, N, D)
    shown = teacher.patches(inputs, round(patches.shape[1] ** 0.5))
    logits = model.factors(features[: len(values)]).unflatten(-1, (len(FACTORS), NUM_VALUES))
    views = model.views(features[len(values) :])
    return PretrainTerms(
        factors=F.cross_entropy(logits.flatten(0, 1), values.flatten()),
        patches=F.mse_loss(model.patches(patches), shown),
        views=two_view_loss(views, settings.temperature) if len(views) else logits.new_zeros(()),
        accuracy=(logits.argmax(dim=-1) == values).float().mean(),
    )


def two_view_loss(views: Tensor, temperature: float) -> Tensor:
    """NT-Xent (SimCLR, equation 1) of views (2B, D): rows b and B + b show the same photo."""
    views = F.normalize(views, dim=-1)
    logits = views @ views.T / temperature  # (2B, 2B)
    logits = logits.masked_fill(torch.eye(len(views), dtype=torch.bool), float("-inf"))
    partner = torch.arange(len(views)).roll(len(views) // 2)
    return F.cross_entropy(logits, partner)


def natural_photos(settings: PretrainConfig, transform: ImageTransform) -> Tensor:
    """The photos of a Parquet column, uint8 (n, 3, S, S)."""
    try:
        column = pq.read_table(settings.photos, columns=[settings.photo_column]).column(0)
    except (OSError, ValueError) as error:
        raise DataError(f"pretrain.photos: cannot read {settings.photos} ({error})") from error
    pixels = [torch.from_numpy(photo_pixels(data.as_py(), transform)) for data in column]
    return torch.stack(pixels).permute(0, 3, 1, 2).contiguous()  # (n, 3, S, S)
