"""Every error a user can cause, as one tree.

    VICPError
    ├── ConfigError    a setting that is unknown, misspelt or contradicts another
    ├── DataError      photos, tables or support pairs that cannot be used
    ├── WeightsError   a checkpoint that is missing, damaged or of another shape
    ├── PromptError    a category prompt that is damaged or belongs to another model
    ├── GalleryError   a gallery that cannot answer
    │   └── LockedError    because another process is writing to it
    ├── TrainingError  a run that ended before its time
    │   └── StoppedError   because somebody asked it to; it is saved
    └── MissingExtraError  an optional package that is not installed; also an ImportError

A message says what, got, expected, next step. The command line prints it on one line and exits
with 2, or 130 when somebody stopped it.
"""


class VICPError(Exception):
    """The root: catch this to catch everything that is the input's fault."""


class ConfigError(VICPError):
    """A setting that is unknown, misspelt or contradicts another."""


class DataError(VICPError):
    """Photos, tables or support pairs that cannot be used."""


class WeightsError(VICPError):
    """A checkpoint that is missing, damaged or of another shape."""


class PromptError(VICPError):
    """A category prompt that is damaged or belongs to another model."""


class GalleryError(VICPError):
    """A gallery that is missing, damaged, locked, or cannot answer."""


class LockedError(GalleryError):
    """A gallery that another process is writing to."""


class TrainingError(VICPError):
    """A run that ended before its time."""


class StoppedError(TrainingError):
    """A run that was asked to stop, and saved where it was."""


class MissingExtraError(VICPError, ImportError):
    """An optional package that is not installed."""
