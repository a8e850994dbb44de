"""How near a GPU comes to its roofline when it embeds photos by a ViT-S/14 at 224 px in bfloat16.

    python -m benchmarks.speed.accelerator --out gpu.json [--device cuda] [--batch 256] [--rounds 20]

The roofline is what the same device reaches in large matrix products of bfloat16, measured beside it; the operations
are those of the network's matrix products. Weights are random and photos are in the device's memory, so that only the
network is timed.
It takes less than five minutes. A CPU takes part too, with `--batch 2 --rounds 1 --side 28 --layers 1 --matrix 64`.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import Dinov2Config, Dinov2Model

from benchmarks.embedding_speed.run import VIT_S
from benchmarks.lib.program import at_least
from vicp.io import atomic_write
from vicp.model.backbone import Backbone, PromptStates

NUM_PROMPTS = 16
GOAL = 0.6  # of the roofline


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="as PyTorch names it")
    parser.add_argument("--batch", type=at_least(1), default=256, help="photos at once")
    parser.add_argument("--rounds", type=at_least(1), default=20)
    parser.add_argument("--side", type=at_least(14), default=224, help="of photos, in pixels")
    parser.add_argument("--layers", type=at_least(1), default=VIT_S["num_hidden_layers"])
    parser.add_argument("--matrix", type=at_least(16), default=8192, help="rows of the roofline's matrices")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    options = parser.parse_args()
    facts = measure(options)
    with atomic_write(options.out) as part:
        part.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    for name in ("bare", "prompted"):
        row = facts[name]
        print(f"{name}: {row['photos_per_second']:,.0f} photos/s, {row['share']:.0%} of the roofline (goal {GOAL:.0%})")


@torch.inference_mode()
def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Photos per second without and with a prompt, and the share of the roofline that each is."""
    config = {**VIT_S, "num_hidden_layers": options.layers, "image_size": options.side}
    backbone = Backbone(Dinov2Model(Dinov2Config(**config)).eval()).to(options.device)
    photos = torch.rand(options.batch, 3, options.side, options.side, device=options.device)
    states = backbone.prompt_states(torch.zeros(NUM_PROMPTS, backbone.width, device=options.device))
    roofline = matrix_rate(options)
    facts: dict[str, Any] = {"device": device_name(options.device), "roofline_tflops": roofline / 1e12}
    for name, prompt in (("bare", None), ("prompted", states)):
        embed = in_bfloat16(backbone, photos, prompt, options.device)
        rate = options.batch / seconds(embed, options.rounds, options.device)
        count = operations(options.side, options.layers, 0 if prompt is None else NUM_PROMPTS)
        facts[name] = {"photos_per_second": rate, "gflop_per_photo": count / 1e9, "share": rate * count / roofline}
    return facts


def operations(side: int, layers: int, num_prompts: int) -> int:
    """Multiplications and additions of a ViT-S/14 on one photo, in its matrix products."""
    width, patch = VIT_S["hidden_size"], VIT_S["patch_size"]
    patches = (side // patch) ** 2
    tokens = patches + 1
    linear = 2 * tokens * width * 12 * width  # queries, keys, values, the output, and an MLP four times as wide
    attention = 2 * 2 * tokens * (tokens + num_prompts) * width
    return 2 * patches * 3 * patch**2 * width + layers * (linear + attention)


def in_bfloat16(
    backbone: Backbone, photos: torch.Tensor, states: PromptStates | None, device: str
) -> Callable[[], object]:
    def embed() -> torch.Tensor:
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
            return backbone.embed(photos, states)

    return embed


def matrix_rate(options: argparse.Namespace) -> float:
    """Operations per second of square matrix products in bfloat16: the roofline of a network of them."""
    left, right = (
        torch.randn(options.matrix, options.matrix, device=options.device, dtype=torch.bfloat16) for _ in range(2)
    )
    return 2 * options.matrix**3 / seconds(lambda: left @ right, options.rounds, options.device)


def seconds(run: Callable[[], object], rounds: int, device: str) -> float:
    """The median seconds of a run over the rounds, after three to warm up."""
    times = []
    for number in range(rounds + 3):
        synchronize(device)
        clock = time.perf_counter()
        run()
        synchronize(device)
        times += [time.perf_counter() - clock] if number >= 3 else []
    return statistics.median(times)


def synchronize(device: str) -> None:
    """Wait until an accelerator has done all that it was given."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else device


if __name__ == "__main__":
    main()
