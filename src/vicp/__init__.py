"""Tell individuals of any category apart from a handful of labelled pairs of photos."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vicp.adapt.prompt import Prompt
    from vicp.adapt.teach import SuspectPair, TeachResult
    from vicp.api import Model, load
    from vicp.data.records import PhotoTable
    from vicp.data.sources import open_photos
    from vicp.data.sources.detections import BoxFile
    from vicp.decisions.outcome import Candidate, ErrorTargets, Identification, IdentificationReport, Verification
    from vicp.errors import (
        ConfigError,
        DataError,
        GalleryError,
        PromptError,
        StoppedError,
        TrainingError,
        VICPError,
        WeightsError,
    )
    from vicp.estimators import IndividualClassifier, PromptedEmbedder
    from vicp.evaluation.report.evaluation import EvaluationReport
    from vicp.evaluation.run import evaluate
    from vicp.gallery.gallery import Gallery
    from vicp.gallery.photo_filter import PhotoFilter

    __version__: str

_MODULES = {
    "vicp.adapt.prompt": ("Prompt",),
    "vicp.adapt.teach": ("SuspectPair", "TeachResult"),
    "vicp.api": ("Model", "load"),
    "vicp.data.records": ("PhotoTable",),
    "vicp.data.sources": ("open_photos",),
    "vicp.data.sources.detections": ("BoxFile",),
    "vicp.decisions.outcome": ("Candidate", "ErrorTargets", "Identification", "IdentificationReport", "Verification"),
    "vicp.errors": (
        "ConfigError",
        "DataError",
        "GalleryError",
        "PromptError",
        "StoppedError",
        "TrainingError",
        "VICPError",
        "WeightsError",
    ),
    "vicp.estimators": ("IndividualClassifier", "PromptedEmbedder"),
    "vicp.evaluation.report.evaluation": ("EvaluationReport",),
    "vicp.evaluation.run": ("evaluate",),
    "vicp.gallery.gallery": ("Gallery",),
    "vicp.gallery.photo_filter": ("PhotoFilter",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "BoxFile",
    "Candidate",
    "ConfigError",
    "DataError",
    "ErrorTargets",
    "EvaluationReport",
    "Gallery",
    "GalleryError",
    "Identification",
    "IdentificationReport",
    "IndividualClassifier",
    "Model",
    "PhotoFilter",
    "PhotoTable",
    "Prompt",
    "PromptError",
    "PromptedEmbedder",
    "StoppedError",
    "SuspectPair",
    "TeachResult",
    "TrainingError",
    "VICPError",
    "Verification",
    "WeightsError",
    "__version__",
    "evaluate",
    "load",
    "open_photos",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import vicp` stays light."""
    if name == "__version__":
        from importlib.metadata import version

        return version("vicp")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'vicp' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
