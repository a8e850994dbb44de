"""A graph that is ready to run, by ONNX Runtime or by OpenVINO."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vicp.errors import MissingExtraError, WeightsError
from vicp.extras import explain_missing_extras

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Runtime = Literal["onnx", "openvino"]
Array = NDArray[Any]


class Session(Protocol):
    """A graph that is ready to run."""

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Array]) -> list[Array]:
        """Return these of its outputs."""
        ...


def open_session(path: Path, runtime: Runtime) -> Session:
    """Return the graph in an ONNX file, ready to run on the CPU in float32.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        WeightsError: The file is missing or damaged.
    """
    try:
        return _onnx_session(path) if runtime == "onnx" else OpenVinoSession(path)
    except MissingExtraError:
        raise
    except Exception as error:  # the errors of either library have no class in common but this
        first_line = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise WeightsError(f"{path}: missing or damaged ({first_line}): `vicp export` makes it again") from error


def _num_threads() -> int:
    """Return how many threads a graph may use; 0 is one per core."""
    return int(os.environ.get("OMP_NUM_THREADS") or 0)


def _onnx_session(path: Path) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads sleep
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class OpenVinoSession:
    """A graph that OpenVINO runs.

    Args:
        path: The ONNX file.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        RuntimeError: The file is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        with explain_missing_extras():
            import openvino

        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": _num_threads()}
        self._compiled = openvino.Core().compile_model(path, "CPU", settings)

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Array]) -> list[Array]:
        """Return these of its outputs."""
        found = self._compiled(dict(inputs))
        return [np.array(found[name]) for name in outputs]
