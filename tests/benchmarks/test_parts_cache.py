from pathlib import Path

from benchmarks.lib.parts_cache import PartKey, finish_part, read_part

KEY, FACTS = PartKey("A", "A-00", "own", 16, "abc-30 steps at 0.1, x loss"), {"photos": 60}


def test_a_finished_part_is_not_made_again(tmp_path: Path) -> None:
    made = []

    def make() -> dict[str, float]:
        made.append(1)
        return {"map": 50.0}

    assert read_part(tmp_path, KEY, FACTS) is None
    first = finish_part(tmp_path, KEY, FACTS, make)
    assert finish_part(tmp_path, KEY, FACTS, make) == first == {"map": 50.0, "facts": FACTS}
    assert len(made) == 1
    assert [path.name for path in tmp_path.rglob("*.json")] == ["A-00-abc-30-steps-at-0.1-x-loss.json"]


def test_a_part_of_other_tasks_or_half_a_file_counts_for_nothing(tmp_path: Path) -> None:
    finish_part(tmp_path, KEY, FACTS, lambda: {"map": 50.0})
    assert read_part(tmp_path, KEY, {"photos": 500}) is None
    KEY.path(tmp_path).write_text('{"map": 5')
    assert read_part(tmp_path, KEY, FACTS) is None
    assert finish_part(tmp_path, KEY, FACTS, lambda: {"map": 60.0})["map"] == 60
    other = PartKey("A", "A-00", "own", 64, KEY.subject)
    assert read_part(tmp_path, other, FACTS) is None
