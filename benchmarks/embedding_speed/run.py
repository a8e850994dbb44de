"""What a prompt costs, and how fast photos on disk become embeddings: written to results/embed.md and .json.

    python -m benchmarks.embedding_speed.run [--rounds 5] [--batch 32] [--photos 64]

Every figure is a ratio of two programs timed in turn, round by round, in one process on one machine; the median
over rounds stands in the table. Both use random weights: speed does not depend on them.
"""

import io
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import Dinov2Config, Dinov2Model

from benchmarks.lib.program import ROOT, study_parser
from benchmarks.lib.results import write_results
from vicp.adapt.load import make_embedder
from vicp.config import PartConfig
from vicp.data.procedural.world import world_photos
from vicp.data.sources import open_photos
from vicp.image_transform import ImageTransform
from vicp.model.backbone import Backbone
from vicp.model.build import PRESETS, build_model
from vicp.model.loading.precision import autocast, choose_precision
from vicp.model.vicp import VICP
from vicp.runtime.photo_encoder import encoder_of

NUM_PROMPTS = 16
PHOTO_SIZE = (2016, 1512)  # 3 megapixels, what a phone sends by mail
VIT_S = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6, "image_size": 518, "patch_size": 14}


def main() -> None:
    parser = study_parser(__doc__, out=ROOT / "results" / "embed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--photos", type=int, default=64)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    prompt = prompt_cost(arguments.batch, arguments.rounds)
    files = {
        "mini": from_files(build_model(PRESETS["mini"]), arguments.photos, arguments.rounds),
        "vit_s": from_files(vit_s_model(), arguments.photos, max(1, arguments.rounds // 2)),
    }
    facts = {
        "command": f"python -m benchmarks.embedding_speed.run --rounds {arguments.rounds} "
        f"--batch {arguments.batch} --photos {arguments.photos}",
        "machine": {
            "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        "precision": choose_precision(),
        **prompt,
        "from_files": files,
    }
    write_results(arguments.out, facts, page(facts))


def prompt_cost(batch: int, rounds: int) -> dict[str, object]:
    """Images per second of ViT-S/14 at 224 px: bare, ours without and with a prompt, explicit concatenation."""
    bare = Dinov2Model(Dinov2Config(**VIT_S)).eval()
    vit = Dinov2Model(Dinov2Config(**VIT_S)).eval()
    vit.load_state_dict(bare.state_dict())
    ours = Backbone(vit)
    tokens = torch.randn(NUM_PROMPTS, ours.width)
    pixels = torch.randn(batch, 3, 224, 224)
    precision = choose_precision()

    def timed(run: Callable[[], object]) -> Callable[[], object]:
        def inside() -> object:
            with torch.inference_mode(), autocast(precision):
                return run()

        return inside

    with torch.inference_mode(), autocast(precision):
        states = ours.prompt_states(tokens)
    seconds = interleave(
        {
            "bare": timed(lambda: bare(pixels).last_hidden_state),
            "no_prompt": timed(lambda: ours.encode(pixels)),
            "prompt": timed(lambda: ours.encode(pixels, states)),
            "concatenation": timed(lambda: concatenate(bare, pixels, tokens)),
        },
        rounds,
    )
    ratio = {name: statistics.median(np.divide(seconds["bare"], s)) for name, s in seconds.items()}
    return {
        "batch": batch,
        "num_prompts": NUM_PROMPTS,
        "images_per_s": {name: batch / statistics.median(s) for name, s in seconds.items()},
        "ratio_no_prompt_to_bare": ratio["no_prompt"],
        "ratio_prompt_to_bare": ratio["prompt"],
        "ratio_concatenation_to_bare": ratio["concatenation"],
    }


def concatenate(vit: Dinov2Model, pixels: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """The prompt as tokens, joined before every layer and dropped after it."""
    hidden = vit.embeddings(pixels)
    for layer in vit.encoder.layer:
        joined = torch.cat([tokens.to(hidden.dtype).expand(len(hidden), -1, -1), hidden], dim=1)
        hidden = layer(joined)[:, len(tokens) :]
    return vit.layernorm(hidden)


def vit_s_model() -> VICP:
    """The mini model with its backbone exchanged for a ViT-S/14 at 224 px."""
    backbone = PartConfig(family="dinov2", sizes=VIT_S)
    return build_model(replace(PRESETS["mini"], backbone=backbone, image_size=224))


def from_files(model: VICP, num_photos: int, rounds: int) -> dict[str, float]:
    """Photos per second from JPEG files on disk: ours, and a plain float32 loop over the same vision model."""
    plain = Dinov2Model(model.backbone.vit.config.__class__(**model.backbone.vit.config.to_dict())).eval()
    embedder = make_embedder(model.eval())
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder), num_photos)
        table = open_photos(folder, need_identity=False)
        seconds = interleave(
            {
                "ours": lambda: encoder_of(embedder).embed(table),
                "plain": lambda: plain_loop(plain, Path(folder), embedder.transform),
            },
            rounds,
        )
    return {
        "photos": num_photos,
        "ours_per_s": num_photos / statistics.median(seconds["ours"]),
        "plain_per_s": num_photos / statistics.median(seconds["plain"]),
        "ratio": statistics.median(np.divide(seconds["plain"], seconds["ours"])),
    }


@torch.inference_mode()
def plain_loop(vit: Dinov2Model, folder: Path, transform: ImageTransform) -> torch.Tensor:
    """What one writes first: open, convert, resize, normalise, forward, photo by photo."""
    mean, std = torch.tensor(transform.mean), torch.tensor(transform.std)
    rows = []
    for path in sorted(folder.iterdir()):
        image = Image.open(path).convert("RGB").resize((transform.size, transform.size), Image.Resampling.BICUBIC)
        pixels = (torch.from_numpy(np.array(image)).float() / 255 - mean) / std
        rows.append(vit(pixels.permute(2, 0, 1)[None]).last_hidden_state[:, 0])
    return torch.cat(rows)


def write_photos(folder: Path, num: int) -> None:
    frame = world_photos(num_categories=1, num_identities=num, photos_per_identity=1, size=256)
    for index, data in enumerate(frame["image"]):
        image = Image.open(io.BytesIO(data)).resize(PHOTO_SIZE, Image.Resampling.BICUBIC)
        image.save(folder / f"{index:04d}.jpg", quality=90)


def interleave(programs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each program in each round, after one round to warm up; the order turns from round to round."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    names = list(programs)
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            clock = time.perf_counter()
            programs[name]()
            if number:
                seconds[name].append(time.perf_counter() - clock)
    return seconds


def page(results: dict[str, Any]) -> str:
    """The page of these facts."""
    speed, files = results["images_per_s"], results["from_files"]
    machine = results["machine"]
    lines = [
        "# Embedding speed",
        "",
        f"Made by `{results['command']}` on {machine['cores']} cores of {machine['processor']}, "
        f"torch {machine['torch']}, {results['precision']}.",
        "",
        f"ViT-S/14 at 224 px, batch {results['batch']}, M = {results['num_prompts']} prompt tokens:",
        "",
        "| program | images/s | ratio to bare |",
        "| --- | --- | --- |",
        f"| bare transformers model | {speed['bare']:.1f} | 1.00 |",
        f"| ours, no prompt | {speed['no_prompt']:.1f} | {results['ratio_no_prompt_to_bare']:.3f} |",
        f"| ours, with prompt | {speed['prompt']:.1f} | {results['ratio_prompt_to_bare']:.3f} |",
        f"| prompt tokens concatenated at every layer | {speed['concatenation']:.1f} "
        f"| {results['ratio_concatenation_to_bare']:.3f} |",
        "",
        f"From JPEG files of {PHOTO_SIZE[0]} × {PHOTO_SIZE[1]} px on disk, against a plain float32 loop over the "
        "same vision model:",
        "",
        "| backbone | ours, photos/s | plain loop, photos/s | ratio |",
        "| --- | --- | --- | --- |",
        *(
            f"| {name} | {row['ours_per_s']:.1f} | {row['plain_per_s']:.1f} | {row['ratio']:.2f} |"
            for name, row in files.items()
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
