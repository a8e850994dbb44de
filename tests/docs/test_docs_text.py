"""Commands, options, routes, links and errors that the pages name are those that there are."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.docs.pages import PAGES, ROOT, blocks
from vicp.cli import app
from vicp.errors import VICPError
from vicp.service.problems import PROBLEM_TYPES, problem_type

ERRORS = ROOT / "docs" / "errors.md"
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command of the words after `vicp`, and its arguments and options.

    Raises:
        KeyError: There is no such command.
    """
    command = typer.main.get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def options_of(command: Any) -> set[str]:
    """The options of a command, and of those below it."""
    found = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
    return found.union(*map(options_of, getattr(command, "commands", {}).values()))


def commands_in(text: str) -> list[list[str]]:
    """The words after `vicp` of each command of a block of shell; `\\` joins lines, `#` begins a comment."""
    lines = text.replace("\\\n", " ").splitlines()
    words = [
        shlex.split(line.removeprefix("$ "), comments=True) for line in lines if re.match(r"(\$ |\w+=\S+ )*vicp ", line)
    ]
    return [each[each.index("vicp") + 1 :] for each in words]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_and_option_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shell = [words for block in blocks(page, "sh", "console") for words in commands_in(block)]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]
    named = [shlex.split(code)[1:] for code in inline if re.match(r"vicp [a-z]", code)]
    for words in shell + named:
        command, rest = command_of([word for word in words if word != "…"])
        for word in rest:
            if word.startswith("--"):
                assert word.split("=")[0] in options_of(command), f"vicp {' '.join(words)}"
    everywhere = options_of(typer.main.get_command(app))
    for code in inline:
        if re.match(r"--[a-z]", code):
            assert code.split()[0].split("=")[0] in everywhere | {"--help"}, code


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_blocks_of_shell_give_a_command_all_that_it_requires(page: Path) -> None:
    for block in blocks(page, "sh", "console"):
        for words in commands_in(block):
            command, rest = command_of(words)
            values = [word for word in rest if not word.startswith("--")]
            required = [each for each in command.params if each.param_type_name == "argument" and each.required]
            assert len(values) >= len(required), words
            for option in command.params:
                if option.param_type_name == "option" and option.required:
                    assert set(option.opts) & {word.split("=")[0] for word in rest}, f"{words} lacks {option.opts[0]}"


LINKED = [*PAGES, ROOT / "CONTRIBUTING.md", *(ROOT / "docs" / name for name in ("cli.md", "python.md", "rest.md"))]


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8")):
        file = (page.parent / target) if target else page
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, anchor


def test_every_route_named_in_prose_exists() -> None:
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"]
    known = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    known |= {(method, path.removeprefix("/api/v1/galleries/{gallery}")) for method, path in known}
    mentioned = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for method, path in re.findall(r"`(GET|POST|PATCH|DELETE) (/[^`\s]*)`", text):
            assert (method, path) in known, f"{page.name}: {method} {path}"
            mentioned += 1
        for path in re.findall(r"`(/(?:api/v1|health)/[^`\s]+)`", text):
            assert path in {each for _, each in known} | {"/api/v1/openapi.json"}, f"{page.name}: {path}"
    assert mentioned >= 2


def test_the_rest_page_has_every_route() -> None:
    page = (ROOT / "docs" / "rest.md").read_text(encoding="utf-8")
    for path, operations in json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"].items():
        for method in operations:
            assert f"### `{method.upper()} {path}`\n" in page, "run `make docs`"


def kinds(error: type[VICPError]) -> list[str]:
    """The names of all errors below one that stand in the tree of vicp.errors."""
    below = [each for each in error.__subclasses__() if each.__module__ == "vicp.errors"]
    return [name for each in below for name in (each.__name__, *kinds(each))]


def test_every_kind_of_error_has_its_paragraph() -> None:
    page = ERRORS.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (.+)\n\n(.+)$", page, re.M))
    ours = [name for name in sections if name.endswith("Error")]
    assert sorted(ours) == sorted(kinds(VICPError))
    problems = {name for name in sections if name.startswith("urn:")}
    assert problems == {problem_type(status) for status in PROBLEM_TYPES}
    for status in PROBLEM_TYPES:
        assert sections[problem_type(status)].startswith(f"Status {status}. ")


def test_every_page_is_behind_a_door() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```{toctree}\n(.*?)```", index, re.S) for line in block.splitlines()]
    listed = {re.sub(r".* <(.*)>", r"\1", line) for line in lines}
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"} <= listed


def all_commands(command: Any, words: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every command below a group, by its words after `vicp`."""
    if not hasattr(command, "commands"):
        return {words: command}
    below = (all_commands(each, (*words, name)) for name, each in command.commands.items())
    return dict(each for found in below for each in found.items())


COMMANDS = all_commands(typer.main.get_command(app))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_of_a_command_begins_with_a_short_sentence_and_ends_in_an_example(words: tuple[str, ...]) -> None:
    command = COMMANDS[words]
    first = command.help.split("\n")[0]
    assert first.endswith(".")
    assert len(first) <= 45, "the list of commands would cut it"
    example = re.fullmatch(r"Example: `vicp (.+)`", command.epilog or "")
    assert example is not None
    arguments = shlex.split(example[1])
    assert tuple(arguments[: len(words)]) == words
    command.make_context(words[-1], arguments[len(words) :])
