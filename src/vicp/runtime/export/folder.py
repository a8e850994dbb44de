"""Write a model as ONNX, so that it runs without PyTorch, from Python or any other language."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.numpy import save_file

from vicp.adapt.checkpoints import open_embedder
from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.errors import ConfigError, WeightsError
from vicp.extras import explain_missing_extras
from vicp.io import atomic_folder
from vicp.runtime.export.graph import as_it_is, export_backbone, export_prompt_states, stack_states
from vicp.runtime.export.int8 import (
    PRECISION,
    PrecisionLoss,
    drawn_photos,
    int8_facts,
    precision_loss,
    quantized,
    recalibrated,
)
from vicp.runtime.export.prompts import decision_arrays, prompt_arrays, prompt_facts
from vicp.runtime.export.readme import write_readme
from vicp.runtime.exported import EXPORT_NAME, ExportedModel
from vicp.runtime.exported_engine import ExportedEngine
from vicp.runtime.metric_directions import MetricDirections
from vicp.runtime.photo_encoder import PhotoEncoder, encoder_of

BACKBONE, PROMPT_STATES, METRIC_HEAD = "backbone.onnx", "prompt_states.onnx", "metric_head.safetensors"


@dataclass(frozen=True)
class ExportResult:
    """What an export wrote.

    Attributes:
        exported: The facts of the model.
        loss: What its precision changes; None in float32.
        uncalibrated: Categories whose prompt promises nothing, since no labelled photo of theirs was given.
    """

    exported: ExportedModel
    loss: PrecisionLoss | None = None
    uncalibrated: tuple[str, ...] = ()


def export_model(
    source: str,
    out: Path,
    *,
    prompts: Sequence[Prompt] = (),
    int8: bool = False,
    openvino: bool = False,
    photos: PhotoTable | None = None,
) -> ExportResult:
    """Write a model, and prompts of it, into a folder that `vicp.load` opens without PyTorch.

    Args:
        source: A packaged checkpoint, a preset, a folder or a hub name.
        out: The folder; made if absent, and files of an earlier export are written over.
        prompts: Of the model; each becomes `prompts/CATEGORY.safetensors`.
        int8: Matrix products in 8 bits: a model of its own, whose prompts are `prompts/CATEGORY.prompt.safetensors`.
        openvino: Write the graph in OpenVINO's format too.
        photos: Labelled ones, which say what 8 bits change and calibrate the prompts anew; drawn ones if None.

    Raises:
        ConfigError: No such model, or a prompt that cannot be exported.
        DataError: Photos that cannot be used.
        MissingExtraError: OpenVINO is not installed.
        PromptError: A prompt belongs to another model.
        WeightsError: The model cannot be had, or the folder not be written.
    """
    embedder = open_embedder(source)
    if not embedder.takes_prompts:
        raise ConfigError(f"{source}: backbones of timm are not exported: they run by PyTorch alone")
    arrays = {_file_name(prompt): prompt_arrays(embedder, prompt) for prompt in prompts}
    exported = describe(embedder, int8=int8)
    loss, written = None, list(prompts)
    try:
        with atomic_folder(out, last=EXPORT_NAME) as part:
            write_graphs(embedder, exported, part)
            if openvino:
                write_openvino(part / exported.backbone)
            if int8:
                encoder = PhotoEncoder(ExportedEngine(part, exported))
                loss = precision_loss(encoder_of(embedder), encoder, drawn_photos() if photos is None else photos)
                written = [recalibrated(prompt, encoder, photos) for prompt in prompts]
            (part / EXPORT_NAME).write_text(exported.to_json(), encoding="utf-8")
            (part / "README.md").write_text(write_readme(exported, list(arrays)), encoding="utf-8")
        (out / "prompts").mkdir(exist_ok=True)
        for prompt, (name, values) in zip(written, arrays.items(), strict=True):
            save_file(values | decision_arrays(prompt), out / "prompts" / name, metadata=prompt_facts(prompt))
            if int8:
                prompt.save(out / "prompts" / f"{Path(name).stem}.prompt.safetensors")
    except OSError as error:
        raise WeightsError(f"{out}: cannot write the exported model ({error.strerror or error})") from error
    uncalibrated = tuple(prompt.category for prompt in written if int8 and prompt.held_out is None)
    return ExportResult(exported, loss, uncalibrated)


def write_openvino(graph: Path) -> None:
    """Write a graph in OpenVINO's format next to it, in the same precision.

    Raises:
        MissingExtraError: OpenVINO is not installed.
    """
    with explain_missing_extras():
        import openvino

    openvino.save_model(openvino.convert_model(graph), graph.with_suffix(".xml"), compress_to_fp16=False)


def describe(embedder: Embedder, *, int8: bool = False) -> ExportedModel:
    """Return the facts of a model's export."""
    with torch.inference_mode():
        tokens = torch.zeros(1, embedder.backbone.width)
        keys, _ = stack_states(embedder.backbone.prompt_states(tokens))
    layers, heads, _, width = keys.shape
    has_metric = embedder.model is not None and embedder.model.metric_head is not None
    facts = replace(embedder.facts, precision="float32")
    return ExportedModel(
        facts=int8_facts(facts) if int8 else facts,
        prompt_shape=(layers, heads, width),
        backbone=BACKBONE,
        prompt_states=PROMPT_STATES,
        metric_head=METRIC_HEAD if has_metric else None,
    )


def write_graphs(embedder: Embedder, exported: ExportedModel, folder: Path) -> None:
    """Write the graphs, and the directions of the emitted metric where the model has one."""
    change = quantized if exported.facts.precision == PRECISION else as_it_is
    export_backbone(embedder.backbone, embedder.transform, folder / exported.backbone, change=change)
    export_prompt_states(embedder.backbone, folder / exported.prompt_states)
    head = None if embedder.model is None else embedder.model.metric_head
    if head is not None and exported.metric_head is not None:
        parts = (head.centre, head.input_directions, head.output_directions)
        MetricDirections(*(part.detach().float().numpy() for part in parts)).save(folder / exported.metric_head)


def _file_name(prompt: Prompt) -> str:
    return f"{prompt.category.replace('/', '-')}.safetensors"
