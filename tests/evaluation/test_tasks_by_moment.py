"""Evaluation by moment: a query is not looked up among the frames of its own burst, and it is said."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from vicp.data.records import PhotoTable
from vicp.errors import DataError
from vicp.evaluation.estimates import ResamplingUnits, estimate_by_side
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.protocols.protocol import PROTOCOLS
from vicp.evaluation.protocols.tasks import make_tasks
from vicp.evaluation.scoring import TaskResult
from vicp.evaluation.task import EvaluationTask
from vicp.metrics import retrieval

NUM_CATS, SCENES, FRAMES = 8, 2, 3


def cats(**columns: list[str]) -> PhotoTable:
    """Eight cats, two scenes each, three frames of a scene."""
    rows = [
        (f"n{cat}", f"n{cat}/{scene}-{frame}.jpg")
        for cat in range(NUM_CATS)
        for scene in range(SCENES)
        for frame in range(FRAMES)
    ]
    frame = pd.DataFrame(rows, columns=["identity", "path"]).assign(category="cat", **columns)
    images = [path.encode() for path in frame["path"]]  # nothing here decodes them
    return PhotoTable(frame.assign(row=range(1, len(frame) + 1), image=images), None)


def scenes() -> np.ndarray:
    return np.repeat(np.arange(NUM_CATS * SCENES), FRAMES)


def task_of(table: PhotoTable, moments: np.ndarray | None, **settings: str) -> tuple[EvaluationTask, list[str]]:
    photos = EvaluationPhotos.apart(table)
    photos = photos if moments is None else replace(photos, moments=moments)
    (task,), notes = make_tasks(photos, PROTOCOLS["disjoint"], seed=0, **settings)
    return task, notes


def test_frames_of_the_querys_burst_do_not_count_and_it_is_said() -> None:
    task, notes = task_of(cats(), scenes())
    assert task.groups is not None
    np.testing.assert_array_equal(task.groups, scenes())
    assert notes == [
        f"cat: {len(task.query)} of {len(task.query)} photos that are looked up have near-equal frames or other photos "
        "of their moment in the gallery, which do not count (--keep-bursts counts them)."
    ]


def test_without_bursts_nothing_is_left_out() -> None:
    for moments in (None, np.arange(NUM_CATS * SCENES * FRAMES)):
        task, notes = task_of(cats(), moments)
        assert (task.groups, task.moments, notes) == (None, None, [])


def test_moments_join_the_column_that_is_left_out() -> None:
    cameras = [f"c{frame}" for _ in range(NUM_CATS * SCENES) for frame in range(FRAMES)]
    moments = np.arange(NUM_CATS * SCENES * FRAMES)
    moments[1] = moments[0]  # of the first cat, a burst of two cameras
    task, _ = task_of(cats(camera=cameras), moments, exclude="camera")
    assert task.groups is not None
    assert len(np.unique(task.groups[: SCENES * FRAMES])) == 2
    assert len(np.unique(task.groups[SCENES * FRAMES : 2 * SCENES * FRAMES])) == 3


def test_individuals_of_one_moment_alone_leave_nothing_to_look_up() -> None:
    one_each = np.repeat(np.arange(NUM_CATS), SCENES * FRAMES)
    with pytest.raises(DataError, match="none of its identity, at another moment, is looked in"):
        task_of(cats(), one_each)


def test_results_by_side_are_means_over_the_queries_of_the_side() -> None:
    table = cats(viewpoint=["left" if row % 2 else "right" for row in range(NUM_CATS * SCENES * FRAMES)])
    task, _ = task_of(table, None)
    assert task.sides is not None
    query = np.random.default_rng(0).standard_normal((len(task.query), 8))
    rows = torch.nn.functional.normalize(torch.from_numpy(query), dim=1)
    names = np.array(table.identities)[task.query]
    found = retrieval(rows, rows, names, names, own_rows=np.arange(len(rows)))
    nobody = np.zeros(0, dtype=str)
    units = ResamplingUnits(names, nobody, nobody, False, 0)
    by_side = estimate_by_side([TaskResult(found, np.zeros(0))], units, task.sides[task.query])
    for code, side in enumerate(("left", "right")):
        shown = task.sides[task.query] == code
        assert by_side[side]["map"].value == pytest.approx(found.average_precision[shown].mean())
        assert by_side[side]["rank1"].value == pytest.approx((found.first_hit[shown] == 1).mean())


def test_without_sides_there_are_none() -> None:
    task, _ = task_of(cats(viewpoint=["face"] * (NUM_CATS * SCENES * FRAMES)), None)
    assert task.sides is None
