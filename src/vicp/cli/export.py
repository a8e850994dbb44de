"""The command that writes a model for programs without PyTorch."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import vicp
from vicp.cli.render.answers import wrapped
from vicp.cli.shared.opening import quiet_loading
from vicp.cli.shared.options import JsonOption
from vicp.cli.shared.output import print_result
from vicp.errors import ConfigError

if TYPE_CHECKING:
    from vicp.runtime.export.folder import ExportResult


def export(
    model: Annotated[str, typer.Argument(help="A checkpoint: in the package, a folder, or a hub name.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    prompt: Annotated[
        list[Path] | None, typer.Option("--prompt", help="A category's prompt, from `vicp teach`; may be given again.")
    ] = None,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Matrix products in 8 bits: a model of its own, and what that changes is said."),
    ] = False,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Labelled photos for --int8, of individuals that taught no prompt: they say what 8 bits change, and "
            "calibrate the prompts anew.",
            show_default="drawn ones, and prompts promise nothing",
        ),
    ] = None,
    openvino: Annotated[
        bool, typer.Option("--openvino", help="Write the graph in OpenVINO's format too, for programs of your own.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a model as ONNX.

    It runs without PyTorch: here with --model FOLDER, or in a program of your own.
    """
    from vicp.data.sources import open_photos
    from vicp.runtime.export.folder import export_model

    if photos is not None and not int8:
        raise ConfigError("--photos is of --int8: in float32 nothing changes that photos could show, so leave it out")
    quiet_loading()
    prompts = [vicp.Prompt.load(path) for path in prompt or []]
    categories = {one.category for one in prompts}
    only = categories.pop() if len(categories) == 1 else None
    table = None if photos is None else open_photos(photos, category=only)
    result = export_model(model, out, prompts=prompts, int8=int8, openvino=openvino, photos=table)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    facts = {
        "folder": str(out),
        "fingerprint": result.exported.facts.fingerprint,
        "precision": result.exported.facts.precision,
        "prompts": [one.category for one in prompts],
        "bytes": size,
        "precision_loss": None if result.loss is None else asdict(result.loss),
        "uncalibrated": list(result.uncalibrated),
    }
    names = f" with the prompt for {', '.join(one.category for one in prompts)}" if prompts else ""
    lines = [f"Wrote {out}{names}: {size / 1e6:.1f} MB. {out / 'README.md'} says how to use it."]
    print_result(facts, [*lines, *_loss_lines(result, is_drawn=photos is None)], as_json)


def _loss_lines(result: "ExportResult", *, is_drawn: bool) -> list[str]:
    """Return what 8 bits change, and what the prompts can still promise."""
    loss = result.loss
    if loss is None:
        return []
    photos = "drawn photos (--photos takes your own)" if is_drawn else "photos"
    lines = wrapped(
        f"8 bits, on {loss.photos} {photos}: mAP {100 * loss.map:.1f} %, in float32 {100 * loss.map_before:.1f} %; "
        f"{100 * loss.same_nearest:.1f} % of photos keep their nearest photo; similarities change by up to "
        f"{loss.largest_change:.3f}."
    )
    if result.uncalibrated:
        lines += wrapped(
            f"Not calibrated for 8 bits, so that nothing is promised: {', '.join(result.uncalibrated)}. --photos takes "
            "labelled photos of individuals that did not teach the prompt."
        )
    return lines
