"""The teacher: a small convolutional network that learns the world's factors and then supervises a ViT's patches.

On this little data a ViT alone takes ten times the photos a convolution takes to tell a stripe from a star. So the
convolution is taught by labels, and the ViT by the convolution's feature map: a target for every patch.
"""

import logging

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vicp.data.images import normalise
from vicp.data.procedural.world import FACTORS, NUM_VALUES
from vicp.data.seeds import generator
from vicp.model.loading.seeding import seeded
from vicp.train.optim import set_learning_rate
from vicp.train.pretraining.photos import PretrainPhotos
from vicp.train.signals import StopRequest
from vicp.train.state import Checkpoint, TrainState

TEACHER_DIM = 128
logger = logging.getLogger(__name__)


def _block(in_dim: int, out_dim: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_dim, out_dim, 3, stride, 1, bias=False), nn.BatchNorm2d(out_dim), nn.ReLU(inplace=True)
    )


class Teacher(nn.Module):
    """Six convolutions, and a classifier of every factor over their pooled map."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            _block(3, 32, 2),
            _block(32, 64, 2),
            _block(64, 64, 1),
            _block(64, TEACHER_DIM, 2),
            _block(TEACHER_DIM, TEACHER_DIM, 1),
            _block(TEACHER_DIM, TEACHER_DIM, 1),
        )
        self.classify = nn.Sequential(
            nn.Linear(TEACHER_DIM * (1 + 1 + 9), 256), nn.ReLU(), nn.Linear(256, len(FACTORS) * NUM_VALUES)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits (B, 6, 8) of every factor of photos (B, 3, S, S)."""
        found = self.convolutions(pixels)  # (B, 128, S/8, S/8)
        pooled = [found.mean(dim=(2, 3)), found.amax(dim=(2, 3)), F.adaptive_avg_pool2d(found, 3).flatten(1)]
        logits: Tensor = self.classify(torch.cat(pooled, dim=1))
        return logits.view(-1, len(FACTORS), NUM_VALUES)

    @torch.no_grad()
    def patches(self, pixels: Tensor, side: int) -> Tensor:
        """Return features of side x side patches (B, N, 128), normalised over channels."""
        found = F.adaptive_avg_pool2d(self.convolutions(pixels), side).flatten(2).transpose(1, 2)  # (B, N, 128)
        return F.layer_norm(found, (TEACHER_DIM,))


def train_teacher(photos: PretrainPhotos, checkpoint: Checkpoint, *, seed: int, stop: StopRequest) -> Teacher:
    """Return a teacher after `teacher_steps` batches of the world; goes on from its checkpoint where there is one.

    Raises:
        StoppedError: It was asked to stop; what it has learned is saved.
    """
    with seeded(seed):
        teacher = Teacher()
    teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(teacher.parameters(), lr=2e-3, weight_decay=0.02)
    num_steps = photos.settings.teacher_steps
    for step in range(checkpoint.load(teacher, optimizer).step, num_steps):
        set_learning_rate(optimizer, step, num_steps, peak=2e-3)
        draw = generator(seed, "teacher", step)
        objects, values = photos.objects(64, draw)
        logits = teacher(normalise(objects, photos.transform).contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.flatten(0, 1), values.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        done = step + 1
        if done % 100 == 0 or done == num_steps or stop:
            right = (logits.argmax(dim=-1) == values).float().mean(dim=0).tolist()
            logger.info("teacher step %d loss %.3f %s", done, loss.item(), [round(r, 2) for r in right])
            checkpoint.save(teacher, optimizer, TrainState(done))
        if stop:
            raise stop.error(done, num_steps, checkpoint.path.parent)
    return teacher.eval().requires_grad_(False)
