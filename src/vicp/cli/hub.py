"""Commands that share prompts: push, pull."""

from pathlib import Path
from typing import Annotated

import typer

from vicp.cli.shared.opening import quiet_loading
from vicp.cli.shared.options import JsonOption
from vicp.cli.shared.output import print_result
from vicp.cli.shared.paths import check_out_file
from vicp.errors import ConfigError


def push(
    prompt: Annotated[Path, typer.Argument(help="A category's prompt, from `vicp teach`.")],
    target: Annotated[str, typer.Argument(help="A hub name, OWNER/NAME, or a folder.")],
    public: Annotated[bool, typer.Option("--public", help="A repository that is made is seen by everybody.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Share a prompt on the hub, or in a folder.

    A card goes with it, which says how far to trust it.
    """
    from vicp.adapt.prompt_hub import push_prompt

    quiet_loading()
    where = push_prompt(prompt, target, private=not public)
    print_result({"prompt": str(prompt), "target": where}, [f"Wrote {prompt.name} and its card to {where}."], as_json)


def pull(
    source: Annotated[str, typer.Argument(help="A hub name, OWNER/NAME, or a folder.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    as_json: JsonOption = False,
) -> None:
    """Fetch a prompt that somebody has shared.

    What was fetched once is taken from the cache of the hub.
    """
    from vicp.adapt.prompt_hub import pull_prompt
    from vicp.io import atomic_write

    check_out_file(out, option="--out")
    if out.exists():
        raise ConfigError(f"--out {out}: is there already; give another name, or remove it")
    quiet_loading()
    prompt, content = pull_prompt(source)
    with atomic_write(out) as part:
        part.write_bytes(content)
    model = prompt.model or f"the model {prompt.fingerprint}"
    facts = {"prompt": str(out), "category": prompt.category, "model": prompt.model, "fingerprint": prompt.fingerprint}
    print_result(facts, [f"Wrote {out}: a prompt for {prompt.category}, of {model}."], as_json)
