"""A category's prompt as a value: a small safetensors file that knows which model it belongs to."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vicp.errors import PromptError

FORMAT = "vicp-prompt-1"


@dataclass(frozen=True)
class CategoryPrompt:
    """What the LLM made of one category's labelled pairs.

    Attributes:
        tokens: prompt tokens (M, D), or (L, M, D) for prompts per layer.
        states: slot states (M, E), for the in-context verifier.
        category: what the pairs show.
        num_pairs: K.
        seed: of the support draw; None where the user gave the pairs.
        fingerprint: of the model that made it; it fits no other.
    """

    tokens: Tensor
    states: Tensor
    category: str
    num_pairs: int
    seed: int | None
    fingerprint: str

    def save(self, path: Path) -> None:
        """Writes the prompt; the file appears whole or not at all.

        Raises:
            PromptError: it cannot be written there.
        """
        facts = {"category": self.category, "num_pairs": self.num_pairs, "seed": self.seed}
        metadata = {"format": FORMAT, "fingerprint": self.fingerprint, "facts": json.dumps(facts)}
        part = path.parent / (path.name + ".part")
        tensors = {name: getattr(self, name).detach().cpu().contiguous().clone() for name in ("tokens", "states")}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(tensors, part, metadata=metadata)
            part.replace(path)
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or error
            raise PromptError(f"{path}: cannot write the prompt ({reason})") from error

    @classmethod
    def load(cls, path: Path) -> "CategoryPrompt":
        """Reads a prompt.

        Raises:
            PromptError: the file is missing, damaged or no prompt.
        """
        if not os.path.isfile(path):  # false, too, for names no disk can hold
            raise PromptError(f"{path}: no such prompt; `vicp teach` makes one")
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise PromptError(
                        f"{path}: not a category prompt (format {metadata.get('format')!r}, expected "
                        f"{FORMAT!r}); `vicp teach` makes one"
                    )
                facts = json.loads(metadata["facts"])
                return cls(
                    tokens=file.get_tensor("tokens"),
                    states=file.get_tensor("states"),
                    fingerprint=metadata["fingerprint"],
                    category=facts["category"],
                    num_pairs=facts["num_pairs"],
                    seed=facts["seed"],
                )
        except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
            raise PromptError(f"{path}: damaged prompt ({error}); make it again with `vicp teach`") from error
