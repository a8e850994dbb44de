"""A category's prompt as a value: a small safetensors file that knows which model it belongs to."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from vicp.errors import PromptError
from vicp.io import atomic_write, content_digest
from vicp.model.category_metric import CategoryMetric

FORMAT = "vicp-prompt-1"

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class VisualPrompt:
    """Prompt tokens, and what the LLM made of the category's labelled pairs.

    Attributes:
        tokens: Prompt tokens (M, D), or (L, M, D) for prompts per layer.
        states: Slot states (M, E), for the in-context verifier; None where no LLM read the pairs.
        category: What the pairs show.
        num_pairs: K.
        seed: Of the support draw; None where the user gave the pairs.
        fingerprint: Of the model that made it; it fits no other.
        category_metric: Of the readout; None where the model emits prompt tokens alone.
    """

    tokens: Floats
    states: Floats | None
    category: str
    num_pairs: int
    seed: int | None
    fingerprint: str
    category_metric: CategoryMetric[Floats] | None = None

    @property
    def arrays(self) -> dict[str, Floats | None]:
        """By the names they have in a file."""
        metric = {} if self.category_metric is None else self.category_metric.arrays
        return {"tokens": self.tokens, "states": self.states, **metric}

    @property
    def parts(self) -> tuple[Floats, ...]:
        """The arrays that decide how photos are embedded under it."""
        return tuple(part for name, part in self.arrays.items() if name != "states" and part is not None)

    def save(self, path: Path) -> None:
        """Write the prompt; the file appears whole or not at all.

        Raises:
            PromptError: It cannot be written there.
        """
        facts = {"category": self.category, "num_pairs": self.num_pairs, "seed": self.seed}
        data = encode_prompt_file(self.arrays, facts, fingerprint=self.fingerprint, format_name=FORMAT)
        write_prompt_file(path, data)

    @classmethod
    def load(cls, path: Path) -> "VisualPrompt":
        """Read a prompt.

        Raises:
            PromptError: The file is missing, damaged or no prompt.
        """
        file = read_prompt_file(path, formats=(FORMAT,))
        try:
            return cls(
                tokens=file.arrays["tokens"],
                states=file.arrays.get("states"),
                category_metric=CategoryMetric.from_arrays(file.arrays),
                fingerprint=file.fingerprint,
                category=file.facts["category"],
                num_pairs=file.facts["num_pairs"],
                seed=file.facts["seed"],
            )
        except KeyError as error:
            raise damaged(path, error) from error


def digest(parts: Sequence[NDArray[Any]]) -> str:
    """Return a digest, 16 hexadecimal digits, of the values of these arrays."""
    return content_digest(np.ascontiguousarray(part).tobytes() for part in parts).hex()


@dataclass(frozen=True)
class PromptFile:
    """What stands in a file of a prompt or adaptation: which format, arrays by name, and plain facts."""

    format_name: str
    fingerprint: str
    facts: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def write_prompt_file(path: Path, data: bytes) -> None:
    """Write what `encode_prompt_file` gives, whole or not at all.

    Raises:
        PromptError: It cannot be written there.
    """
    try:
        with atomic_write(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise PromptError(f"{path}: cannot write the prompt ({error.strerror or error})") from error


def encode_prompt_file(
    arrays: Mapping[str, NDArray[Any] | None], facts: dict[str, Any], *, fingerprint: str, format_name: str
) -> bytes:
    """Return the bytes of a safetensors file, without the arrays that are None."""
    metadata = {"format": format_name, "fingerprint": fingerprint, "facts": json.dumps(facts)}
    present = {name: np.ascontiguousarray(array) for name, array in arrays.items() if array is not None}
    data: bytes = save(present, metadata)
    return data


def read_prompt_file(path: Path, *, formats: tuple[str, ...]) -> PromptFile:
    """Read a file that `encode_prompt_file` made in one of these formats.

    Raises:
        PromptError: The file is missing, damaged or of another format.
    """
    if not os.path.isfile(path):  # false, too, for names no disk can hold
        raise PromptError(f"{path}: no such prompt; `vicp teach` makes one")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise damaged(path, error) from error
    return decode_prompt_file(data, formats=formats, name=path)


def decode_prompt_file(data: bytes, *, formats: tuple[str, ...], name: object) -> PromptFile:
    """Return the content of the bytes that `encode_prompt_file` made, in one of these formats.

    Args:
        data: The bytes.
        formats: To accept.
        name: Of what they were read from, for messages.

    Raises:
        PromptError: They are damaged or of another format.
    """
    try:
        arrays = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])  # as the safetensors format has it
        metadata = header.get("__metadata__") or {}
        if metadata.get("format") not in formats:
            raise PromptError(
                f"{name}: not a category prompt (format {metadata.get('format')!r}, expected "
                f"{' or '.join(map(repr, formats))}); `vicp teach` makes one"
            )
        facts = json.loads(metadata["facts"])
        if not isinstance(facts, dict):
            raise TypeError(f"facts are {type(facts).__name__}, expected a mapping")
        return PromptFile(metadata["format"], metadata["fingerprint"], facts, arrays)
    except (SafetensorError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise damaged(name, error) from error


def damaged(name: object, error: Exception) -> PromptError:
    """Return the error for a file that has the right format but not what belongs in it."""
    return PromptError(f"{name}: damaged prompt ({error}); make it again with `vicp teach`")
