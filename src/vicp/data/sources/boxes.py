"""Columns that say where in a photo an individual is -> one box a row, in the words of W3C media fragments.

A box is text: `xywh=30,300,200,150` in pixels of the upright photo, `xywh=percent:3.3,50,22,25` of its sides, or ""
for the whole photo. Behind a path and `#` it names one individual of a photo that shows several.
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

BAD_BOX = "bad:"  # in place of a box that cannot be read, before what was there
_Meaning = Literal["width", "corners", "centre"]  # of four numbers
_WIDTHS = (  # names, in lower case and without signs, of x, y, width and height
    ("bboxx", "bboxy", "bboxwidth", "bboxheight"),
    ("bboxx", "bboxy", "bboxw", "bboxh"),
    ("bbox1", "bbox2", "bbox3", "bbox4"),
    ("bboxleft", "bboxtop", "bboxwidth", "bboxheight"),
    ("x", "y", "w", "h"),
    ("left", "top", "width", "height"),
)
_CORNERS = (  # of left, top, right and bottom
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("bboxxmin", "bboxymin", "bboxxmax", "bboxymax"),
    ("bboxleft", "bboxtop", "bboxright", "bboxbottom"),
    ("left", "top", "right", "bottom"),
)
_CENTRES = (  # of the centre, width and height, as YOLO has them
    ("xcenter", "ycenter", "width", "height"),
    ("xcentre", "ycentre", "width", "height"),
    ("centerx", "centery", "width", "height"),
    ("xcenter", "ycenter", "w", "h"),
    ("cx", "cy", "w", "h"),
    ("xc", "yc", "w", "h"),
)
_MEANINGS: dict[_Meaning, tuple[tuple[str, ...], ...]] = {"width": _WIDTHS, "corners": _CORNERS, "centre": _CENTRES}
_WHOLE: dict[_Meaning, tuple[str, ...]] = {  # names of a column of four numbers
    "width": ("bbox", "box", "boundingbox", "bboxrelative", "bboxxywh", "xywh"),
    "corners": ("bboxxyxy", "boxxyxy", "xyxy"),
    "centre": ("bboxcxcywh", "cxcywh", "bboxxywhn", "xywhn"),
}
_NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")


def box_column(frame: pd.DataFrame, given: str | None = None) -> tuple[pd.Series | None, tuple[str, ...]]:
    """Return a box per row and the columns that it was read from; None where the table has no boxes.

    Boxes whose numbers are all between 0 and 1 are shares of the photo's sides, others are pixels. A box of shares
    among boxes of pixels cannot be read, nor can percent.

    Args:
        frame: A table, its columns as they are called there.
        given: The column that holds [x, y, width, height], where the user says so.
    """
    by_key = {_key(name): str(name) for name in frame}
    whole = given or next((by_key[key] for keys in _WHOLE.values() for key in keys if key in by_key), None)
    if whole is not None:
        rows = [_four(value) for value in frame[whole]] if whole in frame else []
        of_four: _Meaning = next((meaning for meaning, keys in _WHOLE.items() if _key(whole) in keys), "width")
        return _boxes(rows, frame[whole], of_four), (whole,)
    for meaning, names in ((meaning, names) for meaning, several in _MEANINGS.items() for names in several):
        if all(name in by_key for name in names):
            columns = [by_key[name] for name in names]
            values = frame[columns].astype(object).to_numpy()
            return _boxes([_four(list(row)) for row in values], values.tolist(), meaning), tuple(columns)
    return None, ()


def _key(name: object) -> str:
    """Return the name of a column in lower case and without signs."""
    return re.sub(r"[\W_]+", "", str(name)).casefold()


def _four(value: Any) -> list[float] | None:
    """Return the four numbers of a box; [] where none is given, None where it cannot be read."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        parts = [str(part) for part in value if part is not None and str(part).strip() not in ("", "nan", "None")]
    elif value is None or (isinstance(value, float) and math.isnan(value)) or str(value).strip() in ("", "[]", "nan"):
        parts = []
    else:
        text = str(value).strip()
        is_percent = "%" in text or "percent" in text
        parts = _of_object(text) if text.startswith("{") else _NUMBER.findall(text) * (not is_percent) or [text]
    if not parts:
        return []
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    return numbers if len(numbers) == 4 and all(math.isfinite(number) for number in numbers) else None


def _of_object(text: str) -> list[str]:
    """Return x, y, width and height of a JSON object."""
    try:
        fields = {key.casefold(): str(value) for key, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        return ["?"]
    found = [fields.get(name) or fields.get(name[0], "?") for name in ("x", "y", "width", "height")]
    return found


def _boxes(rows: Sequence[list[float] | None], values: Iterable[Any], meaning: _Meaning) -> pd.Series:
    """Return each box as text; what cannot be read begins with BAD_BOX."""
    numbers = [row for row in rows if row]
    shares = bool(numbers) and max(max(row) for row in numbers) <= 1
    texts = []
    for row, value in zip(rows, values, strict=True):
        if row == []:
            texts.append("")
            continue
        x, y, width, height = row or (0.0, 0.0, 0.0, 0.0)
        if meaning == "corners":
            width, height = width - x, height - y
        elif meaning == "centre":
            x, y = x - width / 2, y - height / 2
        is_share = row is not None and max(row) <= 1
        if row is None or width <= 0 or height <= 0 or is_share != shares:
            texts.append(f"{BAD_BOX}{value}")
        else:
            texts.append(box_text(x, y, width, height, shares=shares))
    return pd.Series(texts, dtype=object)


def box_text(x: float, y: float, width: float, height: float, *, shares: bool, margin: float = 0.0) -> str:
    """Return a box as a media fragment.

    >>> box_text(0.25, 0.5, 0.2, 0.2, shares=True, margin=0.1)
    'xywh=percent:23,48,24,24'

    Args:
        x: Of its left side, in pixels, or as a share of the photo's width.
        y: Of its top, likewise.
        width: Likewise.
        height: Likewise.
        shares: Whether the numbers are shares of the photo's sides.
        margin: What is added on every side, as a share of the box's width and height; nothing beyond the photo.
    """
    left, top = max(x - margin * width, 0), max(y - margin * height, 0)
    right, bottom = x + (1 + margin) * width, y + (1 + margin) * height
    if shares:
        right, bottom = min(right, 1), min(bottom, 1)
    scale, unit = (100, "percent:") if shares else (1, "")
    numbers = (left, top, right - left, bottom - top)
    return f"xywh={unit}" + ",".join(f"{round(scale * number, 4):g}" for number in numbers)
