"""How a source of photos is read: the same options for every kind of source."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from vicp.data.sources.detections import BoxFile


@dataclass(frozen=True)
class ReadOptions:
    """What is said of a source apart from its path; each field is the argument of `open_photos` of that name."""

    category: str | None = None
    need_identity: bool = True
    skip_bad: bool = False
    columns: Mapping[str, str] | None = None
    folders: str | None = None
    boxes: str | os.PathLike[str] | BoxFile | None = None


DEFAULTS = ReadOptions()
