"""Open a model with the engine that suits it: ONNX Runtime or OpenVINO where it is exported, PyTorch elsewhere."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from vicp.errors import ConfigError
from vicp.model.loading.packaged import packaged
from vicp.runtime.engine import EngineName
from vicp.runtime.exported import EXPORT_NAME, ExportedModel
from vicp.runtime.exported_engine import ExportedEngine
from vicp.runtime.photo_encoder import PhotoEncoder, encoder_of
from vicp.runtime.sessions import Runtime

Kind = Literal["any", "model", "backbone"]


def open_encoder(source: str, *, engine: EngineName = "auto", kind: Kind = "any") -> PhotoEncoder:
    """Return what embeds photos with a model: a packaged one, a preset, a folder or a hub name.

    Args:
        source: Where the model is.
        engine: "auto" is ONNX Runtime where it is installed and the model exported, and PyTorch elsewhere.
        kind: What it must be: a VICP model, or a bare backbone.

    Raises:
        ConfigError: No such engine, the model is not exported, or its config is not one of this version.
        WeightsError: There is no such model, or its weights cannot be used.
    """
    if engine not in get_args(EngineName):
        raise ConfigError(f"engine {engine!r}: expected {', '.join(get_args(EngineName))}")
    folder = packaged(source) or Path(source)
    runtime: Runtime = "openvino" if engine == "openvino" else "onnx"
    is_exported = engine != "torch" and (folder / EXPORT_NAME).is_file()
    if is_exported and (engine != "auto" or find_spec("onnxruntime") is not None):
        exported = ExportedModel.read(folder)
        if kind == "any" or exported.facts.is_backbone == (kind == "backbone"):
            return PhotoEncoder(ExportedEngine(folder, exported, source, runtime, is_named=engine != "auto"))
    if engine in get_args(Runtime):
        raise ConfigError(f"{source}: no exported model there: `vicp export {source} --out FOLDER`, then give FOLDER")
    from vicp.adapt.checkpoints import open_embedder
    from vicp.adapt.load import load_backbone_embedder, load_model

    loaders = {"any": open_embedder, "model": load_model, "backbone": load_backbone_embedder}
    return encoder_of(loaders[kind](source))
