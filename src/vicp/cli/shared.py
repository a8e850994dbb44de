"""What commands share: options, opening a model, the progress bar, and printing."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import vicp
from vicp.cli.render.answers import fitted
from vicp.errors import ConfigError, StoppedError
from vicp.progress import progress_bar

EngineName = Literal["auto", "torch", "onnx", "openvino"]
AdaptMethod = Literal["auto", "null", "static", "prompt", "generated", "metric", "tuned"]
MODEL_HELP = "A checkpoint: `mini` (in the package), a folder, or a hub name."
ModelOption = Annotated[str, typer.Option(help=MODEL_HELP)]
AnyModelOption = Annotated[
    str | None, typer.Option("--model", help=MODEL_HELP, show_default="what the prompt is for, else mini")
]
BackboneOption = Annotated[
    str | None,
    typer.Option(
        help="In place of a VICP model: `distilled` (in the package), any vision model of transformers, or `timm:` and "
        "one of timm."
    ),
]
EngineOption = Annotated[
    EngineName,
    typer.Option(
        help="What runs the backbone; auto is ONNX Runtime, which starts faster, where the model is exported. OpenVINO "
        "runs exported models too."
    ),
]
AdaptOption = Annotated[
    AdaptMethod,
    typer.Option("--adapt", help="How to use the pairs; auto chooses on individuals held out of them."),
]
SideOption = Annotated[
    str | None,
    typer.Option("--viewpoint", help="left or right: what the photos to identify show, where no table says it."),
]
SidesOption = Annotated[
    list[str] | None,
    typer.Option("--viewpoint", help="left or right: the side that both photos show; given twice, that of each."),
]
SkipBadOption = Annotated[bool, typer.Option("--skip-bad", help="Go on without photos that cannot be used.")]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="OURS=THEIRS",
        help="A table's own name of a column, such as identity='Name of cat'; may be given again.",
    ),
]
FoldersOption = Annotated[
    str | None,
    typer.Option(
        "--folders", help="What the folders above a photo are, such as identity/viewpoint or -/category/identity."
    ),
]
BoxesOption = Annotated[
    Path | None,
    typer.Option(
        help="A JSON file of the boxes of animals, of MegaDetector or COCO: each photo is read once per box, cropped."
    ),
]
MinConfidenceOption = Annotated[
    float | None, typer.Option(help="The least confidence of a box, from 0 to 1.", show_default="0.2")
]
MarginOption = Annotated[
    float | None,
    typer.Option(help="Added on every side of a box, as a share of its width and height.", show_default="0.05"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
CacheOption = Annotated[bool, typer.Option("--cache/--no-cache", help="Keep embeddings between runs.")]
SeedOption = Annotated[int, typer.Option(help="Decides every random draw.")]
RATE_RANGE, CONFIDENCE_RANGE = (1e-6, 0.5), (0.5, 0.999)
RateOption = Annotated[
    float,
    typer.Option(help="Of searches for individuals that are not in the gallery, the share that may name one; to 0.5."),
]
PriorOption = Annotated[
    float, typer.Option(help="Probability beforehand that a photo shows somebody new, between 0 and 1.")
]
PairPriorOption = Annotated[
    float, typer.Option(help="Probability beforehand that two photos show two individuals, between 0 and 1.")
]
ConfidenceOption = Annotated[float, typer.Option(help="How sure it is that this share is kept, from 0.5 to 0.999.")]
ConfigOption = Annotated[Path | None, typer.Option(help="A YAML file of settings.")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from the last saved step.")]
OverridesArgument = Annotated[list[str] | None, typer.Argument(help="Settings as key.sub=value.")]


@contextmanager
def open_model(
    model: str | None,
    backbone: str | None,
    *,
    prompts: Sequence["vicp.Prompt | None"] = (),
    skip_bad: bool,
    cache: bool,
    task: str,
    engine: EngineName = "auto",
) -> Iterator["vicp.Model"]:
    """Open a VICP model or, where one is named, a bare backbone; yields it ready for photos.

    Where neither is named it is the one that the prompts are for, if there are any, or `mini`.
    """
    from vicp.runtime.cache import EmbeddingCache, default_cache_folder
    from vicp.runtime.opening import open_encoder

    quiet_loading()
    if model is not None and backbone is not None:
        raise ConfigError(f"--model {model} and --backbone {backbone}: give one of the two")
    if backbone is not None:
        opened = open_encoder(backbone, engine=engine, kind="backbone")
    elif model is not None:
        opened = open_encoder(model, engine=engine, kind="model")
    else:
        named = next((prompt.model for prompt in prompts if prompt is not None and prompt.model is not None), "mini")
        opened = open_encoder(named, engine=engine)
    store = EmbeddingCache(default_cache_folder()) if cache else None
    with progress_bar(task) as progress:
        yield vicp.Model(replace(opened, cache=store, skip_bad=skip_bad, progress=progress))


def quiet_loading() -> None:
    """Turn off progress bars of loading weights, which takes no time, without importing what shows them."""
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # transformers reads it when it is imported
    if "transformers" in sys.modules:
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()


@contextmanager
def going_on() -> Iterator[None]:
    """Say on Ctrl-C that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise StoppedError("stopped: the same command goes on where it was") from stop


def split_names(text: str | None) -> list[str]:
    """Return the names between commas."""
    return [] if text is None else [name.strip() for name in text.split(",") if name.strip()]


def load_prompt(path: Path | None) -> "vicp.Prompt | None":
    """Return the prompt of a file, if one is given."""
    return None if path is None else vicp.Prompt.load(path)


def error_targets(false_match_rate: float, confidence: float) -> "vicp.ErrorTargets":
    """Return the error rates that verdicts are to keep.

    Raises:
        ConfigError: A rate or confidence out of range.
    """
    for option, value, (low, high) in (
        ("--false-match-rate", false_match_rate, RATE_RANGE),
        ("--confidence", confidence, CONFIDENCE_RANGE),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{option} {value:g}: expected a number from {low:g} to {high:g}")
    return vicp.ErrorTargets(false_match_rate=false_match_rate, confidence=confidence)


def print_result(summary: dict[str, Any], lines: list[str], as_json: bool) -> None:
    """Print the facts for programs, or the lines for people."""
    if as_json:
        typer.echo(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            typer.echo("\n".join(fitted(line)))
