"""Boxes of MegaDetector's results and of COCO or COCO Camera Traps -> a row per animal, whatever tool found it.

MegaDetector: https://github.com/agentmorris/MegaDetector/tree/main/megadetector/output-formats, format 1.6; boxes are
shares of the photo's sides. COCO: https://cocodataset.org/#format-data; boxes are pixels. COCO Camera Traps adds when
and where a photo was taken, and `seq_id`, which is its moment.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vicp.data.sources.boxes import box_text
from vicp.errors import ConfigError, DataError

_ANIMALS = {"animal", "animals", "object", "individual"}  # names of all kinds of animals, which are no category
_OTHERS = {"person", "human", "vehicle", "empty", "blank", "none"}
_NO_FACTS = {"id", "image_id", "category_id", "bbox", "bbox_relative", "segmentation", "area", "iscrowd", "category"}
_SCORES = ("conf", "score", "confidence", "detection_conf")


@dataclass(frozen=True)
class BoxFile:
    """A file of boxes, and which of them become crops, how large.

    Attributes:
        path: JSON, as MegaDetector writes it, or in the form of COCO or COCO Camera Traps.
        min_confidence: The least confidence of a box, 0 to 1; a box without one counts as sure.
        margin: What is added on every side of a box, as a share of its width and height, from 0 to 1.
    """

    path: str | os.PathLike[str]
    min_confidence: float = 0.2
    margin: float = 0.05

    def __post_init__(self) -> None:
        for name, value in (("min_confidence", self.min_confidence), ("margin", self.margin)):
            if not 0 <= value <= 1:
                raise ConfigError(f"{name} {value:g}: expected a number from 0 to 1")


@dataclass(frozen=True, eq=False)
class Detections:
    """The animals that a file of boxes names.

    Attributes:
        frame: A row per animal: `path` as the file has it, `box`, and what the file says of the photo and the animal.
        faults: Photo -> why the file says nothing of it.
        empty: Photos in which nobody is, at this confidence.
    """

    frame: pd.DataFrame
    faults: Mapping[str, str]
    empty: tuple[str, ...]


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        DataError: It cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON, or a damaged file ({error})") from error


def find_detections(document: Any, boxes: BoxFile) -> Detections:
    """Return the animals of a file of boxes, persons and vehicles left out.

    Raises:
        DataError: It is of another form, or a box cannot be used.
    """
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise DataError(
            f"{boxes.path}: no file of boxes: expected MegaDetector's results, or COCO with images and annotations"
        )
    try:
        if isinstance(document.get("annotations"), list):
            found = list(_of_coco(document))
        else:
            found = list(_of_megadetector(document))
        return _detections(found, boxes)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{boxes.path}: not of the form of MegaDetector or COCO: {said}") from error


@dataclass(frozen=True)
class _Photo:
    """A photo of a file of boxes: its name, what is said of it, its animals, and why there can be none."""

    name: str
    animals: Sequence[Mapping[str, Any]]
    fault: str = ""


def _of_megadetector(document: Mapping[str, Any]) -> Iterator[_Photo]:
    """Yield the photos of MegaDetector's results."""
    names = {str(key): str(name) for key, name in document["detection_categories"].items()}
    classes = {str(key): str(name) for key, name in (document.get("classification_categories") or {}).items()}
    for image in document["images"]:
        fault = f"the detector failed on it ({image['failure']})" if image.get("failure") else ""
        if "frame_rate" in image:
            fault = "a video: give its frames as photos"
        animals = []
        for detection in image.get("detections") or ():
            if names[str(detection["category"])].casefold() in _OTHERS:
                continue
            facts: dict[str, Any] = {**_facts(detection), "box": (detection["bbox"], True)}
            if best := detection.get("classifications"):
                facts["category"] = classes[str(best[0][0])]
            animals.append(facts)
        if not fault and image.get("detections") is None:
            fault = "the detector says nothing of it"
        yield _Photo(str(image["file"]), animals, fault)


def _of_coco(document: Mapping[str, Any]) -> Iterator[_Photo]:
    """Yield the photos of COCO or COCO Camera Traps; an animal without a box is the whole photo."""
    names = {category["id"]: str(category["name"]) for category in document.get("categories", ())}
    by_image: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in document["images"]}
    for annotation in document["annotations"]:
        name = names.get(annotation.get("category_id"), "animal")
        if name.casefold() in _OTHERS:
            continue
        facts = _facts(annotation)
        if name.casefold() not in _ANIMALS:
            facts["category"] = name
        shares = annotation.get("bbox_relative")
        facts["box"] = (annotation.get("bbox") or None, False) if shares is None else (shares, True)
        by_image[annotation["image_id"]].append(facts)
    for image in document["images"]:
        said = {"camera": "location", "sequence": "seq_id", "date": "datetime"}
        of_photo = {ours: str(image[theirs]) for ours, theirs in said.items() if image.get(theirs) is not None}
        fault = "the file calls it corrupt" if image.get("corrupt") else ""
        yield _Photo(str(image["file_name"]), [of_photo | facts for facts in by_image[image["id"]]], fault)


def _facts(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else a box says, such as an identity: single values under names of their own."""
    return {
        name: value
        for name, value in fields.items()
        if name not in _NO_FACTS and isinstance(value, str | int | float) and not isinstance(value, bool)
    }


def _detections(photos: Sequence[_Photo], boxes: BoxFile) -> Detections:
    rows, faults, empty = [], {}, []
    for photo in photos:
        name = photo.name.replace("\\", "/")
        if photo.fault:
            faults[name] = photo.fault
            continue
        sure = [animal for animal in photo.animals if _confidence(animal) >= boxes.min_confidence]
        if not sure:
            empty.append(name)
        for animal in sure:
            facts = {key: value for key, value in animal.items() if key not in ("box", *_SCORES)}
            numbers, shares = animal["box"]
            rows.append({**facts, "path": name, "box": _text_of(name, numbers, shares, boxes.margin)})
    frame = pd.DataFrame(rows, columns=None if rows else ["path", "box"], dtype=object)
    return Detections(frame, faults, tuple(empty))


def _confidence(animal: Mapping[str, Any]) -> float:
    return next((float(animal[name]) for name in _SCORES if name in animal), 1.0)


def _text_of(name: str, numbers: Any, shares: bool, margin: float) -> str:
    """Return a box as text, "" for the whole photo."""
    if numbers is None:
        return ""
    four = [float(number) for number in numbers]
    if len(four) != 4 or not all(map(math.isfinite, four)) or min(four[2:]) <= 0:
        raise ValueError(f"the box {numbers} of {name} is not x, y, width and height")
    if shares and max(four) > 1.01:
        raise ValueError(f"the box {numbers} of {name} is not a share of its sides, from 0 to 1")
    return box_text(*four, shares=shares, margin=margin)
