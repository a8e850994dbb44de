"""What the pages show is what their commands and programs print, on the photos of the first pages."""

import contextlib
import io
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from examples.sample_photos import write_sample_photos

from tests.docs.pages import PAGES, ROOT, same_but_for_figures
from vicp.cli import main


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos` and `new.png`."""
    place = tmp_path_factory.mktemp("docs")
    write_sample_photos(place / "photos", place / "new.png")
    return place


def test_consoles_print_what_the_pages_say(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `$` line of a console block, once; blocks of several pages that give one command share its output."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("VICP_CACHE", str(place / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    printed: dict[str, str] = {}
    for page in PAGES:
        if page.name == "formats.md":  # its photos are others: tests/test_formats_page.py
            continue
        for block in re.findall(r"^```console\n(.*?)^```$", page.read_text(encoding="utf-8"), re.S | re.M):
            assert block.startswith("$ "), page.name
            for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
                command, _, written = part.partition("\n")
                if command not in printed:
                    printed[command] = output_of(command, monkeypatch)
                if written.strip():
                    assert same_but_for_figures(printed[command], written), (
                        f"{page.name}: {command}\n{printed[command]}"
                    )
    assert len(printed) >= 6


def output_of(command: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a command of a page prints; in this process, for time."""
    program, *arguments = shlex.split(command)
    out = io.StringIO()
    if program == "python":
        monkeypatch.syspath_prepend(str(ROOT))
        source = compile((ROOT / arguments[0]).read_text(encoding="utf-8"), arguments[0], "exec")
        monkeypatch.setattr(sys, "argv", arguments)
        with contextlib.redirect_stdout(out):
            exec(source, {"__name__": "__main__"})
        return out.getvalue()
    assert program == "vicp", command
    monkeypatch.setattr(sys, "argv", ["vicp", *arguments])
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0, command
    return out.getvalue()


PROGRAM = r"^```python\n(.*?)^```$(?:[^`]*?^```text\n(.*?)^```$)?"  # and what it prints, where that is shown
PROGRAMS = [
    (page.name, number, *found)
    for page in PAGES
    for number, found in enumerate(
        re.findall(
            r"^```python\n(.*?)^```$(?:[^`]*?^```text\n(.*?)^```$)?", page.read_text(encoding="utf-8"), re.S | re.M
        )
    )
    if page.name != "page.md"  # that one is run against a server, in tests/service
]


@pytest.mark.parametrize(("page", "number", "program", "written"), PROGRAMS, ids=lambda value: str(value)[:12].strip())
def test_python_prints_what_the_page_says(
    page: str, number: int, program: str, written: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(place / "photos", tmp_path / "photos")
    shutil.copy(place / "new.png", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VICP_CACHE", str(place / "cache"))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program, page, "exec"), {"__name__": "__main__"})
    assert out.getvalue()
    assert not written or same_but_for_figures(out.getvalue(), written), out.getvalue()
