"""Label Studio (https://labelstud.io): tasks to annotate, and what people annotated.

A photo task shows a picture; its predictions are rectangles in percent, each with a choice `identity` of the same id. A
pair task shows `left` and `right`, and its choice `same` is "same" or "different". `data` also carries the names that
the photos have here, so that annotations find them again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

PAIR_CONFIG = """<View style="display: flex">
  <Image name="left" value="$left"/>
  <Image name="right" value="$right"/>
  <Choices name="same" toName="left" choice="single"><Choice value="same"/><Choice value="different"/></Choices>
</View>
"""
PHOTO_CONFIG = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image"><Label value="Animal"/></RectangleLabels>
  <Choices name="identity" toName="image" perRegion="true" layout="select">{choices}</Choices>
</View>
"""


@dataclass(frozen=True)
class Region:
    """A proposed individual on a picture.

    Attributes:
        box: Left, top, width and height in percent; None for the whole picture.
        identity: Who it may be; "" for nobody known.
        probability: Of that.
    """

    box: tuple[float, float, float, float] | None
    identity: str
    probability: float


def local_url(path: str) -> str:
    """Return the URL of a file below the folder that Label Studio serves as local files."""
    return f"/data/local-files/?d={quote(path)}"


def pair_task(left: str, right: str, photos: tuple[str, str], **facts: Any) -> dict[str, Any]:
    """Return a task that asks whether two photos show the same individual.

    Args:
        left: The URL of one.
        right: And of the other.
        photos: Their names here.
        facts: What else to show.
    """
    return {"data": {"left": left, "right": right, "left_photo": photos[0], "right_photo": photos[1], **facts}}


def photo_task(
    url: str, photo: str, size: tuple[int, int], regions: Sequence[Region], *, model_version: str
) -> dict[str, Any]:
    """Return a task that shows a picture with who may be on it.

    Args:
        url: Of the picture.
        photo: Its name here.
        size: Its width and height in pixels.
        regions: Who may be where.
        model_version: What made the proposals.
    """
    result = [part for number, region in enumerate(regions, 1) for part in _parts(f"r{number}", region, size)]
    score = min((region.probability for region in regions), default=0.0)
    prediction = {"model_version": model_version, "score": round(score, 4), "result": result}
    return {"data": {"image": url, "photo": photo}, "predictions": [prediction]}


def _parts(identifier: str, region: Region, size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    common = {
        "id": identifier,
        "to_name": "image",
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
    }
    value: dict[str, Any] = {}
    if region.box is not None:
        value = {**dict(zip(("x", "y", "width", "height"), region.box, strict=True)), "rotation": 0}
        label = {"from_name": "label", "type": "rectanglelabels", "value": {**value, "rectanglelabels": ["Animal"]}}
        yield common | label
    if region.identity:
        yield common | {"from_name": "identity", "type": "choices", "value": {**value, "choices": [region.identity]}}


def is_label_studio(document: Any) -> bool:
    """Return whether a JSON document is an export of Label Studio: tasks with annotations."""
    is_list = isinstance(document, list) and bool(document)
    return is_list and all(isinstance(task, dict) and "data" in task for task in document)


def annotated_pairs(tasks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield left, right and same ("1", "0" or "" where nobody said) of every pair task.

    Raises:
        KeyError: A task is of something else.
        ValueError: Two people contradict each other, or a choice is neither same nor different.
    """
    for task in tasks:
        left, right = task["data"]["left_photo"], task["data"]["right_photo"]
        chosen = {
            str(part["value"]["choices"][0])
            for result in _results(task)
            for part in result
            if part.get("type") == "choices"
        }
        if len(chosen) > 1:
            raise ValueError(f"{left} and {right} are called {' and '.join(sorted(chosen))}")
        choice = chosen.pop() if chosen else ""
        if choice not in ("same", "different", ""):
            raise ValueError(f"{left} and {right} are called {choice!r}, expected same or different")
        yield left, right, {"same": "1", "different": "0", "": ""}[choice]


def annotated_photos(tasks: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """Yield `path`, `box` and `identity` of every individual that people marked, and of photos without one.

    Raises:
        KeyError: A task is of something else.
    """
    from vicp.data.sources.boxes import box_text  # the package of sources imports this module

    for task in tasks:
        path = task["data"].get("photo") or _path_of(str(task["data"]["image"]))
        boxes: dict[str, str] = {}
        names: dict[str, str] = {}
        for part in next(iter(reversed(_results(task))), []):
            identifier, value = str(part.get("id")), part["value"]
            if part.get("type") == "rectanglelabels":
                numbers = (float(value[name]) / 100 for name in ("x", "y", "width", "height"))
                boxes[identifier] = box_text(*numbers, shares=True)
            elif part.get("type") == "choices":
                names[identifier] = str(value["choices"][0])
        if not boxes:
            yield {"path": path, "box": "", "identity": next(iter(names.values()), "")}
        for identifier, box in boxes.items():
            yield {"path": path, "box": box, "identity": names.get(identifier, "")}


def _results(task: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """Return what each person said of a task who did not skip it, the last one last."""
    annotations = task.get("annotations") or ()
    return [one.get("result") or [] for one in annotations if not one.get("was_cancelled")]


def _path_of(url: str) -> str:
    """Return the path of a photo below the folder of local files, or its name on the web."""
    parts = urlsplit(url)
    local = parse_qs(parts.query).get("d")
    return local[0] if local else parts.path.rsplit("/", 1)[-1]
