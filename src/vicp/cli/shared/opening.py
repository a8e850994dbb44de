"""Opening what a command needs: a model, a prompt."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import vicp
from vicp.cli.shared.options import EngineName
from vicp.errors import ConfigError
from vicp.progress import progress_bar


@contextmanager
def open_model(
    model: str | None,
    backbone: str | None,
    *,
    prompts: Sequence["vicp.Prompt | None"] = (),
    skip_bad: bool,
    cache: bool,
    task: str,
    engine: EngineName = "auto",
) -> Iterator["vicp.Model"]:
    """Open a VICP model or, where one is named, a bare backbone; yields it ready for photos.

    Where neither is named it is the one that the prompts are for, if there are any, or `mini`.
    """
    from vicp.runtime.cache import EmbeddingCache, default_cache_folder
    from vicp.runtime.opening import open_encoder

    quiet_loading()
    if model is not None and backbone is not None:
        raise ConfigError(f"--model {model} and --backbone {backbone}: give one of the two")
    if backbone is not None:
        opened = open_encoder(backbone, engine=engine, kind="backbone")
    elif model is not None:
        opened = open_encoder(model, engine=engine, kind="model")
    else:
        named = next((prompt.model for prompt in prompts if prompt is not None and prompt.model is not None), "mini")
        opened = open_encoder(named, engine=engine)
    store = EmbeddingCache(default_cache_folder()) if cache else None
    with progress_bar(task) as progress:
        yield vicp.Model(replace(opened, cache=store, skip_bad=skip_bad, progress=progress))


def quiet_loading() -> None:
    """Turn off progress bars of loading weights, which takes no time, without importing what shows them."""
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # transformers reads it when it is imported
    if "transformers" in sys.modules:
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()


def load_prompt(path: Path | None) -> "vicp.Prompt | None":
    """Return the prompt of a file, if one is given."""
    return None if path is None else vicp.Prompt.load(path)
