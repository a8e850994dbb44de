"""What the weights of a module are: their fingerprint, and whether they are numbers at all."""

import dataclasses
import json
from collections.abc import Iterator

import torch
from torch import nn

from vicp.config import ModelConfig
from vicp.errors import WeightsError
from vicp.io import content_digest

SAMPLED_ELEMENTS = 1 << 22


def fingerprint(module: nn.Module, config: ModelConfig | None = None) -> str:
    """Return a digest, 16 hexadecimal digits, of all weights and of every setting that changes what a prompt means.

    Of a tensor above 8 M elements, 4 M to 8 M evenly spaced ones are read, so that a billion parameters take
    a second. Where backbone and reasoner came from does not count, only what they are.
    """
    settings = {} if config is None else dataclasses.asdict(config)
    settings = {name: value for name, value in settings.items() if name not in ("backbone", "reasoner")}

    def parts() -> Iterator[bytes]:
        yield json.dumps(settings, sort_keys=True).encode()
        for name, tensor in sorted(module.state_dict().items()):
            yield f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode()
            flat = tensor.detach().flatten()
            sampled = flat[:: max(1, flat.numel() // SAMPLED_ELEMENTS)].contiguous().cpu()
            yield sampled.view(torch.uint8).numpy().tobytes()

    return content_digest(parts()).hex()


def check_weights(module: nn.Module, source: str) -> None:
    """Check that a checkpoint's weights are numbers, which what a diverged training saved are not.

    Raises:
        WeightsError: Some are not.
    """
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise WeightsError(
                f"{source}: weights that are no numbers (NaN or infinite), the first in {name}; take another checkpoint"
            )
