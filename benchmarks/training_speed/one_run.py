"""One line of results/training.md: a run of its own, measured in this process or in a fresh one.

    python -m benchmarks.training_speed.one_run REQUEST STEPS

prints what `measure` finds of a request, both as JSON.
"""

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.lib.program import json_of
from benchmarks.training_speed.page import PARTS
from vicp.config import DataConfig, EpisodeConfig, ModelConfig, PartConfig, RunConfig, TrainConfig
from vicp.train.launch import launch
from vicp.train.run import Run, start_run

VIT_S = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6, "image_size": 518, "patch_size": 14}
LLAMA_1B = {  # TinyLlama's widths; vocabulary of two label words, room for 64 pairs of 32 latents
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "vocab_size": 2,
    "max_position_embeddings": 8192,
}


def in_a_process(request: dict[str, Any], num_steps: int) -> dict[str, Any]:
    """`measure` in a fresh process; several processes share the cores."""
    threads = max(1, (os.cpu_count() or 1) // request.get("processes", 1))
    enough = torch.cuda.device_count() >= 2 or "processes" not in request  # else two processes meet on the CPU
    hidden = {} if enough else {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "benchmarks.training_speed.one_run", json.dumps(request), str(num_steps)]
    return json_of(str(request), command, {"OMP_NUM_THREADS": str(threads), **hidden})


def measure(request: dict[str, Any], num_steps: int) -> dict[str, Any]:
    """Seconds a step, drawing included, with the second look at the same steps timed: features are there by then."""
    if "processes" in request:
        return measure_processes(request, num_steps)
    run = start_run(config_of(request))
    steps = range(num_steps + 1)
    for step in steps[: 1 if request.get("keep_features") is False else None]:
        run.take_step(step, run.method.sample(step))
    seconds, drawing = [], []
    with parts_timed(run.method.module) as parts:
        for step in steps[1:]:
            clock = time.perf_counter()
            batches = run.method.sample(step)
            drawing.append(time.perf_counter() - clock)
            run.take_step(step, batches)
            seconds.append(time.perf_counter() - clock)
    step_seconds = statistics.median(seconds)
    return {
        "seconds": step_seconds,
        "images_per_second": run.method.photos_per_step / step_seconds,
        "trainable": sum(p.numel() for p in run.method.module.parameters() if p.requires_grad),
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
            world_identities=max(request.get("identities", 32), request["photos"]),
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


def memory(run: Run) -> dict[str, float]:
    """Peak memory in MB: of this process and, where there is one, of the accelerator."""
    peak = {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    if run.accelerator.device.type == "cuda":
        peak["accelerator_mb"] = torch.cuda.max_memory_allocated() / 2**20
    return peak


@contextmanager
def parts_timed(module: nn.Module) -> Iterator[dict[str, float]]:
    """Seconds spent in the forward pass of each part of VICP; the backward pass is what is left."""
    spent: dict[str, float] = {}
    hooks = []
    model = getattr(module, "model", None)
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


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]), int(sys.argv[2]))))
