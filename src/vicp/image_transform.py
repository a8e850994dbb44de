"""How a photo becomes the model's input: the one description of size, mean, deviation and fit."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import Literal

Fit = Literal["squash", "pad", "crop"]


@dataclass(frozen=True)
class ImageTransform:
    """How a photo becomes the model's input; the defaults are ImageNet's.

    Attributes:
        size: Pixels a side.
        mean: Per channel, of values in [0, 1].
        std: Per channel, of values in [0, 1].
        fit: What makes a photo square: "squash" ignores its aspect ratio (the paper), "pad" adds borders in the mean
            colour, "crop" keeps the middle.

    Raises:
        ValueError: A size below 1, another fit, or not three finite numbers each, std above 0.
    """

    size: int = 224
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    fit: Fit = "squash"

    def __post_init__(self) -> None:
        if self.size < 1 or self.fit not in ("squash", "pad", "crop"):
            raise ValueError(f"size {self.size}, fit {self.fit!r}: expected size >= 1 and squash, pad or crop")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(0 < each < math.inf for each in self.std):
            raise ValueError(f"mean {self.mean}, std {self.std}: expected three numbers each, std above 0")
        if not all(math.isfinite(each) for each in self.mean):
            raise ValueError(f"mean {self.mean}: expected numbers")

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the fields, in hex: equal transforms, equal fingerprints, on any machine."""
        fields = asdict(self) | {"mean": [float(x) for x in self.mean], "std": [float(x) for x in self.std]}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
