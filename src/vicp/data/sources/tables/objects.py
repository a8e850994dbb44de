"""The column `objects` of Hugging Face datasets, several boxes on one photo -> a row per object."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

OBJECTS = "objects"


def row_per_object(frame: pd.DataFrame, class_names: Mapping[str, list[str]]) -> pd.DataFrame:
    """Return a table whose photos with several boxes are several rows; photos without a box stay as they are.

    Lists next to `bbox` become columns under their own names, and `categories` one of them, where it has names.

    Args:
        frame: A table; its column `objects` holds {"bbox": [...], ...}, or JSON of it.
        class_names: List of `objects` -> the names of its numbers, where the file tells them.
    """
    if OBJECTS not in frame or "bbox" in frame:
        return frame
    said = [_fields(value) for value in frame[OBJECTS]]
    if not any("bbox" in fields for fields in said):
        return frame
    rows: list[dict[Any, Any]] = []
    others = frame.drop(columns=OBJECTS).to_dict("records")
    for row, fields in zip(others, said, strict=True):
        boxes = list(fields.pop("bbox", ()))
        if not boxes:
            rows.append(row)
        for number, box in enumerate(boxes):
            rows.append(row | {"bbox": list(box)} | _values(fields, number, len(boxes), class_names))
    return pd.DataFrame(rows, dtype=object)


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        return {name: [one.get(name) for one in value] for name in value[0]}
    return dict(value) if isinstance(value, Mapping) else {}


def _values(
    fields: Mapping[str, Any], number: int, num_boxes: int, class_names: Mapping[str, list[str]]
) -> dict[str, Any]:
    """Return what is said of one object, under our names where the field is called otherwise."""
    values = {}
    for name, each in fields.items():
        if not hasattr(each, "__len__") or isinstance(each, str) or len(each) != num_boxes:
            continue
        value, names = each[number], class_names.get(name, [])
        is_number = not isinstance(value, str) and value is not None
        if is_number and int(value) < len(names):
            value = names[int(value)]
        if name in ("categories", "category"):
            if isinstance(value, str):
                values["category"] = value
        elif name not in ("id", "area", "iscrowd"):
            values[name] = value
    return values
