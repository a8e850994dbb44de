"""Photos and a model small enough for every test."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["VICP_PRECISION"] = "float32"  # values asserted must not depend on the processor


Run = Callable[..., str]


def write_photo(path: Path, colour: tuple[int, int, int], seed: int = 0) -> Path:
    """A JPEG of one colour with a little noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-20, 20, (48, 48, 3))
    Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8)).save(path, quality=95)
    return path


@pytest.fixture
def photo_folder(tmp_path: Path) -> Path:
    """`shoes/NAME/*.jpg`: five identities of three photos, told apart by colour."""
    colours = {
        "red": (220, 40, 40),
        "green": (40, 200, 60),
        "blue": (40, 60, 210),
        "yellow": (220, 210, 50),
        "violet": (150, 60, 190),
    }
    root = tmp_path / "shoes"
    for name, colour in colours.items():
        for shot in range(3):
            write_photo(root / name / f"{shot}.jpg", colour, seed=shot)
    return root


@pytest.fixture
def vit(tmp_path: Path) -> str:
    """The folder of a tiny vision transformer."""
    from tests.adapt.checkpoints import save_vit

    return save_vit(tmp_path / "vit")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """What a command prints on stdout or, where it fails, on stderr; in this process, for time."""
    from vicp.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VICP_CACHE", str(tmp_path / "cache"))

    def run(*arguments: object) -> str:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["vicp", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert ended.value.code == (0 if out else 2)
        return out or err

    return run
