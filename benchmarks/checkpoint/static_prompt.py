"""Lays a learned static prompt beside a VICP model on the same frozen backbone: `static` of its evaluations.

    python -m benchmarks.checkpoint.static_prompt --static FOLDER --model FOLDER

A prompt belongs to the model whose fingerprint it carries, and that of a VICP model has its LLM in it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.lib.program import run
from vicp.adapt.load import load_backbone_embedder, load_model
from vicp.adapt.prompt import STATIC_NAME
from vicp.errors import ConfigError
from vicp.model.loading.weights import fingerprint
from vicp.model.visual_prompt import VisualPrompt


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--static", type=Path, required=True, help="what train.method=static has written")
    parser.add_argument("--model", type=Path, required=True, help="folder of a VICP checkpoint")
    options = parser.parse_args(arguments)
    print(attach(options.static, options.model))


def attach(static: Path, model: Path) -> Path:
    """Writes the prompt into the model's folder; returns where.

    Raises:
        ConfigError: the model is no folder, or the prompt was learned on another backbone.
        WeightsError: there is no such model.
        PromptError: there is no such prompt.
    """
    if not model.is_dir():
        raise ConfigError(f"{model}: no such folder; --model is that of a VICP checkpoint")
    prompt = VisualPrompt.load(static / STATIC_NAME)
    embedder = load_model(str(model))
    learned_on = load_backbone_embedder(str(static), pooling=embedder.backbone.pooling)
    if prompt.fingerprint != learned_on.fingerprint:
        raise ConfigError(f"{static / STATIC_NAME}: left over from another training: train it again")
    if fingerprint(embedder.backbone) != fingerprint(learned_on.backbone):
        raise ConfigError(f"{static}: learned on another backbone than that of {model}: train it on that one")
    path = model / STATIC_NAME
    replace(prompt, fingerprint=embedder.fingerprint).save(path)
    return path


if __name__ == "__main__":
    run(main)
