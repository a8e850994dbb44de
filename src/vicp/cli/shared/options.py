"""Options that several commands have."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

import vicp
from vicp.errors import ConfigError

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
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
CacheOption = Annotated[bool, typer.Option("--cache/--no-cache", help="Keep embeddings between runs.")]
SeedOption = Annotated[int, typer.Option(help="Decides every random draw.")]
PriorOption = Annotated[
    float, typer.Option(help="Probability beforehand that a photo shows somebody new, between 0 and 1.")
]
PairPriorOption = Annotated[
    float, typer.Option(help="Probability beforehand that two photos show two individuals, between 0 and 1.")
]
ConfigOption = Annotated[Path | None, typer.Option(help="A YAML file of settings.")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from the last saved step.")]
OverridesArgument = Annotated[list[str] | None, typer.Argument(help="Settings as key.sub=value.")]
RATE_RANGE, CONFIDENCE_RANGE = (1e-6, 0.5), (0.5, 0.999)
RateOption = Annotated[
    float,
    typer.Option(help="Of searches for individuals that are not in the gallery, the share that may name one; to 0.5."),
]
ConfidenceOption = Annotated[float, typer.Option(help="How sure it is that this share is kept, from 0.5 to 0.999.")]


@dataclass(frozen=True)
class TargetOptions:
    """The error rates that verdicts are to keep."""

    false_match_rate: RateOption = 0.05
    confidence: ConfidenceOption = 0.9

    def checked(self) -> "vicp.ErrorTargets":
        """Return the rates.

        Raises:
            ConfigError: A rate or confidence out of range.
        """
        for option, value, (low, high) in (
            ("--false-match-rate", self.false_match_rate, RATE_RANGE),
            ("--confidence", self.confidence, CONFIDENCE_RANGE),
        ):
            if not low <= value <= high:
                raise ConfigError(f"{option} {value:g}: expected a number from {low:g} to {high:g}")
        return vicp.ErrorTargets(false_match_rate=self.false_match_rate, confidence=self.confidence)


def split_names(text: str | None) -> list[str]:
    """Return the names between commas."""
    return [] if text is None else [name.strip() for name in text.split(",") if name.strip()]
