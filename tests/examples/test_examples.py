"""Every example runs as its first lines say, and prints something true."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from examples.sample_photos import write_sample_photos

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: Path) -> str:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found is not None, text
    return float(found.group(1))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample_photos(tmp_path_factory.mktemp("photos"), individuals=12, photos_each=4)


def test_quickstart_tells_individuals_apart(photos: Path, tmp_path: Path) -> None:
    shown = run("quickstart.py", photos, tmp_path / "gallery")
    same, different = (float(value) for value in re.findall(r"\(similarity (-?[\d.]+)\)", shown))
    assert same > different
    assert "enrolled 48 photos" in shown
    names = re.findall(r"^  (\w+)  similarity", shown, flags=re.M)
    assert names[0] == sorted(photos.rglob("*.png"))[-1].parent.name


def test_gallery_story_takes_a_mistake_back_and_finds_individuals_again(photos: Path, tmp_path: Path) -> None:
    shown = run("gallery_story.py", photos, tmp_path / "gallery")
    assert "first year: 20 photos, once more: 0" in shown
    assert number(r"second year: (\d+) of 20", shown) >= 8, "chance is two"
    assert (number(r"merged by mistake: (\d+)", shown), number(r"after the undo: (\d+)", shown)) == (9, 10)
    assert "in the end: 44 photos of 11 individuals, 44 embedded" in shown
    assert shown.splitlines()[-1].startswith("7. keeper reindex:")


def test_scikit_learn_is_better_than_chance_and_finds_unknown_ones_newer(photos: Path) -> None:
    shown = run("scikit_learn.py", photos)
    assert number(r"embeddings: (\d+)% right", shown) > 2 * number(r"chance (\d+)%", shown)
    assert number(r"classifier: (\d+)% right", shown) > 50
    new = [float(value) for value in re.findall(r"mean P\(new\) of \w+ individuals: ([\d.]+)", shown)]
    assert new[1] > new[0]


def test_a_gallery_in_fiftyone(photos: Path, tmp_path: Path) -> None:
    compile((EXAMPLES / "fiftyone_gallery.py").read_text(encoding="utf-8"), "fiftyone_gallery.py", "exec")
    checked = "the example is checked for its syntax alone"
    database = pytest.importorskip("fiftyone.db", reason=f"fiftyone is no dependency: {checked}")
    if not (os.environ.get("FIFTYONE_DATABASE_URI") or (Path(database.__file__).parent / "bin" / "mongod").exists()):
        pytest.skip(f"fiftyone is installed without its MongoDB: {checked}")
    run("quickstart.py", photos, tmp_path / "gallery")
    shown = run("fiftyone_gallery.py", tmp_path / "gallery", tmp_path / "place", Path("--no-app"))
    assert "48 photos of 12 individuals" in shown


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short_and_use_the_public_names_alone(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    modules = set(re.findall(r"^(?:from|import) (vicp[\w.]*)", text, flags=re.M))
    assert modules <= {"vicp"} or example.name == "sample_photos.py"
