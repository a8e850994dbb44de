"""A parameter that is a dataclass is one option per field, and the command gets the dataclass."""

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from vicp.cli.shared.option_groups import with_option_groups


@dataclass(frozen=True)
class Where:
    depth: Annotated[float, typer.Option("--below", help="In metres.")] = 2.5
    names: Annotated[list[str] | None, typer.Option("--name")] = None


def test_the_command_gets_what_its_options_say() -> None:
    app, given = typer.Typer(), []

    def dive(boat: Annotated[str, typer.Argument()], *, where: Where, deep: bool = False) -> None:
        """Go below."""
        given.append((boat, where, deep))

    app.command()(with_option_groups(dive))
    run = CliRunner().invoke
    assert run(app, ["Ann"]).exit_code == 0
    assert run(app, ["Ann", "--below", "30", "--name", "a", "--name", "b", "--deep"]).exit_code == 0
    assert given == [("Ann", Where(), False), ("Ann", Where(30.0, ["a", "b"]), True)]
    assert run(app, ["Ann", "--below", "far"]).exit_code == 2
    said = run(app, ["--help"]).output
    assert "Go below." in said
    assert said.index("--below") < said.index("--name") < said.index("--deep"), "in the order of the parameters"
