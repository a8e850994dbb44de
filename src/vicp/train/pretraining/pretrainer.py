"""A ViT with its pretraining heads, and its initialisation with a whitening patch embedding."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vicp.config import RunConfig
from vicp.data.episodes.natural import NATURAL_FACTORS
from vicp.data.images import normalise
from vicp.data.procedural.world import FACTORS, NUM_VALUES
from vicp.data.seeds import derive_seed, generator
from vicp.model.backbone import Backbone
from vicp.model.build import vision_backbone
from vicp.model.loading.seeding import seeded
from vicp.train.initialize import initialize_backbone
from vicp.train.pretraining.photos import PretrainPhotos
from vicp.train.pretraining.teacher import TEACHER_DIM

WORN = [NATURAL_FACTORS.index(name) for name in ("hue", "texture", "decal", "light")]


class Pretrainer(nn.Module):
    """A ViT with its pretraining heads: every factor, the teacher's patches, and one vector per view.

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
        """Return CLS and mean patch (B, 2D), and the patch tokens (B, N, D), of photos (B, 3, S, S)."""
        tokens = self.vit(pixel_values=pixels).last_hidden_state  # (B, 1+N, D)
        return torch.cat([tokens[:, 0], tokens[:, 1:].mean(dim=1)], dim=-1), tokens[:, 1:]


def start_pretrainer(config: RunConfig, photos: PretrainPhotos) -> Pretrainer:
    """Return a ViT with its heads: from `train.backbone`, or fresh from the seed with a patch embedding that whitens.

    Raises:
        WeightsError: `train.backbone` does not fit.
    """
    seed = derive_seed(config.seed, "backbone")
    draw = generator(config.seed, "whitening")
    objects, _ = photos.objects(256, draw)
    with seeded(seed):
        model = Pretrainer(vision_backbone(config.model, seed=seed))
    if config.train.backbone is not None:
        initialize_backbone(config, model.vit)
        return model
    embeddings = model.vit.embeddings
    whiten_patches(embeddings.patch_embeddings.projection, normalise(objects, photos.transform))
    nn.init.normal_(embeddings.position_embeddings, std=0.2, generator=draw)
    return model


@torch.no_grad()
def whiten_patches(projection: nn.Conv2d, pixels: Tensor) -> None:
    """Set a patch embedding to the whitened principal components of patches.

    Fine texture has a thousandth of the variance of plain colour; under random filters a ViT is long in finding it.

    Args:
        projection: (D, 3, p, p) filters, set in place, the strongest components first.
        pixels: Normalised photos (B, 3, S, S).
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
