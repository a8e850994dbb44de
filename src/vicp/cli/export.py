"""The command that writes a model for programs without PyTorch."""

from pathlib import Path
from typing import Annotated

import typer

import vicp
from vicp.cli.shared import JsonOption, print_result, quiet_loading


def export(
    model: Annotated[str, typer.Argument(help="A checkpoint: in the package, a folder, or a hub name.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    prompt: Annotated[
        list[Path] | None, typer.Option("--prompt", help="A category's prompt, from `vicp teach`; may be given again.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model as ONNX, which runs without PyTorch: here with --model FOLDER, or in a program of your own."""
    from vicp.runtime.export.folder import export_model

    quiet_loading()
    prompts = [vicp.Prompt.load(path) for path in prompt or []]
    exported = export_model(model, out, prompts=prompts)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    facts = {
        "folder": str(out),
        "fingerprint": exported.facts.fingerprint,
        "precision": exported.facts.precision,
        "prompts": [one.category for one in prompts],
        "bytes": size,
    }
    names = f" with the prompt for {', '.join(one.category for one in prompts)}" if prompts else ""
    print_result(facts, [f"Wrote {out}{names}: {size / 1e6:.1f} MB. {out / 'README.md'} says how to use it."], as_json)
