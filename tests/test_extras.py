"""What the plain install can do, and the one line that says which extra brings the rest."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from vicp.errors import MissingExtraError, VICPError
from vicp.extras import EXTRAS, explain_missing_extras, missing_line

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PLAIN_INSTALL = f"""
import os, shlex, sys
from importlib.machinery import PathFinder

class Plain(PathFinder):
    "Finds what is installed, but for the packages of extras."
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.split(".")[0] in {[module for _, modules in EXTRAS.values() for module in modules]}
        return None if hidden else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Plain
from vicp.cli import main
for line in sys.argv[1:]:
    sys.argv = ["vicp", *shlex.split(line)]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


def vicp_plainly(*lines: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the commands one after the other, up to the first that fails, as if no extra were installed."""
    command = [sys.executable, "-c", PLAIN_INSTALL, *lines]
    environment = {**os.environ, "VICP_CACHE": str(cwd / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


def module_of(requirement: str) -> str:
    """`ray[data]>=2.50` is imported as ray."""
    name = re.match(r"[\w-]+", requirement)
    assert name is not None
    return name[0].replace("-", "_")


def test_teach_identify_verify_and_the_gallery_need_no_extra(photo_folder: Path, tmp_path: Path) -> None:
    prompt = "--prompt shoe.prompt.safetensors"
    ended = vicp_plainly(
        "teach shoes --category shoe --pairs 12 --model tiny",
        f"identify shoes shoes/red/0.jpg {prompt} --model tiny",
        f"verify shoes/red/0.jpg shoes/blue/0.jpg {prompt} --model tiny",
        f"gallery create herd {prompt} --model tiny",
        "gallery enroll herd shoes --category shoe",
        "gallery identify herd shoes/red/1.jpg",
        "gallery stats herd",
        "pairs next shoes --category shoe --model tiny --out pairs.csv --sheet pairs.html",
        "data check shoes",
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Enrolled 15 photos, 5 new identities." in ended.stdout


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("train", "training needs accelerate, which is not installed: pip install 'vicp[train]'"),
        ("ablate", "training needs accelerate, which is not installed: pip install 'vicp[train]'"),
        (
            "evaluate tiny --photos shoes --out report",
            "a report with plots needs matplotlib, which is not installed: pip install 'vicp[evaluate]'",
        ),
        ("serve herd", "a page in the browser needs uvicorn, which is not installed: pip install 'vicp[service]'"),
        ("demo", "a report with plots needs matplotlib, which is not installed: pip install 'vicp[evaluate]'"),
    ],
)
def test_a_missing_extra_is_one_line(line: str, says: str, tmp_path: Path) -> None:
    ended = vicp_plainly(line, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (2, f"error: {says}\n")


def test_a_missing_extra_is_an_error_of_vicp_and_of_importing() -> None:
    says = r"a Ray cluster needs ray, .*: pip install 'vicp\[ray\]'"
    with pytest.raises(MissingExtraError, match=says) as caught, explain_missing_extras():
        raise ModuleNotFoundError("No module named 'ray.data'", name="ray.data")
    assert isinstance(caught.value, VICPError)
    assert isinstance(caught.value, ImportError)
    assert caught.value.name == "ray.data"


def test_other_missing_modules_pass_as_they_are() -> None:
    assert missing_line("requests") is None
    with pytest.raises(ModuleNotFoundError, match="No module named 'requests'"), explain_missing_extras():
        raise ModuleNotFoundError("No module named 'requests'", name="requests")


def test_an_installation_without_pytorch_says_so() -> None:
    says = r"this needs torch, which is not installed here: pip install torch transformers"
    with pytest.raises(MissingExtraError, match=says), explain_missing_extras():
        raise ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")


def test_extras_are_those_of_the_wheel() -> None:
    wheel = {
        extra: tuple(map(module_of, requirements))
        for extra, requirements in PROJECT["optional-dependencies"].items()
        if extra not in ("dev", "docs")  # neither is asked for by a command
    }
    assert {extra: modules for extra, (_, modules) in EXTRAS.items()} == wheel


def test_every_requirement_has_its_pinned_version() -> None:
    pins = {module_of(line).lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    extras = PROJECT["optional-dependencies"].values()
    wanted = {module_of(line).lower() for line in [*PROJECT["dependencies"], *(r for extra in extras for r in extra)]}
    assert wanted - pins == {"vicp"}
