"""The story in examples/gallery_story.py, with mini and the procedural world."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from vicp.adapt.load import load_model

SCRIPT = Path(__file__).parents[2] / "examples" / "gallery_story.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gallery_story", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gallery_story"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_story(script: ModuleType, tmp_path: Path) -> None:
    table = script.procedural_photos()
    assert len(table) == 300
    story = script.tell(tmp_path, load_model("mini"), table)
    num_unknown = 3 * script.UNKNOWN_INDIVIDUALS * 5
    assert story.second_year == 10
    assert story.enrolled == 300 - num_unknown - 3 * (20 - script.UNKNOWN_INDIVIDUALS) - story.second_year
    assert story.again == 0
    assert story.first_right > 0.5, "chance is one in eighteen"
    assert story.not_matched >= 0.8
    assert story.merged > story.after_undo >= 3
    assert story.spaces[0] != story.spaces[1]
    assert "reindex" in story.log[-1]
    assert any("took back" in line for line in story.log)
