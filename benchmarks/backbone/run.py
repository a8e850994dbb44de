"""What a backbone is worth on real sets and on the drawn world, in results/backbone.md and .json.

    python -m benchmarks.backbone.run --backbone FOLDER --previous FOLDER --sets FOLDER
        [--training runs/mini/distilled-backbone]

Its teacher (EfficientNet-Lite0's pooled features at 224 pixels) and the backbone of the step before stand next to it.
Parts that are done are kept in runs/backbone, and a stopped study goes on. Pilots made before join the page:
`--pilots FILE.json`.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.backbone.page import page
from benchmarks.backbone.scores import BURSTS, COUNTS, SETS, WITH_BURSTS, load_set, score
from benchmarks.checkpoint.factor_probes import probe
from benchmarks.lib.program import ROOT, at_least, command_of, run, study_parser
from benchmarks.lib.results import kept, write_results
from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_backbone_embedder
from vicp.data.images import normalise
from vicp.train.distillation.teacher import EfficientNetLite

SEEN = ("grocery", "lego_minifig")  # their photos, without identities
NO_EVIDENCE = ("cattely",)  # one clip per cow
TEACHER_SIZE = 224


def main() -> None:
    parser = study_parser(__doc__, out=ROOT / "results" / "backbone")
    parser.add_argument("--backbone", type=Path, required=True, help="folder of transformers")
    parser.add_argument("--previous", type=Path, required=True, help="folder of that of the step before, mean and CLS")
    parser.add_argument("--sets", type=Path, required=True, help="folder of NAME.parquet")
    parser.add_argument("--photos", nargs=2, type=at_least(64), default=[4096, 2048], help="to fit probes and to test")
    parser.add_argument("--training", type=Path, help="folder of its training")
    parser.add_argument("--pilots", type=Path, help="JSON of pilots made before")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "backbone", help="folder of finished parts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    facts = {"command": command_of(parser, options, "benchmarks.backbone.run"), **study(options)}
    write_results(options.out, facts, page(facts))


def study(options: argparse.Namespace) -> dict[str, Any]:
    """The facts of the page."""
    backbone = load_backbone_embedder(str(options.backbone))
    previous = load_backbone_embedder(str(options.previous), pooling="both")
    teacher = EfficientNetLite(TEACHER_SIZE).bfloat16()
    readers: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
        "backbone": (reader(backbone), backbone.transform.size),
        "teacher": (lambda pixels: teacher(pixels).pooled, TEACHER_SIZE),
        "previous": (reader(previous), previous.transform.size),
    }
    rows = {
        who: kept(
            options.runs / f"{who}-{key(who, backbone, previous)}.json", lambda read=read: scores(*read, options.sets)
        )
        for who, read in readers.items()
    }
    probes = {
        who: kept(options.runs / f"probes-{each.fingerprint}.json", lambda each=each: probe(each, *options.photos))
        for who, each in (("backbone", backbone), ("previous", previous))
    }
    return {
        "unit": "percent",
        "size": backbone.transform.size,
        "parameters": sum(parameter.numel() for parameter in backbone.backbone.parameters()),
        "seen": list(SEEN),
        "no_evidence": list(NO_EVIDENCE),
        "bars": {"frozen": 53.0, "pairs64": 64.0},
        "sets": rows["backbone"],
        "mean": means(rows["backbone"]),
        **{who: {"sets": rows[who], "mean": means(rows[who])} for who in ("teacher", "previous")},
        "probes": {"photos": options.photos, **probes},
        "training": training(options.training) if options.training else None,
        "pilots": json.loads(options.pilots.read_text(encoding="utf-8")) if options.pilots else None,
    }


def key(who: str, backbone: Embedder, previous: Embedder) -> str:
    """What makes a part another one."""
    return {"backbone": backbone.fingerprint, "previous": previous.fingerprint}.get(who, str(TEACHER_SIZE))


def reader(embedder: Embedder) -> Callable[[Tensor], Tensor]:
    """Readouts of photos (B, 3, S, S) uint8, its matrix products in bfloat16."""

    @torch.inference_mode()
    def read(pixels: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return embedder.backbone.features(normalise(pixels, embedder.transform)).float()

    return read


def scores(read: Callable[[Tensor], Tensor], size: int, folder: Path) -> dict[str, dict[str, float]]:
    """Scores by set."""
    found = {}
    for name in SETS:
        photos = load_set(folder / f"{name}.parquet", size)
        features = torch.cat([read(block).float() for block in photos.pixels.split(64)])
        found[name] = score(features, photos)
        if name in BURSTS:
            found[name + WITH_BURSTS] = score(features, photos.with_bursts())
    return found


def means(sets: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Means of the eight sets with bursts, and of those that are evidence: unseen, no bursts, no single clips."""
    eight = [name for name in sets if name + WITH_BURSTS not in sets]
    unseen = [name for name in sets if name not in (*SEEN, *NO_EVIDENCE) and WITH_BURSTS not in name]

    def mean(names: list[str], count: str) -> float:
        return round(float(np.mean([sets[name][count] for name in names])), 2)

    return {count: mean(eight, count) for count in COUNTS} | {
        f"{count}_unseen": mean(unseen, count) for count in COUNTS
    }


def training(folder: Path) -> dict[str, Any]:
    """How long a backbone was trained, from the log of its run."""
    lines = (folder / "distill.jsonl").read_text(encoding="utf-8").splitlines()
    return {"steps": json.loads(lines[-1])["step"], "last": json.loads(lines[-1])}


if __name__ == "__main__":
    run(main)
