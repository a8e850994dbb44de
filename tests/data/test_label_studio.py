"""Label Studio: tasks as it reads them, and what people annotated as photos and as labelled pairs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vicp.data.label_studio import Region, local_url, photo_task
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.decisions.outcome import Candidate, Identification
from vicp.errors import DataError
from vicp.gallery.labelling.label_studio_tasks import write_pair_tasks, write_photo_tasks
from vicp.gallery.labelling.pair_files import add_pairs
from vicp.gallery.labelling.proposals import ProposedPair


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PhotoTable:
    """Two crops of one picture, and two whole photos."""
    monkeypatch.chdir(tmp_path)
    for name in ("herd 1.png", "b.png", "c.png"):
        pixels = np.random.default_rng(len(name)).integers(0, 256, (20, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    rows = ["herd 1.png,[0 0 10 20]", "herd 1.png,[20 5 20 10]", "b.png,", "c.png,"]
    (tmp_path / "photos.csv").write_text("path,bbox\n" + "\n".join(rows) + "\n")
    return open_photos(tmp_path / "photos.csv", need_identity=False)


def answer(photo: str, verdict: Any, probability: float) -> Identification:
    candidates = (Candidate('Tom & "Co"', 0.9, probability, "x.png"), Candidate("Kit", 0.1, 0.01, "y.png"))
    return Identification(photo, "cat", verdict, probability, 1 - probability, candidates, "")


def test_answers_as_tasks_and_back(photos: PhotoTable, tmp_path: Path) -> None:
    names = list(photos.frame["path"])
    answers = [answer(names[0], "same", 0.9), answer(names[1], "new", 0.8), answer("b.png", "same", 0.7)]
    interface = write_photo_tasks(tmp_path / "tasks.json", answers, [photos], fingerprint="f00")
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert [task["data"] for task in tasks] == [
        {"image": "/data/local-files/?d=herd%201.png", "photo": "herd 1.png"},
        {"image": "/data/local-files/?d=b.png", "photo": "b.png"},
    ]
    herd = tasks[0]["predictions"][0]
    assert herd["model_version"].endswith(" f00")
    assert [(part["id"], part["type"]) for part in herd["result"]] == [
        ("r1", "rectanglelabels"),
        ("r1", "choices"),
        ("r2", "rectanglelabels"),
    ]
    box = {"x": 0, "y": 0, "width": 25, "height": 100, "rotation": 0}
    assert herd["result"][0]["value"] == {**box, "rectanglelabels": ["Animal"]}
    assert herd["result"][1]["value"] == {**box, "choices": ['Tom & "Co"']}
    assert (herd["result"][0]["original_width"], herd["result"][0]["original_height"]) == (40, 20)
    assert tasks[1]["predictions"][0]["score"] == 0.7
    assert '<Choice value="Kit"/><Choice value="Tom &amp; &quot;Co&quot;"/>' in interface.read_text()

    for task in tasks:  # a person accepts both, and names the second animal of the herd
        task["annotations"] = [{"was_cancelled": True, "result": [{"id": "x", "type": "choices", "value": {}}]}]
        task["annotations"].append({"result": task.pop("predictions")[0]["result"]})
    second = {"id": "r2", "type": "choices", "from_name": "identity", "value": {"choices": ["Kit"]}}
    tasks[0]["annotations"][1]["result"].append(second)
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    table = open_photos(tmp_path / "export.json", category="cat")
    assert table.frame[["path", "category", "identity"]].to_numpy().tolist() == [
        ["herd 1.png#xywh=percent:0,0,25,100", "cat", 'Tom & "Co"'],
        ["herd 1.png#xywh=percent:50,25,50,50", "cat", "Kit"],
        ["b.png", "cat", 'Tom & "Co"'],
    ]
    assert table.photo_bytes(1) == photos.photo_bytes(1)


def test_pairs_as_tasks_and_back(photos: PhotoTable, tmp_path: Path) -> None:
    names = list(photos.frame["path"])
    pairs = [ProposedPair(names[0], "b.png", 0.5, "uncertain"), ProposedPair("b.png", "c.png", 0.9, "likely same")]
    interface = write_pair_tasks(tmp_path / "tasks.json", pairs, photos)
    assert '<Choice value="same"/><Choice value="different"/>' in interface.read_text()
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert tasks[0]["data"]["left"].startswith("data:image/jpeg;base64,"), "a crop stands in the task itself"
    assert tasks[1]["data"] == {
        "left": local_url("b.png"),
        "right": local_url("c.png"),
        "left_photo": "b.png",
        "right_photo": "c.png",
        "similarity": 0.9,
        "why": "likely same",
    }
    said = {"type": "choices", "from_name": "same", "value": {"choices": ["different"]}}
    tasks[0]["annotations"] = [{"result": [said]}, {"result": [said]}]
    tasks[1]["annotations"] = []
    export = tmp_path / "export.json"
    export.write_text(json.dumps(tasks))
    result = add_pairs(export, tmp_path / "pairs.csv", photos)
    assert (result.new, result.unlabelled, result.same) == (1, 1, 0)
    assert (tmp_path / "pairs.csv").read_text().splitlines()[1] == f'"{names[0]}",b.png,0'
    tasks[0]["annotations"][1]["result"] = [{**said, "value": {"choices": ["same"]}}]
    export.write_text(json.dumps(tasks))
    with pytest.raises(DataError, match=r"export\.json: herd .* and b.png are called different and same: correct one"):
        add_pairs(export, tmp_path / "pairs.csv", photos)
    with pytest.raises(DataError, match=r"no annotations of photos: KeyError\('image'\) in a task; pairs are"):
        open_photos(export)
    export.write_text(json.dumps([photo_task("u", "b.png", (1, 1), [Region(None, "", 0.0)], model_version="v")]))
    with pytest.raises(DataError, match=r"export\.json: no annotated pairs of Label Studio \(KeyError\('left_photo'\)"):
        add_pairs(export, tmp_path / "pairs.csv", photos)
    with pytest.raises(DataError, match="1 tasks, and nobody is named in them: annotate them first"):
        open_photos(export)
