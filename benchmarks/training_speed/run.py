"""What training costs: every method, cached features, two processes, and the paper's preset part by part.

    python -m benchmarks.training_speed.run [--steps 2] [--photos 16] [--only processes]

Writes results/training.md and .json. Every line is a run of its own in a process of its own (that is how its peak
memory is known), on the same photos of the procedural world, with random weights: speed does not depend on them.
"""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.lib.program import ROOT, study_parser
from benchmarks.lib.results import write_results
from benchmarks.training_speed.one_run import in_a_process
from benchmarks.training_speed.page import FULL_DEPTH, page
from vicp.model.loading.precision import choose_precision

CPU_DEPTH = 1  # layers of the LLM where there is no GPU
METHODS: dict[str, dict[str, Any]] = {
    "VICP": {"method": "vicp"},
    "static prompts, per layer": {"method": "static"},
    "Triplet": {"method": "finetune", "loss": "triplet"},
    "Triplet, LoRA": {"method": "finetune", "loss": "triplet", "tune": "lora", "lora_layers": 4},
    "ArcFace": {"method": "finetune", "loss": "arcface"},
    "AdaFace": {"method": "finetune", "loss": "adaface"},
    "SCL": {"method": "finetune", "loss": "supcon"},
}


def main() -> None:
    parser = study_parser(__doc__, out=ROOT / "results" / "training")
    parser.add_argument("--steps", type=int, default=2, help="timed steps, after one that is not")
    parser.add_argument("--photos", type=int, default=16, help="photos per step")
    parser.add_argument("--only", choices=["methods", "features", "processes", "paper"], help="measure this part anew")
    arguments = parser.parse_args()
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
            facts = json.loads(arguments.out.with_suffix(".json").read_text())
            facts[arguments.only] = parts[arguments.only]()
        else:
            facts = {
                "command": f"python -m benchmarks.training_speed.run --steps {arguments.steps} "
                f"--photos {arguments.photos}",
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
    write_results(arguments.out, facts, page(facts))


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


if __name__ == "__main__":
    main()
