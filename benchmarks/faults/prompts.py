"""Damaged prompt files: each is read as it was written, or refused with a line."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.faults.mutations import mutate
from vicp.adapt.linear_transform import LinearTransform
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import Whitening
from vicp.data.seeds import derive_seed
from vicp.errors import VICPError
from vicp.model.visual_prompt import VisualPrompt


@cache
def originals() -> tuple[bytes, ...]:
    """Return prompt files of two recipes."""
    visual = VisualPrompt(np.ones((4, 8), np.float32), np.ones((4, 6), np.float32), "cat", 16, 0, "0123456789abcdef")
    whitening = LinearTransform(mean=np.zeros(8, np.float32), weight=np.eye(8, dtype=np.float32))
    plain = Prompt(Whitening(), "cat", 16, None, "0123456789abcdef", whitening=whitening)
    return Prompt.of(visual).to_bytes(), plain.to_bytes()


def run_case(number: int, folder: Path) -> str:
    """Damage a prompt's bytes or the facts in its header, and load it."""
    rng = np.random.default_rng(derive_seed(number, "faults", "prompts"))
    data = originals()[number % len(originals())]
    path = folder / "cat.prompt.safetensors"
    path.write_bytes(mutate(data, rng) if rng.random() < 0.5 else _other_facts(data, rng))
    try:
        prompt = Prompt.load(path)
        prompt.project([np.ones((2, 8), np.float32) for _ in prompt.feature_sources])
        prompt.save(folder / "again.prompt.safetensors")
        repr(prompt)
    except VICPError:
        return ""
    return ""


def _other_facts(data: bytes, rng: np.random.Generator) -> bytes:
    """Return the file with a fact or a tensor's description left out, or of another type."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    facts = json.loads(header["__metadata__"]["facts"])
    place = facts if rng.random() < 0.7 else header if rng.random() < 0.5 else header["__metadata__"]
    key = sorted(place)[rng.integers(len(place))]
    if rng.random() < 0.4:
        del place[key]
    else:
        values = (None, "", [], {}, -1, 10**30, 1.5, True, "cat\0", {"a": [1]}, ["x"] * 3)
        place[key] = values[rng.integers(len(values))]
    if isinstance(header.get("__metadata__"), dict) and place is not header["__metadata__"]:
        header["__metadata__"]["facts"] = json.dumps(facts)
    written = json.dumps(header).encode()
    return len(written).to_bytes(8, "little") + written + data[8 + size :]
