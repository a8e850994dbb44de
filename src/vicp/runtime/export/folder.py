"""Write a model as ONNX, so that it runs without PyTorch, from Python or any other language."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.numpy import save_file

from vicp.adapt.checkpoints import open_embedder
from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.errors import WeightsError
from vicp.io import atomic_folder
from vicp.runtime.export.graph import export_backbone, export_prompt_states, stack_states
from vicp.runtime.export.prompts import prompt_arrays, prompt_facts
from vicp.runtime.export.readme import write_readme
from vicp.runtime.exported import EXPORT_NAME, ExportedModel
from vicp.runtime.metric_directions import MetricDirections

BACKBONE, PROMPT_STATES, METRIC_HEAD = "backbone.onnx", "prompt_states.onnx", "metric_head.safetensors"


def export_model(source: str, out: Path, *, prompts: Sequence[Prompt] = ()) -> ExportedModel:
    """Write a model, and prompts of it, into a folder that `vicp.load` opens without PyTorch, and return its facts.

    Args:
        source: A packaged checkpoint, a preset, a folder or a hub name.
        out: The folder; made if absent, and files of an earlier export are written over.
        prompts: Of the model; each becomes `prompts/CATEGORY.safetensors`.

    Raises:
        ConfigError: No such model, or a prompt that cannot be exported.
        PromptError: A prompt belongs to another model.
        WeightsError: The model cannot be had, or the folder not be written.
    """
    embedder = open_embedder(source)
    arrays = {_file_name(prompt): prompt_arrays(embedder, prompt) for prompt in prompts}
    facts = {_file_name(prompt): prompt_facts(prompt) for prompt in prompts}
    exported = describe(embedder)
    try:
        with atomic_folder(out, last=EXPORT_NAME) as part:
            write_graphs(embedder, exported, part)
            (part / EXPORT_NAME).write_text(exported.to_json(), encoding="utf-8")
            (part / "README.md").write_text(write_readme(exported, list(arrays)), encoding="utf-8")
        (out / "prompts").mkdir(exist_ok=True)
        for name, values in arrays.items():
            save_file(values, out / "prompts" / name, metadata=facts[name])
    except OSError as error:
        raise WeightsError(f"{out}: cannot write the exported model ({error.strerror or error})") from error
    return exported


def describe(embedder: Embedder) -> ExportedModel:
    """Return the facts of a model's export."""
    with torch.inference_mode():
        tokens = torch.zeros(1, embedder.backbone.width)
        keys, _ = stack_states(embedder.backbone.prompt_states(tokens))
    layers, heads, _, width = keys.shape
    has_metric = embedder.model is not None and embedder.model.metric_head is not None
    return ExportedModel(
        facts=replace(embedder.facts, precision="float32"),
        prompt_shape=(layers, heads, width),
        backbone=BACKBONE,
        prompt_states=PROMPT_STATES,
        metric_head=METRIC_HEAD if has_metric else None,
    )


def write_graphs(embedder: Embedder, exported: ExportedModel, folder: Path) -> None:
    """Write the graphs, and the directions of the emitted metric where the model has one."""
    export_backbone(embedder.backbone, embedder.transform, folder / exported.backbone)
    export_prompt_states(embedder.backbone, folder / exported.prompt_states)
    head = None if embedder.model is None else embedder.model.metric_head
    if head is not None and exported.metric_head is not None:
        parts = (head.centre, head.input_directions, head.output_directions)
        MetricDirections(*(part.detach().float().numpy() for part in parts)).save(folder / exported.metric_head)


def _file_name(prompt: Prompt) -> str:
    return f"{prompt.category.replace('/', '-')}.safetensors"
