"""Open a model with the engine that suits it: ONNX Runtime where it is exported, PyTorch elsewhere."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from vicp.errors import ConfigError
from vicp.model.packaged import packaged
from vicp.runtime.engine import EngineName
from vicp.runtime.exported import EXPORT_NAME, ExportedModel
from vicp.runtime.onnx_engine import OnnxEngine
from vicp.runtime.photo_encoder import PhotoEncoder, encoder_of

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
    if engine not in ("auto", "torch", "onnx"):
        raise ConfigError(f"engine {engine!r}: expected auto, torch or onnx")
    folder = packaged(source) or Path(source)
    is_exported = engine != "torch" and (folder / EXPORT_NAME).is_file()
    if is_exported and (engine == "onnx" or find_spec("onnxruntime") is not None):
        exported = ExportedModel.read(folder)
        if kind == "any" or exported.is_backbone == (kind == "backbone"):
            return PhotoEncoder(OnnxEngine(folder, exported, source))
    if engine == "onnx":
        raise ConfigError(f"{source}: no exported model there: `vicp export {source} --out FOLDER`, then give FOLDER")
    from vicp.adapt.checkpoints import open_embedder
    from vicp.adapt.load import load_backbone_embedder, load_model

    loaders = {"any": open_embedder, "model": load_model, "backbone": load_backbone_embedder}
    return encoder_of(loaders[kind](source))
