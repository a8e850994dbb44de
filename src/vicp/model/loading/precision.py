"""bfloat16 where the processor multiplies it natively, float32 elsewhere (where bfloat16 is far slower)."""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from vicp.errors import ConfigError

Precision = Literal["auto", "float32", "bfloat16"]


def choose_precision(wanted: Precision = "auto", device: str = "cpu") -> Literal["float32", "bfloat16"]:
    """Return what "auto" means on this machine; the environment's VICP_PRECISION (float32, bfloat16) decides first.

    Raises:
        ConfigError: VICP_PRECISION is neither.
    """
    if wanted != "auto":
        return wanted
    match os.environ.get("VICP_PRECISION", "auto"):
        case "float32":
            return "float32"
        case "bfloat16":
            return "bfloat16"
        case "auto":
            pass
        case other:
            raise ConfigError(f"VICP_PRECISION is '{other}'; expected float32, bfloat16 or auto")
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    features = torch.cpu.get_capabilities()
    return "bfloat16" if features.get("amx_bf16") or features.get("avx512_bf16") else "float32"


def autocast(precision: Literal["float32", "bfloat16"], device: str = "cpu") -> AbstractContextManager[object]:
    """Run matrix products in `precision`."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device, dtype=torch.bfloat16)
