"""bfloat16 where the processor multiplies it natively, float32 elsewhere (where bfloat16 is far slower)."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]


def choose_precision(wanted: Precision = "auto", device: str = "cpu") -> Literal["float32", "bfloat16"]:
    """What "auto" means on this machine."""
    if wanted != "auto":
        return wanted
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    features = torch.cpu.get_capabilities()
    return "bfloat16" if features.get("amx_bf16") or features.get("avx512_bf16") else "float32"


def autocast(precision: Literal["float32", "bfloat16"], device: str = "cpu") -> AbstractContextManager[object]:
    """Runs matrix products in `precision`."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device, dtype=torch.bfloat16)
