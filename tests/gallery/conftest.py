"""A tiny model and a small gallery of it."""

import multiprocessing
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import write_photo

from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_model
from vicp.adapt.prompt import Prompt
from vicp.adapt.teach import teach_category
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.gallery.gallery import Gallery

PRELOADED = ("pytest", "lancedb", "imagehash", "vicp.adapt.load", "vicp.adapt.teach", "vicp.gallery.gallery")
COLOURS = {"red": (220, 40, 40), "green": (40, 200, 60), "blue": (40, 60, 210), "yellow": (220, 210, 50)}


def write_photos(root: Path, *, shots: int = 3, seed: int = 0) -> Path:
    """`root/NAME/*.jpg`: individuals told apart by colour, each photo with its own noise."""
    for number, (name, colour) in enumerate(COLOURS.items()):
        for shot in range(shots):
            write_photo(root / name / f"{shot}.jpg", colour, seed=seed + 100 * number + shot)
    return root


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    return load_model("tiny")


@pytest.fixture(scope="session")
def shoe_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve photos of four individuals."""
    return write_photos(tmp_path_factory.mktemp("photos") / "shoes")


@pytest.fixture(scope="session")
def shoe_prompts(embedder: Embedder, shoe_folder: Path) -> list[Prompt]:
    """Two prompts of one category."""
    return [
        teach_category(
            embedder, open_photos(shoe_folder), category="shoe", num_pairs=6, seed=seed, adapt="generated"
        ).prompt
        for seed in (0, 1)
    ]


@pytest.fixture(scope="session")
def shoes(shoe_folder: Path) -> PhotoTable:
    return open_photos(shoe_folder, category="shoe")


@pytest.fixture(scope="session")
def made(
    embedder: Embedder, shoes: PhotoTable, shoe_prompts: list[Prompt], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A gallery of the twelve photos, not to be written to."""
    uri = tmp_path_factory.mktemp("made") / "gallery"
    Gallery.create(uri, embedder, shoe_prompts[:1], author="ann").enroll(shoes)
    return uri


@pytest.fixture
def gallery(made: Path, tmp_path: Path, embedder: Embedder) -> Gallery:
    """A copy of it, to be written to."""
    return Gallery.open(shutil.copytree(made, tmp_path / "gallery"), embedder, author="ann")


@pytest.fixture(scope="module")
def fork() -> Iterator[multiprocessing.context.ForkServerContext]:
    """Processes of their own, forked from one that has done the slow imports and nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED])
    with pytest.MonkeyPatch.context() as patch:  # of a module alone: other tests compare runs to the bit
        patch.setenv("OMP_NUM_THREADS", "1")
        yield context
