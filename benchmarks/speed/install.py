"""What is installed: all requirements of the package against those that running an exported model needs."""

import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.lib.program import ROOT
from benchmarks.speed.command_cost import command_cost

TORCH_PART = ("torch", "transformers", "huggingface_hub")  # what teaching and training need


NUM_LARGEST = 12


def measure_installs() -> dict[str, dict[str, Any]]:
    """Megabytes with the package itself, CPU seconds of pip, and the largest packages, each in a fresh environment."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements: list[str] = project["dependencies"]
    light = [each for each in requirements if each.partition(">")[0] not in TORCH_PART]
    own = megabytes(ROOT / "src" / "vicp")
    found = {name: install(listed) for name, listed in (("without_torch", light), ("full", requirements))}
    return {name: {**values, "mb": values["mb"] + own} for name, values in found.items()}


def install(requirements: Sequence[str]) -> dict[str, Any]:
    """Megabytes and CPU seconds of installing these, and what takes the room."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        packages = next(Path(folder).glob("lib/python*/site-packages"))
        before = megabytes(packages)
        pip = [f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt")]
        cost = command_cost("pip install", [*pip, *requirements], {})
        return {"mb": megabytes(packages) - before, "cpu": cost["cpu"], "largest": largest(packages)}


def largest(packages: Path) -> dict[str, float]:
    """Megabytes of the largest packages, each with the libraries that it brings in a folder beside it."""
    sizes: Counter[str] = Counter()
    for place in packages.iterdir():
        if place.is_dir() and place.name not in ("pip", "setuptools"):
            sizes[place.name.removesuffix(".libs")] += megabytes(place)
    return dict(sizes.most_common(NUM_LARGEST))


def megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
