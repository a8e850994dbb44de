"""What training costs: every method, cached features, two processes, and the paper's preset part by part.

    python benchmarks/training.py [--steps 2] [--photos 16] [--only processes]

Writes results/training.md and .json. Every line is a run of its own in a process of its own (that is how its peak
memory is known), on the same photos of the procedural world, with random weights: speed does not depend on them.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vicp.config import DataConfig, EpisodeConfig, ModelConfig, PartConfig, RunConfig, TrainConfig
from vicp.model.precision import choose_precision
from vicp.train.launch import launch
from vicp.train.run import Run, start_run

RESULTS = Path(__file__).parent.parent / "results"
VIT_S = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6, "image_size": 518, "patch_size": 14}
LLAMA_1B = {  # TinyLlama's widths; vocabulary of two label words, room for 64 pairs of 32 latents
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "vocab_size": 2,
    "max_position_embeddings": 8192,
}
FULL_DEPTH, CPU_DEPTH = 22, 1
METHODS: dict[str, dict[str, Any]] = {
    "VICP": {"method": "vicp"},
    "static prompts, per layer": {"method": "static"},
    "Triplet": {"method": "finetune", "loss": "triplet"},
    "Triplet, LoRA": {"method": "finetune", "loss": "triplet", "tune": "lora", "lora_layers": 4},
    "ArcFace": {"method": "finetune", "loss": "arcface"},
    "AdaFace": {"method": "finetune", "loss": "adaface"},
    "SCL": {"method": "finetune", "loss": "supcon"},
}
PARTS = {"Q-Former": "connector", "LLM": "reasoner", "visual head": "head", "ViT": "backbone.vit"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2, help="timed steps, after one that is not")
    parser.add_argument("--photos", type=int, default=16, help="photos per step")
    parser.add_argument("--only", choices=["methods", "features", "processes", "paper"], help="measure this part anew")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(json.loads(arguments.one), arguments.steps)))
        return
    on_gpu = torch.accelerator.is_available()
    depth = FULL_DEPTH if on_gpu else CPU_DEPTH
    photos = 256 if on_gpu else arguments.photos
    with tempfile.TemporaryDirectory() as folder:

        def run(name: str, **settings: Any) -> dict[str, Any]:
            print(name, file=sys.stderr, flush=True)
            request = {"photos": photos, "depth": depth, "out": str(Path(folder) / name), **settings}
            return in_a_process(request, arguments.steps)

        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "methods": lambda: {name: run(name, train=settings, pairs=8) for name, settings in METHODS.items()},
            "features": lambda: features(run),
            "processes": lambda: processes(run),
            "paper": lambda: paper(run),
        }
        if arguments.only:
            facts = json.loads((RESULTS / "training.json").read_text())
            facts[arguments.only] = parts[arguments.only]()
        else:
            facts = {
                "command": f"python benchmarks/training.py --steps {arguments.steps} --photos {arguments.photos}",
                "machine": {
                    "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
                    "cores": os.cpu_count(),
                    "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
                    "torch": torch.__version__,
                },
                "precision": choose_precision("auto", "cuda" if torch.cuda.is_available() else "cpu"),
                "photos_per_step": photos,
                "llm_layers": depth,
                **{name: measure_part() for name, measure_part in parts.items()},
            }
    write_results(facts)


def features(run: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """A step of VICP with features of support photos kept, and with all of them computed anew."""
    kept, plain = run("features kept", pairs=64), run("features not kept", pairs=64, keep_features=False)
    return {
        "kept": kept,
        "computed": plain,
        "ratio": plain["seconds"] / kept["seconds"],
    }


def processes(run: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Images per second of two processes with half of the cores (or a GPU) each, over those of one with all."""
    one = run("one process", train=METHODS["Triplet"], processes=1)
    two = run("two processes", train=METHODS["Triplet"], processes=2)
    return {"one": one, "two": two, "ratio": two["images_per_second"] / one["images_per_second"]}


def paper(run: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The paper's preset in bfloat16, with and without gradient checkpointing."""
    checkpointing = {"precision": "bfloat16", "gradient_checkpointing": True}
    return {
        "bf16": run("paper bf16", pairs=64, train={"precision": "bfloat16"}),
        "bf16, checkpointing": run("paper bf16 checkpointing", pairs=64, train=checkpointing),
    }


def config_of(request: dict[str, Any]) -> RunConfig:
    """The run that a line of the table asks for."""
    llama = {**LLAMA_1B, "num_hidden_layers": request["depth"]}
    settings = {"warmup_steps": 0, "joint_steps": 1000, "trackers": (), "save_every": 1000, **request.get("train", {})}
    return RunConfig(
        model=replace(
            ModelConfig(),
            backbone=PartConfig(family="dinov2", sizes=VIT_S),
            reasoner=PartConfig(family="llama", sizes=llama),
        ),
        data=DataConfig(
            photos="world",
            world_categories=4,
            world_identities=max(32, request["photos"]),
            world_photos=4,
            keep_features=request.get("keep_features", True),
        ),
        episodes=EpisodeConfig(
            joint_contexts=1,
            identities=request["photos"] // 4,
            photos=request["photos"],
            pairs=(request.get("pairs", 8),),
            validation_pairs=4,
            validation_episodes=1,
        ),
        train=TrainConfig(**settings),
        out=request["out"],
    )


def measure(request: dict[str, Any], num_steps: int) -> dict[str, Any]:
    """Seconds a step, drawing included, with the second look at the same steps timed: features are there by then."""
    if "processes" in request:
        return measure_processes(request, num_steps)
    run = start_run(config_of(request))
    steps = range(num_steps + 1)
    for step in steps[: 1 if request.get("keep_features") is False else None]:
        run.take_step(step, run.job.draw(step))
    seconds, drawing = [], []
    with parts_timed(run.job.trainee) as parts:
        for step in steps[1:]:
            clock = time.perf_counter()
            batches = run.job.draw(step)
            drawing.append(time.perf_counter() - clock)
            run.take_step(step, batches)
            seconds.append(time.perf_counter() - clock)
    step_seconds = statistics.median(seconds)
    return {
        "seconds": step_seconds,
        "images_per_second": run.job.photos_per_step / step_seconds,
        "trainable": sum(p.numel() for p in run.job.trainee.parameters() if p.requires_grad),
        "shares": {
            "drawing": sum(drawing) / sum(seconds),
            **{name: spent / sum(seconds) for name, spent in parts.items()},
        },
        **memory(run),
    }


def measure_processes(request: dict[str, Any], num_steps: int) -> dict[str, Any]:
    """Images per second as the run's own log has them."""
    config = config_of(request)
    config = replace(
        config, train=replace(config.train, joint_steps=num_steps + 2, log_every=1, save_every=num_steps + 2)
    )
    launch(config, num_processes=request["processes"])
    rows = [json.loads(line) for line in (Path(config.out) / "train.jsonl").read_text().splitlines()]
    speeds = [row["img/s"] for row in rows if "img/s" in row][2:]
    return {"images_per_second": statistics.median(speeds)}


def memory(run: Run) -> dict[str, float]:
    """Peak memory in MB: of this process and, where there is one, of the accelerator."""
    peak = {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    if run.accelerator.device.type == "cuda":
        peak["accelerator_mb"] = torch.cuda.max_memory_allocated() / 2**20
    return peak


@contextmanager
def parts_timed(trainee: nn.Module) -> Iterator[dict[str, float]]:
    """Seconds spent in the forward pass of each part of VICP; the backward pass is what is left."""
    spent: dict[str, float] = {}
    hooks = []
    model = getattr(trainee, "model", None)
    for name, path in PARTS.items() if model is not None else ():
        part = model.get_submodule(path)
        if name == "LLM":
            part = part.llm.get_decoder()
        began: list[float] = []

        def before(*_: object, began: list[float] = began) -> None:
            began.append(now())

        def after(*_: object, began: list[float] = began, name: str = name) -> None:
            spent[name] = spent.get(name, 0.0) + now() - began.pop()

        hooks += [part.register_forward_pre_hook(before), part.register_forward_hook(after)]
    try:
        yield spent
    finally:
        for hook in hooks:
            hook.remove()


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def in_a_process(request: dict[str, Any], num_steps: int) -> dict[str, Any]:
    """`measure` in a fresh process; several processes share the cores."""
    threads = max(1, (os.cpu_count() or 1) // request.get("processes", 1))
    enough = torch.cuda.device_count() >= 2 or "processes" not in request  # else two processes meet on the CPU
    hidden = {} if enough else {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, __file__, "--one", json.dumps(request), "--steps", str(num_steps)],
        env={**os.environ, "OMP_NUM_THREADS": str(threads), **hidden},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{request}: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def write_results(facts: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    machine, paper = facts["machine"], facts["paper"]
    device = machine["accelerator"] or f"{machine['cores']} cores of {machine['processor']}, no accelerator"
    full = facts["llm_layers"] == FULL_DEPTH
    lines = [
        "# What training costs",
        "",
        f"Made by `{facts['command']}` on {device}, torch {machine['torch']}, {facts['precision']} products. ViT-S/14 "
        f"at 224 pixels, LLM of TinyLlama's widths with {facts['llm_layers']} of its {FULL_DEPTH} layers"
        f"{'' if full else ' (reduced: there was no GPU)'}, random weights, {facts['photos_per_step']} photos a step "
        "of the procedural world. Peak memory is of the whole process, photos and LLM included.",
        "",
        "## Methods",
        "",
        "VICP reads 8 pairs here.",
        "",
        "| method | images/s | seconds a step | peak memory, MB | trainable parameters |",
        "|---|---|---|---|---|",
        *(method_line(name, row) for name, row in facts["methods"].items()),
        "",
        "## Features of support photos, kept or computed every step",
        "",
        f"VICP with 64 pairs: {facts['features']['kept']['seconds']:.2f} s a step with them kept, "
        f"{facts['features']['computed']['seconds']:.2f} s without: the plain step takes "
        f"**{facts['features']['ratio']:.2f} times** as long.",
        "",
        "## Two processes",
        "",
        f"Triplet, the same batch: {facts['processes']['one']['images_per_second']:.1f} images/s in one process with "
        f"all cores, {facts['processes']['two']['images_per_second']:.1f} in two that share them: "
        f"**{facts['processes']['ratio']:.2f} times**."
        + ("" if machine["accelerator"] else " Both have the same cores."),
        "",
        "## The paper's preset, 64 pairs of context",
        "",
        "| | seconds a step | images/s | peak memory, MB | "
        + " | ".join(["drawing", *PARTS])
        + " | backward and rest |",
        "|---|---|---|---|" + "---|" * (len(PARTS) + 2),
        *(paper_line(name, row) for name, row in paper.items()),
        "",
        "Shares are of a step's time, the parts' in the forward pass.",
    ]
    (RESULTS / "training.md").write_text("\n".join(lines) + "\n")


def method_line(name: str, row: dict[str, Any]) -> str:
    peak = row.get("accelerator_mb", row["peak_mb"])
    return f"| {name} | {row['images_per_second']:.1f} | {row['seconds']:.2f} | {peak:,.0f} | {row['trainable']:,} |"


def paper_line(name: str, row: dict[str, Any]) -> str:
    shares = [row["shares"].get(part, 0.0) for part in ("drawing", *PARTS)]
    peak = row.get("accelerator_mb", row["peak_mb"])
    cells = " | ".join(f"{share:.0%}" for share in [*shares, 1 - sum(shares)])
    return f"| {name} | {row['seconds']:.2f} | {row['images_per_second']:.1f} | {peak:,.0f} | {cells} |"


if __name__ == "__main__":
    main()
