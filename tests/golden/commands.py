"""The commands whose numbers are kept: each section runs them in this process and names what they print."""

import contextlib
import dataclasses
import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from tests.golden import extract
from tests.golden.extract import Numbers
from tests.golden.photos import write_photos
from tests.train.tiny_runs import tiny_baseline, tiny_run
from typer.testing import CliRunner

from vicp.cli import app
from vicp.config import RunConfig
from vicp.train.loop import train

METHODS = {  # of `teach`: its arguments; tuning is slow with more than the tiny model
    "auto": ("--pairs", "24"),
    "generated": ("--pairs", "24"),
    "metric": ("--pairs", "24"),
    "static": ("--pairs", "24"),
    "null": ("--pairs", "24"),
    "tuned": ("--pairs", "16", "--model", "tiny", "--seed", "1"),
}
PROMISE = ("--false-match-rate", "0.4", "--confidence", "0.6")  # what so few pairs can promise
EVERY_LOSS = {
    "warmup_steps": 1,
    "joint_steps": 2,
    "save_every": 3,
    "learning_rate": 1e-3,
    "precision": "float32",
    "contrastive_weight": 1.0,
    "smooth_ap_weight": 1.0,
    "distil_weight": 1.0,
}


class Commands:
    """What the sections share: a folder with the photos, and the prompts taught so far.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_photos(folder)

    def run(self, *arguments: str) -> Any:
        """What a command prints with --json."""
        environment = {"VICP_CACHE": str(self.folder / "cache"), "VICP_PRECISION": "float32"}
        with contextlib.chdir(self.folder), mock.patch.dict("os.environ", environment):
            result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def teach(self, method: str) -> Numbers:
        """The numbers of `vicp teach` and of the file that it writes."""
        target = self.folder / f"{method}.prompt.safetensors"
        told = self.run(
            "teach", "known", "--category", "thing", "--adapt", method, "--out", target.name, *METHODS[method]
        )
        return {**extract.teach(told), **extract.prompt_file(target)}

    @cached_property
    def taught(self) -> Numbers:
        """The numbers of every method; the prompt files are then there."""
        return extract.together({method: self.teach(method) for method in METHODS})


def ask(commands: Commands) -> Numbers:
    """`identify` and `verify` against a folder."""
    assert commands.taught
    own, alien = "known/n01/00.png", "strangers/n11/01.png"
    numbers = {}
    for method in ("auto", "metric"):
        use = ("--prompt", f"{method}.prompt.safetensors", *PROMISE)
        found = commands.run("identify", "known", own, alien, "--top", "4", *use)
        numbers[f"identify {method}"] = extract.identify(found)
        for name, photo in (("same", "known/n01/02.png"), ("different", alien)):
            numbers[f"verify {method} {name}"] = extract.verify(commands.run("verify", own, photo, *use))
    return extract.together(numbers)


def evaluate(commands: Commands) -> Numbers:
    """`evaluate` of mini and of its frozen backbone, with a second stage."""
    settings = ("--protocol", "closed-set", "--adapt", "null,generated,metric", "--support-draws", "2", "--pairs", "4")
    told = commands.run(
        "evaluate", "mini", "frozen:mini", "--photos", "table.csv", *settings, "--no-diagnose", "--out", "evaluation"
    )
    return extract.evaluate(told)


def demo(commands: Commands) -> Numbers:
    """`demo` on the table."""
    return extract.demo(commands.run("demo", "--photos", "table.csv", "--pairs", "4", "--out", "demo"))


def training(commands: Commands) -> Numbers:
    """A few steps of VICP and of a baseline."""
    vicp = tiny_run(commands.folder / "vicp", **EVERY_LOSS)
    vicp = dataclasses.replace(vicp, model=dataclasses.replace(vicp.model, metric_rank=6, metric_refinement=False))
    short = {"joint_steps": 2, "save_every": 2, "precision": "float32"}
    baseline = tiny_baseline(commands.folder / "baseline", **short)
    prompted = tiny_baseline(commands.folder / "static", method="static", loss="supcon", **short)
    runs = {"vicp": vicp, "finetune": baseline, "static": prompted}
    return extract.together({name: _train(config) for name, config in runs.items()})


def _train(config: RunConfig) -> Numbers:
    train(config)
    return extract.train_log([json.loads(line) for line in (Path(config.out) / "train.jsonl").read_text().splitlines()])


def gallery(commands: Commands) -> Numbers:
    """A gallery from its first photo to a proposal for those without a name."""
    assert commands.taught

    def run(command: str, *arguments: str) -> Any:
        signed = ("--author", "ann") if command in ("create", "enroll", "merge", "undo") else ()
        return commands.run("gallery", command, "gallery", *arguments, *signed)

    run("create", "--prompt", "auto.prompt.safetensors")
    known, strangers = run("enroll", "known"), run("enroll", "strangers.csv", "--category", "thing")
    one, other, alien = "known/n01/00.png", "known/n01/01.png", "strangers/n11/01.png"
    numbers = {
        "enroll known": extract.enroll(known),
        "enroll strangers": extract.enroll(strangers),
        "identify": extract.gallery_identify(run("identify", one, alien, "--top", "3", *PROMISE)),
        "verify": extract.gallery_verify(run("verify", one, other, *PROMISE)),
        "full": extract.stats(run("stats")),
    }
    run("merge", "n01", "n02")
    numbers["merged"] = extract.stats(run("stats"))
    numbers["identify merged"] = extract.gallery_identify(run("identify", one, "--top", "3", *PROMISE))
    run("undo")
    numbers["undone"] = extract.stats(run("stats"))
    for method in ("agglomerative", "hdbscan"):
        numbers[method] = extract.cluster(run("cluster", "--method", method))
    return extract.together(numbers)


SECTIONS: dict[str, Callable[[Commands], Numbers]] = {
    "teach": lambda commands: commands.taught,
    "ask": ask,
    "evaluate": evaluate,
    "demo": demo,
    "training": training,
    "gallery": gallery,
}


def measure(commands: Commands, section: str) -> Numbers:
    """The numbers of a section, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {name: extract.rounded(value) for name, value in SECTIONS[section](commands).items()}
    finally:
        torch.set_num_threads(threads)
