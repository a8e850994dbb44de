"""docs/formats.md: every console block runs, in its order, on imitations, and prints what stands there."""

import csv
import json
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Run, write_photo
from tests.helpers.camtrap import medium, observation, write_package

PAGE = Path(__file__).parent.parent / "docs" / "formats.md"
COLOURS = {"Zoe": (220, 40, 40), "Max": (40, 60, 210)}
WHOLE = [0.0, 0.0, 1.0, 1.0]


@pytest.fixture
def imitations(tmp_path: Path) -> None:
    """Small photos, and a file of each format."""
    rows = [("path", "identity", "date")]
    for number, (name, colour) in enumerate(COLOURS.items()):
        for shot in range(2):
            rows.append((f"photos/{name}-{shot}.jpg", name, f"2024-0{5 + shot}-01"))
            write_photo(tmp_path / rows[-1][0], colour, seed=10 * number + shot)
    with open(tmp_path / "photos.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    for number in range(3):
        for place in ("traps", "package", "turtles"):
            write_photo(tmp_path / place / f"{number}.jpg", COLOURS["Zoe"], seed=50 + number)
    images = [{"file": f"{number}.jpg", "detections": []} for number in range(3)]
    for box in ([0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 0.5, 1.0]):
        images[0]["detections"].append({"category": "1", "conf": 0.9, "bbox": box})
    images[1]["detections"].append({"category": "1", "conf": 0.8, "bbox": WHOLE})
    megadetector = {"detection_categories": {"1": "animal"}, "images": images}
    (tmp_path / "md.json").write_text(json.dumps(megadetector))
    coco_images = [{"id": n, "file_name": f"{n}.jpg", "seq_id": "s", "location": "L"} for n in range(2)]
    boxes = [{"id": n, "image_id": n, "category_id": 1, "bbox": [0, 0, 40, 40], "individual_id": 7} for n in range(2)]
    coco = {"images": coco_images, "annotations": boxes, "categories": [{"id": 1, "name": "animal"}]}
    (tmp_path / "traps" / "coco.json").write_text(json.dumps(coco))
    rows_of_package = [observation(f"o{n}", f"m{n}", species="Equus quagga") for n in range(2)]
    write_package(tmp_path / "package", [medium(f"m{n}", f"{n}.jpg") for n in range(2)], rows_of_package)
    turtles = [
        "image_id,identity,path,position,bbox",
        '1,t1,0.jpg,left,"[0, 0, 40, 40]"',
        "2,t2,1.jpg,right,",
        "3,unknown,2.jpg,,",
    ]
    (tmp_path / "turtles" / "metadata.csv").write_text("\n".join(turtles) + "\n")


def test_every_block_prints_what_stands_there(imitations: None, vit: str, run: Run) -> None:
    """A tiny model stands in for mini, so that similarities may be others than those shown."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 11
    for block in blocks:
        for command, shown in re.findall(r"\$ vicp (.*)\n((?:(?!\$).*\n)*)", block):
            arguments = shlex.split(command)
            if arguments[:2] in (["gallery", "create"], ["pairs", "next"]):
                arguments += ["--backbone", vit]
            printed = run(*arguments)
            similarity = re.compile(r"similarity 0\.\d+")
            assert similarity.sub("", printed) == similarity.sub("", shown), command
