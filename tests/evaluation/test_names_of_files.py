"""What files are called, in which order rows list them and in which format does not move a number of `evaluate`."""

from pathlib import Path

import pytest
from tests.helpers.arrangements import arrangements
from tests.helpers.photos import write_frames

import vicp
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.protocols.protocol import PROTOCOLS
from vicp.evaluation.protocols.tasks import make_tasks
from vicp.evaluation.results import Evaluation


@pytest.fixture(scope="module")
def herd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("photos") / "herd", individuals=12, scenes=4, frames=1)


@pytest.mark.parametrize("protocol", ["vicp-retrieval", "closed-set", "open-set"])
def test_tasks_are_of_the_same_photos(protocol: str, herd: Path, tmp_path: Path) -> None:
    def photos_of_tasks(table: vicp.PhotoTable) -> list[list[list[bytes]]]:
        tasks, _ = make_tasks(EvaluationPhotos.apart(table), PROTOCOLS[protocol], seed=3)
        parts = [[t.support, t.query, t.gallery, t.pairs.left, t.pairs.right] for t in tasks if t.pairs is not None]
        return [[[table.photo_bytes(row) for row in rows] for rows in part] for part in parts]

    expected = photos_of_tasks(vicp.open_photos(herd))
    assert len(expected) == 1
    for table in arrangements(herd, tmp_path, seeds=range(3)):
        assert [sorted(rows) for rows in photos_of_tasks(table)[0]] == [sorted(rows) for rows in expected[0]]
        assert photos_of_tasks(table) == expected


def test_no_number_of_the_report_moves(herd: Path, tmp_path: Path, vit: str) -> None:
    def rows(table: vicp.PhotoTable) -> list[tuple[str, str, dict[str, float]]]:
        report: Evaluation = vicp.evaluate(
            [vit], table, pairs=8, support_draws=2, adapt=["null", "metric"], diagnose=False, seed=2
        )
        return [(r.adaptation, r.category, {name: one.value for name, one in r.values.items()}) for r in report.rows]

    expected = rows(vicp.open_photos(herd))
    assert {adaptation for adaptation, _, _ in expected} == {"null", "metric"}
    for table in arrangements(herd, tmp_path, seeds=range(1)):
        for (_, _, values), (_, _, others) in zip(expected, rows(table), strict=True):
            assert others == pytest.approx(values, abs=1e-6)
