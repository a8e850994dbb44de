"""The batches of distillation: crops with what the teacher sees in them, and drawn objects with their factor values."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vicp.config import RunConfig
from vicp.data.images import normalise
from vicp.data.procedural.world import sample_objects, sample_silhouettes
from vicp.data.seeds import derive_seed, generator
from vicp.image_transform import ImageTransform
from vicp.io import atomic_write
from vicp.train.distillation.feature_cache import FEATURES, FeatureCache
from vicp.train.distillation.principal import fit_target, parse_target, procrustes
from vicp.train.distillation.student import Student, patchify
from vicp.train.distillation.teacher import EfficientNetLite
from vicp.train.episodes.sources import image_transform

ALIGNED = 512  # photos that targets are turned by
FIRST_OBJECTS, MOST_OBJECTS = 512, 8192  # from so many on, drawn objects are shown again; so many are kept


@dataclass(frozen=True)
class DistillationBatch:
    """Some patches of B photos and the teacher's word on them; M drawn objects, whole, and their factor values.

    Attributes:
        patches: (B, n, 3*p*p), bfloat16.
        visible: Numbers of these patches (B, n); None are all.
        cls: Target of CLS (B, D), of unit length.
        mean: Target of the mean patch (B, D), of unit length.
        middle: The teacher's middle map at these patches (B, n, C).
        late: Its last map there (B, n, C').
        logits: Of its classes (B, 1000).
        objects: Patches of drawn objects (M, N, 3*p*p), bfloat16.
        values: Their factor values (M, F).
    """

    patches: Tensor
    visible: Tensor | None
    cls: Tensor
    mean: Tensor
    middle: Tensor
    late: Tensor
    logits: Tensor
    objects: Tensor
    values: Tensor


class DrawnObjects:
    """Objects of the procedural world; once there are enough, two of three were shown before, mirrored or not.

    Drawing an object costs more than learning from it.

    Args:
        silhouettes: Of the objects.
        size: Height and width in pixels.
    """

    def __init__(self, silhouettes: Tensor, size: int) -> None:
        self._silhouettes, self._size = silhouettes, size
        self._kept: list[tuple[Tensor, Tensor]] = []

    def sample(self, num: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return objects (num, 3, S, S) uint8 and their factor values (num, F)."""
        num_new = num if len(self._kept) < FIRST_OBJECTS else max(1, num // 3)
        pixels, values = sample_objects(num_new, self._silhouettes, size=self._size, generator=draw)
        fresh = list(zip(pixels.clone(), values.clone(), strict=True))
        if num_new < num:
            picks = torch.randint(len(self._kept), (num - num_new,), generator=draw).tolist()
            flips = (torch.rand(num - num_new, generator=draw) < 0.5).tolist()
            again = [self._kept[pick] for pick in picks]
            mirrored = [shown.flip(-1) if flip else shown for (shown, _), flip in zip(again, flips, strict=True)]
            pixels = torch.cat([pixels, torch.stack(mirrored)])
            values = torch.cat([values, torch.stack([value for _, value in again])])
        for each in fresh:
            if len(self._kept) < MOST_OBJECTS:
                self._kept.append(each)
            else:
                self._kept[int(torch.randint(MOST_OBJECTS, (), generator=draw))] = each
        return pixels, values


class DistillationData:
    """Cached crops, the targets fitted on them, and drawn objects.

    Args:
        config: The run's.
        cache: With at least one shard.

    Raises:
        ConfigError: The cache is empty, or a target is not of the form that `parse_target` reads.
        MissingExtraError: The teacher is not installed.
    """

    def __init__(self, config: RunConfig, cache: FeatureCache) -> None:
        settings, width = config.distill, int(config.model.backbone.sizes["hidden_size"])
        self.config, self.cache = config, cache
        self.transform: ImageTransform = image_transform(config)
        self.grid = config.model.image_size // int(config.model.backbone.sizes["patch_size"])
        first = {name: rows.float() for name, rows in cache.first(len(cache), *FEATURES).items()}
        self.cls_target = fit_target(parse_target(settings.cls_target), first, width)
        self.mean_target = fit_target(parse_target(settings.mean_target), first, width)
        self._classifier = EfficientNetLite().classifier.float()
        seed = derive_seed(config.seed, "pretrain")
        silhouettes = sample_silhouettes(config.pretrain.num_silhouettes, seed=seed, split="seen")
        self._objects = DrawnObjects(silhouettes, self.transform.size)

    @torch.no_grad()
    def turn_targets(self, student: Student, path: Path) -> None:
        """Turn both targets towards what a student says before it learns; kept in a file, for runs that go on.

        Similarities do not change under a rotation, so the student need not learn the targets' own axes.
        """
        if not path.exists():
            rows = self.cache.first(ALIGNED, "pixels", *FEATURES)
            tokens = [student(block) for block in self._patches(rows["pixels"]).split(64)]
            said = (torch.cat([t.cls for t in tokens]), torch.cat([t.patches.mean(dim=1) for t in tokens]))
            targets = (self.cls_target, self.mean_target)
            with atomic_write(path) as part:
                torch.save([procrustes(t.of(rows), each) for t, each in zip(targets, said, strict=True)], part)
        of_cls, of_mean = torch.load(path, weights_only=True)
        self.cls_target, self.mean_target = self.cls_target.rotated(of_cls), self.mean_target.rotated(of_mean)

    @torch.no_grad()
    def batch(self, step: int, visible_share: float) -> DistillationBatch:
        """Return the batch of a step; with a share of 1, photos are seen whole."""
        settings, draw = self.config.distill, generator(self.config.seed, "distill", step)
        numbers = torch.randint(len(self.cache), (settings.photos_per_step,), generator=draw)
        rows = self.cache.rows(numbers.sort().values.numpy())
        photos, flip = rows["pixels"], torch.rand(len(numbers), generator=draw) < 0.5
        middle, late = self._at_patches(rows["middle"]), self._at_patches(rows["late"])  # (B, g, g, C)
        photos[flip] = photos[flip].flip(3)
        middle[flip], late[flip] = middle[flip].flip(2), late[flip].flip(2)
        objects, values = self._objects.sample(settings.objects_per_step, draw)
        patches = [self._patches(photos).bfloat16(), middle.flatten(1, 2), late.flatten(1, 2)]
        visible = None
        if visible_share < 1:
            num = self.grid**2
            visible = torch.rand(len(photos), num, generator=draw).argsort(dim=1)[:, : round(visible_share * num)]
            patches = [each.gather(1, visible[:, :, None].expand(-1, -1, each.shape[-1])) for each in patches]
        return DistillationBatch(
            patches=patches[0],
            visible=visible,
            cls=self.cls_target.of(rows),
            mean=self.mean_target.of(rows),
            middle=patches[1],
            late=patches[2],
            logits=self._classifier(rows["pooled"].float()),
            objects=self._patches(objects).bfloat16(),
            values=values,
        )

    def _patches(self, pixels: Tensor) -> Tensor:
        """Return patches (B, N, 3*p*p) of photos (B, 3, S, S) uint8 of any size."""
        inputs, size = normalise(pixels, self.transform), self.transform.size
        if inputs.shape[-1] != size:
            inputs = F.interpolate(inputs, size=(size, size), mode="bilinear", align_corners=False)
        return patchify(inputs, size // self.grid)

    def _at_patches(self, places: Tensor) -> Tensor:
        """Return a map's places (B, n, C) where the student's patches are (B, g, g, C)."""
        side = round(places.shape[1] ** 0.5)
        plane = places.float().unflatten(1, (side, side)).permute(0, 3, 1, 2)
        return F.interpolate(plane, size=(self.grid, self.grid), mode="bilinear").permute(0, 2, 3, 1).contiguous()
