"""A backbone as ONNX graphs: photos and the keys and values of a prompt in, embedding and patch tokens out."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from vicp.data.images import normalise
from vicp.image_transform import ImageTransform
from vicp.model.backbone import Backbone, PromptStates

OPSET = 20
GraphChange = Callable[[onnx.ModelProto], onnx.ModelProto]
_EXAMPLE_PHOTOS, _EXAMPLE_PROMPTS = 2, 3  # a size of 1 would be taken for a constant


class _PromptedBackbone(nn.Module):
    """Photos (B, 3, S, S) uint8, keys and values (L, H, M, d) -> embedding (B, D'), patch tokens (B, N, D)."""

    def __init__(self, backbone: Backbone, transform: ImageTransform, attention: list[nn.Module]) -> None:
        super().__init__()
        self.backbone = backbone
        self.transform = transform
        self.attention = attention

    def forward(self, pixels: Tensor, prompt_keys: Tensor, prompt_values: Tensor) -> tuple[Tensor, Tensor]:
        states = {
            module: (prompt_keys[layer, None], prompt_values[layer, None])
            for layer, module in enumerate(self.attention)
        }
        encoding = self.backbone.encode(normalise(pixels, self.transform), states)
        pooled = encoding.pool(self.backbone.pooling)
        return nn.functional.normalize(pooled, dim=-1), encoding.patches


class _PromptStates(nn.Module):
    """Prompt tokens (L, M, D) -> keys and values (L, H, M, d)."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        return stack_states(self.backbone.batched_prompt_states(tokens[:, None]))


def stack_states(states: PromptStates) -> tuple[Tensor, Tensor]:
    """Return the keys and values (L, H, M, d) of one prompt, first layer to last."""
    keys, values = zip(*states.values(), strict=True)
    return torch.cat(keys), torch.cat(values)


def export_backbone(backbone: Backbone, transform: ImageTransform, path: Path, *, change: GraphChange) -> None:
    """Write the graph of a backbone; it takes any number of photos, and of prompt tokens from 0.

    Args:
        backbone: A frozen one, float32.
        transform: The graph normalises pixels itself; size and fit are the caller's.
        path: The file.
        change: Makes the graph to write of the one in float32.
    """
    size = transform.size
    tokens = torch.randn(len(backbone.layers), _EXAMPLE_PROMPTS, backbone.width)
    with torch.no_grad():
        states = backbone.prompt_states(tokens)
    pixels = torch.randint(0, 256, (_EXAMPLE_PHOTOS, 3, size, size), dtype=torch.uint8)
    keys, values = stack_states(states)
    photos, prompts = torch.export.Dim("photos", min=1), torch.export.Dim("prompt_tokens", min=0)
    module = _PromptedBackbone(backbone, transform, list(states)).eval()
    _export(
        module,
        (pixels, keys, values),
        path,
        inputs=("pixels", "prompt_keys", "prompt_values"),
        outputs=("photo_embedding", "patch_tokens"),
        shapes=({0: photos}, {2: prompts}, {2: prompts}),
        change=change,
    )


def as_it_is(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph itself."""
    return model


def export_prompt_states(backbone: Backbone, path: Path) -> None:
    """Write the graph that makes keys and values of prompt tokens (L, M, D)."""
    tokens = torch.randn(len(backbone.layers), _EXAMPLE_PROMPTS, backbone.width)
    _export(
        _PromptStates(backbone).eval(),
        (tokens,),
        path,
        inputs=("tokens",),
        outputs=("prompt_keys", "prompt_values"),
        shapes=({1: torch.export.Dim("prompt_tokens", min=1)},),
    )


def _export(
    module: nn.Module,
    arguments: tuple[Tensor, ...],
    path: Path,
    *,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    shapes: tuple[dict[int, torch.export.Dim], ...],
    change: GraphChange = as_it_is,
) -> None:
    with torch.no_grad(), _quiet_exporter():
        program = torch.onnx.export(
            module,
            arguments,
            dynamo=True,
            opset_version=OPSET,
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=shapes,
            verbose=False,
        )
    assert program is not None, "torch returns the program where it is given no file"
    onnx.save_model(halve(change(without_remarks(program.model_proto))), path)


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep what the exporter says of itself off the screen."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def without_remarks(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model without what the exporter noted of its own source files, and without intermediate shapes."""
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:], graph.value_info[:]
    graph.doc_string = model.doc_string = ""
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output, *model.functions):
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
    return model


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with every weight that float16 holds exactly stored so, and cast when the graph is loaded."""
    graph, casts = model.graph, []
    for weight in graph.initializer:
        if weight.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(weight)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if values.size < 256 or not np.array_equal(half.astype(np.float32), values):
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(half, f"{name}_float16"))
        casts.append(helper.make_node("Cast", [f"{name}_float16"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model
